/**
 * The name most like `given`, for "did you mean".
 * @returns `undefined` when none is near.
 */
export function nearest(given: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  // Two letters may be wrong, one in a short word, none in a single letter.
  let bestDistance = given.length >= 5 ? 3 : given.length >= 2 ? 2 : 1;
  for (const name of names) {
    // So much longer or shorter, it is no nearer; a hostile name of many kilobytes is compared with none.
    if (Math.abs(given.length - name.length) >= bestDistance) continue;
    const distance = editDistance(given, name);
    if (distance >= bestDistance) continue;
    best = name;
    bestDistance = distance;
  }
  return best ?? names.find((name) => given.length >= 3 && name.startsWith(given));
}

/** Insertions, deletions, replacements and swaps of neighbours that make `left` of `right` (optimal string alignment). */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const same = left[i - 1] === right[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, right.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
