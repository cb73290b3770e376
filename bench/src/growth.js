/**
 * How cost grows: answers over HTTP against days, devices, users beside the one asked for and parts; the rate of draining against the
 * users of a batch; a run of compaction with nothing to do against what is settled. `--plot FILE.svg` draws it.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { timeAnswers } from './support/ask.js';
import { USER_ID, writeDataset, writeUsers } from './support/dataset.js';
import { openDrain } from './support/drain-step.js';
import { interleave, median, runFigure } from './support/figure.js';
import { openIdleRuns } from './support/idle-runs.js';
import { renderPlot } from './support/plot.js';
import { DAY_MS, START_MS } from './support/readings.js';

/** @typedef {import('./support/figure.js').Bench} Bench */
/** @typedef {import('./support/figure.js').Samples} Samples */
/** @typedef {import('./support/ask.js').Asked} Asked */

/** Two devices, a reading every 15 s: a minute costs a compacted day's answer the same whatever it was made of. */
const SHAPE = { deviceIds: ['strap-1', 'watch-1'], days: 1, stepMs: 15_000 };
const { values: options } = parseArgs({
  strict: false,
  options: { plot: { type: 'string' }, quick: { type: 'boolean' }, json: { type: 'boolean' } },
});

/**
 * @param {Bench} bench
 * @param {readonly number[]} counts
 */
async function growDays(bench, counts) {
  const directory = await bench.directory('days');
  await writeDataset({ ...SHAPE, days: Math.max(...counts), directory: path.join(directory, 'data') });
  return timeEach(bench, counts, async (days) => ({ directory, question: questionOf(days) }));
}

/**
 * @param {Bench} bench
 * @param {readonly number[]} counts
 */
function growDevices(bench, counts) {
  return timeEach(bench, counts, async (devices) => {
    const directory = await bench.directory('devices');
    const deviceIds = Array.from({ length: devices }, (_, device) => `watch-${device}`);
    await writeDataset({ ...SHAPE, deviceIds, directory: path.join(directory, 'data') });
    return { directory, question: questionOf(1) };
  });
}

/**
 * @param {Bench} bench
 * @param {readonly number[]} counts
 */
function growUsers(bench, counts) {
  return timeEach(bench, counts, async (users) => {
    const directory = await bench.directory('users');
    await writeUsers({ directory: path.join(directory, 'data'), users: users - 1 });
    await writeDataset({ ...SHAPE, directory: path.join(directory, 'data') });
    return { directory, question: questionOf(1) };
  });
}

/**
 * @param {Bench} bench
 * @param {readonly number[]} counts
 */
function growParts(bench, counts) {
  return timeEach(bench, counts, async (partsPerDay) => {
    const directory = await bench.directory('parts');
    const shape = { ...SHAPE, partsPerDay, compacted: false };
    await writeDataset({ ...shape, directory: path.join(directory, 'data') });
    return { directory, question: questionOf(1) };
  });
}

/**
 * @param {Bench} bench
 * @param {readonly number[]} counts
 */
async function growBatch(bench, counts) {
  const drains = await Promise.all(counts.map((users) => openDrain(bench, users)));
  const variants = drains.map(({ drain }, i) => [counts[i], () => drain(true)]);
  const samples = await interleave(Object.fromEntries(variants), bench.quick ? 2 : 5);
  for (const { close } of drains) await close();
  return samples;
}

/**
 * @param {Bench} bench
 * @param {readonly number[]} counts
 */
async function growHistory(bench, counts) {
  const runs = await openIdleRuns(bench, counts);
  const samples = await interleave(
    Object.fromEntries(Object.values(runs.variants).map((variant, i) => [counts[i], variant])),
    bench.quick ? 5 : 15,
  );
  await runs.close();
  return samples;
}

/**
 * @param {Bench} bench
 * @param {readonly number[]} counts
 * @param {(count: number) => Promise<Asked>} prepare
 */
async function timeEach(bench, counts, prepare) {
  /** @type {Record<string, Asked>} */
  const cases = {};
  for (const count of counts) cases[count] = await prepare(count);
  return timeAnswers(cases, bench.quick ? 5 : 15);
}

/** @param {number} days */
function questionOf(days) {
  return { userId: USER_ID, fromMs: START_MS, toMs: START_MS + days * DAY_MS };
}

/**
 * What grows with what: the last count of each is left out by `--quick`.
 * @type {readonly { title: string, unit: 'ms' | 'readings/s', counts: number[], measure: (bench: Bench, counts: readonly number[]) => Promise<Samples> }[]}
 */
const GROWTHS = [
  { title: 'answer by days', unit: 'ms', counts: [1, 3, 10, 30, 100, 365], measure: growDays },
  { title: 'a day by devices', unit: 'ms', counts: [1, 2, 4, 8, 16], measure: growDevices },
  { title: 'a day by users stored', unit: 'ms', counts: [10, 100, 1_000], measure: growUsers },
  { title: 'a day by parts', unit: 'ms', counts: [1, 10, 50, 200, 500], measure: growParts },
  { title: 'drain by users', unit: 'readings/s', counts: [10, 100, 1_000, 10_000], measure: growBatch },
  { title: 'idle compaction by partitions', unit: 'ms', counts: [10, 100, 1_000], measure: growHistory },
];

await runFigure('growth', async (bench) => {
  const series = [];
  for (const { title, unit, counts, measure } of GROWTHS) {
    const measured = await measure(bench, bench.quick ? counts.slice(0, -1) : counts);
    /** @type {Samples} */
    const samples = {};
    for (const [count, each] of Object.entries(measured)) samples[`${title}: ${count}`] = each;
    const [least = '', ...more] = Object.keys(samples);
    for (const name of more) bench.compare(samples, name, least, unit);
    const points = Object.entries(measured).map(([count, each]) => {
      const numbers = each.map(({ value }) => value);
      return { x: Number(count), value: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
    });
    series.push({ title, unit, points });
  }
  if (typeof options.plot === 'string') writeFileSync(options.plot, renderPlot(series));
});
