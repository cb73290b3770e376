/** Numbers 0 <= x < 1 that a seed determines. @see Marsaglia, Xorshift RNGs (2003) */
export function randomFrom(seed: number): () => number {
  // Mixed first, so that neighbouring seeds differ; a state of 0 would stay 0.
  let state = Math.imul(seed ^ (seed >>> 16), 0x9e3779b1) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The seed of a random test, `HRM_SEED` or a fresh one; printed, so that a failure can be run again. */
export function testSeed(): number {
  const seed = Number(process.env.HRM_SEED ?? Date.now() % 2 ** 31);
  console.log(`HRM_SEED=${seed}`);
  return seed;
}
