/**
 * What memory a new server takes above its idle to answer a year of minutes, in each form: against the bytes of the answer.
 * Its peak is the system's own (`VmHWM`), set back when it is idle; only Linux has it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ask } from './support/ask.js';
import { USER_ID, writeDataset } from './support/dataset.js';
import { runFigure } from './support/figure.js';
import { DAY_MS, START_MS } from './support/readings.js';
import { withServers } from './support/servers.js';

const FORMS = { JSON: 'application/json', NDJSON: 'application/x-ndjson', CSV: 'text/csv' };
const DAYS = 365;
const STEP_MS = 15_000;

/** The most and the present resident memory of a process, MiB.
 * @param {number} pid
 */
function readMemory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [peak = 0, now = 0] = ['VmHWM', 'VmRSS'].map(
    (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024,
  );
  return { peak, now };
}

await runFigure('query-memory', async (bench) => {
  const directory = await bench.directory('memory');
  const shape = { deviceIds: ['strap-1', 'watch-1'], days: DAYS, stepMs: STEP_MS };
  await writeDataset({ ...shape, directory: path.join(directory, 'data') });
  const question = { userId: USER_ID, fromMs: START_MS, toMs: START_MS + DAYS * DAY_MS };
  for (const [form, accept] of Object.entries(FORMS)) {
    const subject = `${DAYS} days as ${form}, peak above idle`;
    const limit = 'the bytes of the answer';
    /** @type {import('./support/figure.js').Samples} */
    const samples = { [subject]: [], [limit]: [] };
    for (let round = 0; round < (bench.quick ? 2 : 5); round += 1) {
      await withServers({ server: { kind: 'api', directory } }, async ({ server }) => {
        const idle = readMemory(server.pid).now;
        writeFileSync(`/proc/${server.pid}/clear_refs`, '5');
        const chunks = await ask(server, question, { accept });
        const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        samples[subject]?.push({ value: readMemory(server.pid).peak - idle, cpu: null });
        samples[limit]?.push({ value: bytes / 2 ** 20, cpu: null });
      });
    }
    bench.compare(samples, subject, limit, 'MiB', `two devices, a reading every ${STEP_MS / 1_000} s`, { value: 200 });
  }
});
