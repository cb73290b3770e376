/** `0.2 s ahead of this machine's`. */
export function differenceText(aheadMs: number): string {
  const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
  return seconds === '0.0' ? "this machine's" : `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
}
