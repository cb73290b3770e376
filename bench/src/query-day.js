/** One user's day at 1 Hz: of one device, of two that measure at the same milliseconds, and before it is compacted. */
import { runFigure } from './support/figure.js';
import { compareQuery } from './support/query-figure.js';

const day = { deviceIds: ['watch-1'], days: 1, stepMs: 1_000 };

await runFigure('query-day', async (bench) => {
  const rounds = bench.quick ? 7 : 21;
  await compareQuery(bench, { ...day, name: 'one device' }, rounds);
  await compareQuery(bench, { ...day, name: 'two devices', deviceIds: ['strap-1', 'watch-1'] }, rounds);
  await compareQuery(bench, { ...day, name: '50 parts, not compacted', partsPerDay: 50, compacted: false }, rounds);
});
