/**
 * What a year of days in figures costs: CPU time, in the process that asks, against taking in the minutes that they are counted from, and
 * writing none of them out. Two devices, compacted.
 */
import path from 'node:path';
import { daily, queryTables } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { USER_ID, writeDataset } from './support/dataset.js';
import { interleave, runFigure } from './support/figure.js';
import { DAY_MS, START_MS } from './support/readings.js';

const DAYS = 365;
const STEP_MS = 15_000;
const FIGURES = `${DAYS} days in figures: CPU time`;
const MINUTES = 'their minutes, not written';

await runFigure('daily', async (bench) => {
  const directory = path.join(await bench.directory('daily'), 'data');
  await writeDataset({ deviceIds: ['strap-1', 'watch-1'], days: DAYS, stepMs: STEP_MS, directory });
  const storage = await openDirectoryStorage({ directory });
  const [start, end] = [START_MS, START_MS + DAYS * DAY_MS];
  const [first = '', behind = ''] = [start, end].map((ms) => new Date(ms).toISOString().slice(0, 10));
  /** @param {() => Promise<unknown>} work */
  async function measure(work) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    const cpu = (user + system) / 1_000;
    return { value: cpu, cpu };
  }
  async function readMinutes() {
    for await (const _ of queryTables({ storage }, { userId: USER_ID, start, end }));
  }
  try {
    const asked = { userId: USER_ID, start: first, end: behind, maxHeartRate: 190 };
    const variants = {
      [FIGURES]: () => measure(() => daily({ storage }, asked)),
      [MINUTES]: () => measure(readMinutes),
    };
    for (let round = 0; round < 3; round += 1) await variants[FIGURES]?.();
    const samples = await interleave(variants, bench.quick ? 5 : 15);
    bench.compare(samples, FIGURES, MINUTES, 'ms', `two devices, a reading every ${STEP_MS / 1_000} s`, { ratio: 1.5 });
  } finally {
    await storage.close();
  }
});
