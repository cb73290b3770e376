/**
 * How long to wait after failures in a row before the next try: doubled each time, so that what is broken is neither hammered nor forgotten.
 * @param failures - before this one, >= 0.
 */
export function backoffMs(
  failures: number,
  { minMs, maxMs }: { readonly minMs: number; readonly maxMs: number },
): number {
  return Math.min(maxMs, minMs * 2 ** failures);
}
