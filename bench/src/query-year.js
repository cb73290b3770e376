/** One user's 365 days, compacted; a reading every 15 s, since writing a year at 1 Hz would take minutes. */
import { runFigure } from './support/figure.js';
import { compareQuery } from './support/query-figure.js';

const year = { days: 365, stepMs: 15_000 };

await runFigure('query-year', async (bench) => {
  const rounds = bench.quick ? 2 : 5;
  await compareQuery(bench, { ...year, name: 'one device, every 15 s', deviceIds: ['watch-1'] }, rounds);
  if (bench.quick) return;
  await compareQuery(bench, { ...year, name: 'two devices, every 15 s', deviceIds: ['strap-1', 'watch-1'] }, rounds);
});
