/** A new process' first answer about a day, through the SDK, its start and imports excluded: against reading the files. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { listFiles, USER_ID, writeDataset } from './support/dataset.js';
import { interleave, runFigure } from './support/figure.js';

const PROGRAM = fileURLToPath(new URL('./support/cold-process.js', import.meta.url));

/** What a process tells that did one thing.
 * @param {readonly string[]} args
 * @returns {Promise<import('./support/figure.js').Sample>}
 */
function timeInNewProcess(args) {
  return new Promise((resolve, reject) => {
    const child = fork(PROGRAM, args, { timeout: 60_000 });
    child.once('message', (sample) => resolve(/** @type {import('./support/figure.js').Sample} */ (sample)));
    child.once('exit', (code, signal) => reject(new Error(`the process ended with ${code ?? signal}`)));
  });
}

await runFigure('query-cold', async (bench) => {
  const day = { deviceIds: ['strap-1', 'watch-1'], days: 1, stepMs: 1_000 };
  const shapes = { 'a day, compacted': day, 'a day in 200 parts': { ...day, partsPerDay: 200, compacted: false } };
  for (const [name, shape] of Object.entries(shapes)) {
    const directory = await bench.directory('cold');
    await writeDataset({ ...shape, directory });
    const limit = 'reading the bytes of the files';
    const samples = await interleave(
      {
        [name]: () => timeInNewProcess(['query', directory, USER_ID]),
        [limit]: () => timeInNewProcess(['read', ...listFiles(directory)]),
      },
      bench.quick ? 5 : 21,
    );
    bench.compare(samples, name, limit, 'ms', 'files in the page cache', shape === day ? { value: 60 } : undefined);
  }
});
