/** One user's 365 days, compacted; a reading every 15 s, of two devices every 60 s, since writing a year at 1 Hz would take minutes. */
import { runFigure } from './support/figure.js';
import { compareQuery } from './support/query-figure.js';

const DAYS = 365;

await runFigure('query-year', async (bench) => {
  const rounds = bench.quick ? 2 : 3;
  await compareQuery(
    bench,
    { name: 'one device, every 15 s', deviceIds: ['watch-1'], days: DAYS, stepMs: 15_000 },
    rounds,
  );
  if (bench.quick) return;
  await compareQuery(
    bench,
    { name: 'two devices, every 60 s', deviceIds: ['strap-1', 'watch-1'], days: DAYS, stepMs: 60_000 },
    rounds,
  );
});
