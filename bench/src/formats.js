/**
 * Files of devices and exports, read and judged: against decoding their text alone. Each in a process of its own, whose peak of memory is told
 * as well. A file's size costs time and no memory, so larger ones take as long as their readings say.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EXPORT_FILES } from './support/export-files.js';
import { interleave, runFigure } from './support/figure.js';

const PROGRAM = fileURLToPath(new URL('./support/format-process.js', import.meta.url));

/** What an import may take at most, however large the file is, MiB. */
const MOST_MIB = 150;

/** @typedef {{ count: number, ms: number, cpu: number | null, peakMiB: number }} Run */

/**
 * @param {'read' | 'decode'} what
 * @param {string} path
 * @returns {Promise<Run>}
 */
async function run(what, path) {
  const child = fork(PROGRAM, [what, path]);
  const [message] = await once(child, 'message');
  await once(child, 'exit');
  return message;
}

await runFigure('formats', async (bench) => {
  const directory = await bench.directory('formats');
  const count = bench.quick ? 20_000 : 400_000;
  for (const [name, write] of Object.entries(EXPORT_FILES)) {
    const path = `${directory}/${name}`;
    await write(path, count);
    const note = `${count} values in ${Math.round(statSync(path).size / 1e6)} MB`;
    const limit = 'decoding its text';
    const peak = `${name}, peak of memory`;
    /** @type {import('./support/figure.js').Samples} */
    const peaks = { [peak]: [], [limit]: [] };
    /** @param {'read' | 'decode'} what */
    async function measure(what) {
      const { count: got, ms, cpu, peakMiB } = await run(what, path);
      if (what === 'read' && got !== count) throw new Error(`${name}: ${got} readings`);
      peaks[what === 'read' ? peak : limit]?.push({ value: peakMiB, cpu: null });
      return { value: (count * 1_000) / ms, cpu };
    }
    const variants = { [name]: () => measure('read'), [limit]: () => measure('decode') };
    const samples = await interleave(variants, bench.quick ? 1 : 3);
    bench.compare(samples, name, limit, 'readings/s', note);
    bench.compare(peaks, peak, limit, 'MiB', note, { value: MOST_MIB });
  }
});
