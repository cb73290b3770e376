export { seededRandom as randomFrom } from '../../src/contract/queue-support.js';

/** The seed of a random test, `HRM_SEED` or a fresh one; printed, so that a failure can be run again. */
export function testSeed(): number {
  const seed = Number(process.env.HRM_SEED ?? Date.now() % 2 ** 31);
  console.log(`HRM_SEED=${seed}`);
  return seed;
}
