/**
 * What leaves for other systems: a year of minutes and some days of readings in each form, against NDJSON of the same. In this process,
 * from files that were read before.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { queryTables, READING_FORMS, ROW_FORMS } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { USER_ID, writeDataset } from './support/dataset.js';
import { interleave, runFigure } from './support/figure.js';
import { DAY_MS, START_MS } from './support/readings.js';

/**
 * Writes all pieces to nobody.
 * @param {AsyncIterable<Uint8Array>} pieces
 * @param {number} count of readings or rows in them
 */
async function drink(pieces, count) {
  const began = performance.now();
  const cpuBefore = process.cpuUsage();
  let bytes = 0;
  for await (const piece of pieces) bytes += piece.length;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { value: (count * 1_000) / (performance.now() - began), cpu: (user + system) / count, bytes };
}

await runFigure('records', async (bench) => {
  const days = bench.quick ? 2 : 30;
  const directory = path.join(await bench.directory('records'), 'data');
  await writeDataset({ directory, deviceIds: ['watch-1'], days, stepMs: 2_000 });
  const storage = await openDirectoryStorage({ directory });
  const range = { userId: USER_ID, start: START_MS, end: START_MS + days * DAY_MS };
  /**
   * @param {string} what
   * @param {Record<string, () => AsyncIterable<Uint8Array>>} forms
   * @param {number} count
   */
  async function compare(what, forms, count) {
    /** @type {Record<string, number>} */
    const bytes = {};
    const variants = Object.fromEntries(
      Object.entries(forms).map(([name, write]) => [
        `${what} as ${name}`,
        async () => {
          const sample = await drink(write(), count);
          bytes[name] = sample.bytes;
          return sample;
        },
      ]),
    );
    const samples = await interleave(variants, bench.quick ? 1 : 5);
    for (const name of Object.keys(forms)) {
      const note = `${count} ${what} in ${Math.round((bytes[name] ?? 0) / 1e6)} MB`;
      bench.compare(samples, `${what} as ${name}`, `${what} as ndjson`, 'readings/s', note);
    }
  }
  try {
    if (readdirSync(directory).length < days) throw new Error('the data are not there');
    const rows = ROW_FORMS.map((form) => [
      form.name,
      () => form.write(queryTables({ storage }, { ...range, interval: '1m' }), { userId: USER_ID }),
    ]);
    await compare('minutes', Object.fromEntries(rows), (days * DAY_MS) / 60_000);
    const readings = READING_FORMS.map((form) => [form.name, () => form.export({ storage }, range)]);
    await compare('readings', Object.fromEntries(readings), (days * DAY_MS) / 2_000);
  } finally {
    await storage.close();
  }
});
