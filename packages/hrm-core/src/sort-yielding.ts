import { inTurns, type Steps } from './steps.js';

/** Elements sorted in one piece: some milliseconds' work. */
const SLICE_ELEMENTS = 4_096;

/**
 * Sorts without holding up the process: slices first, which are then merged, with a pause after each few thousand elements. A
 * native sort of 200,000 takes a tenth of a second in one piece.
 * @param compare - as `Array.prototype.sort` takes it; equal elements keep their order.
 * @param give - lets others work, where it is time to.
 */
export async function sortYielding<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  yieldTurn: () => Promise<void>,
): Promise<readonly T[]> {
  return await inTurns(
    sortSteps(items, compare, (slice) => slice.sort(compare)),
    yieldTurn,
  );
}

/** The same in steps. @param sortSlice - sorts some thousand elements, in place, in the order of `compare`. */
export function* sortSteps<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  sortSlice: (slice: T[]) => T[],
): Steps<readonly T[]> {
  let runs: (readonly T[])[] = [];
  for (let from = 0; from < items.length; from += SLICE_ELEMENTS) {
    runs.push(sortSlice(items.slice(from, from + SLICE_ELEMENTS)));
    if (from + SLICE_ELEMENTS < items.length) yield;
  }
  while (runs.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let i = 0; i < runs.length; i += 2) merged.push(yield* merge(runs[i] ?? [], runs[i + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

/** Orders strings by their code units. */
export function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function* merge<T>(left: readonly T[], right: readonly T[], compare: (a: T, b: T) => number): Steps<readonly T[]> {
  if (right.length === 0) return left;
  const merged: T[] = [];
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const isLeft = r >= right.length || (l < left.length && compare(left[l] as T, right[r] as T) <= 0);
    merged.push((isLeft ? left[l] : right[r]) as T);
    if (isLeft) l += 1;
    else r += 1;
    if (merged.length % SLICE_ELEMENTS === 0) yield;
  }
  return merged;
}
