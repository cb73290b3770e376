/** One batch of 50,000 readings from the queue into parts: against files of the same number and size, each synced, and by users. */
import { IN_FLIGHT, openDrain, READINGS } from './support/drain-step.js';
import { interleave, runFigure } from './support/figure.js';

/** How much of the rate with the fewest users is asked for. */
const TARGETS = { 1000: { ratio: 0.5 }, 10000: { ratio: 0.35 } };
const FEW = 10;

await runFigure('drain', async (bench) => {
  /** @type {Record<string, Awaited<ReturnType<typeof openDrain>>>} */
  const drains = {};
  for (const users of [FEW, ...Object.keys(TARGETS).map(Number)]) drains[users] = await openDrain(bench, users);
  for (const isNew of [true, false]) {
    const when = isNew ? 'their first batch of the day' : 'a later batch';
    /** @param {string | number} users */
    const subject = (users) => `drainBatch of ${READINGS} from ${users} users, ${when}`;
    /** @param {string} users */
    const limit = (users) => `the same files for ${users} users, synced with their directories, ${IN_FLIGHT} in flight`;
    const variants = Object.entries(drains).flatMap(([users, { drain, writeBare }]) => [
      [subject(users), () => drain(isNew)],
      [limit(users), () => writeBare(isNew)],
    ]);
    const samples = await interleave(Object.fromEntries(variants), bench.quick ? 2 : 5);
    for (const [users, { note }] of Object.entries(drains)) {
      bench.compare(samples, subject(users), limit(users), 'readings/s', note());
    }
    for (const [users, target] of Object.entries(TARGETS)) {
      bench.compare(samples, subject(users), subject(FEW), 'readings/s', '', target);
    }
  }
  for (const { close } of Object.values(drains)) await close();
});
