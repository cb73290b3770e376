/** Today, most of it or all still in parts, over HTTP: against the same day when it is compacted. Two devices at 1 Hz. */
import path from 'node:path';
import { timeAnswers, timeFirstAnswer } from './support/ask.js';
import { listFiles, USER_ID, writeDataset } from './support/dataset.js';
import { runFigure } from './support/figure.js';
import { DAY_MS, START_MS } from './support/readings.js';

const PARTS = 200;
const HOUR_MS = 3_600_000;

const DAY = { deviceIds: ['strap-1', 'watch-1'], days: 1, stepMs: 1_000 };
const IN_PARTS = { ...DAY, partsPerDay: PARTS, compacted: false };

/** What is written for each case, one after the other. */
const CASES = {
  'the day compacted': [DAY],
  [`${PARTS} parts`]: [IN_PARTS],
  [`20 hours compacted, ${PARTS} parts after them`]: [
    { ...DAY, spanMs: 20 * HOUR_MS },
    { ...IN_PARTS, fromMs: START_MS + 20 * HOUR_MS, spanMs: 4 * HOUR_MS },
  ],
};

await runFigure('query-today', async (bench) => {
  const question = { userId: USER_ID, fromMs: START_MS, toMs: START_MS + DAY_MS };
  /** @type {Record<string, import('./support/ask.js').Asked>} */
  const cases = {};
  for (const [name, shapes] of Object.entries(CASES)) {
    const directory = await bench.directory('today');
    for (const shape of shapes) await writeDataset({ ...shape, directory: path.join(directory, 'data') });
    cases[name] = { directory, question };
  }
  /** @param {string} name */
  const first = (name) => `${name}: a new server's first answer`;
  const firsts = Object.entries(cases).map(([name, asked]) => [first(name), () => timeFirstAnswer(asked)]);
  const samples = await timeAnswers(cases, bench.quick ? 9 : 31, Object.fromEntries(firsts));
  const [compacted = '', ...todays] = Object.keys(cases);
  for (const name of todays) {
    const files = listFiles(String(cases[name]?.directory)).length;
    bench.compare(samples, name, compacted, 'ms', `${files} files`, { share: 2 });
    bench.compare(samples, first(name), first(compacted), 'ms');
  }
});
