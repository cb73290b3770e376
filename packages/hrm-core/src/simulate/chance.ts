/**
 * Chance that a seed and a place decide: the same numbers give the same value, in whatever order they are asked for. So a heart can
 * be asked for any moment, without those before it.
 */

/** A value 0 <= x < 1 for these integers. @see Murmur3's finalizer, which mixes each in. */
export function chance(...keys: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const key of keys) {
    // The upper half too: minutes since 1970 fit in 32 bits, milliseconds do not.
    hash = mix(mix(hash ^ (key | 0)) ^ Math.floor(key / 2 ** 32));
  }
  return (hash >>> 0) / 2 ** 32;
}

/** Murmur3's finalizer. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) + 0x7ed55d16;
}

/** About normal with mean 0 and deviation 1, and never beyond 3.5: the sum of four even ones. */
export function bell(...keys: readonly number[]): number {
  const sum = [1, 2, 3, 4].reduce((total, part) => total + chance(...keys, part), 0);
  return (sum - 2) * Math.sqrt(3);
}

/** A smooth wander between -1 and 1 that changes its mind every `everyMs`. */
export function wander(atMs: number, everyMs: number, ...keys: readonly number[]): number {
  const step = Math.floor(atMs / everyMs);
  const part = atMs / everyMs - step;
  const ease = part * part * (3 - 2 * part);
  const [from, to] = [chance(...keys, step), chance(...keys, step + 1)];
  return 2 * (from + (to - from) * ease) - 1;
}
