/**
 * Sets of devices as bits, many sets in one array. Each set has as many words, and bit d of them says that device d is in it.
 */

/** Words that a set of so many devices takes, at least one. */
export function wordsFor(devices: number): number {
  return Math.max(1, Math.ceil(devices / 32));
}

/** Adds a device to set `i`. */
export function addToMask(masks: Uint32Array, words: number, i: number, device: number): void {
  const word = i * words + (device >>> 5);
  masks[word] = (masks[word] as number) | (1 << (device & 31));
}

/** Calls back with each device of set `i`, ascending. A word without devices is one step. */
export function eachOfMask(masks: Uint32Array, words: number, i: number, visit: (device: number) => void): void {
  for (let word = 0; word < words; word += 1) {
    for (let bits = masks[i * words + word] as number; bits !== 0; bits = (bits & (bits - 1)) >>> 0) {
      visit(32 * word + 31 - Math.clz32(bits & -bits));
    }
  }
}
