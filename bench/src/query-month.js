/** One user's 30 days at 1 Hz, compacted. */
import { runFigure } from './support/figure.js';
import { compareQuery } from './support/query-figure.js';

const month = { days: 30, stepMs: 1_000 };

await runFigure('query-month', async (bench) => {
  const rounds = bench.quick ? 2 : 3;
  await compareQuery(bench, { ...month, name: 'one device', deviceIds: ['watch-1'] }, rounds);
  if (bench.quick) return;
  await compareQuery(bench, { ...month, name: 'two devices', deviceIds: ['strap-1', 'watch-1'] }, rounds);
});
