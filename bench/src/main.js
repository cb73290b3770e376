/**
 * Runs figures one after the other, each as its own program: `main.js [FIGURE…] [--quick] [--json] [--plot FILE.svg]`; all of them but
 * the proofs by default. Temporaries of all go when the last has ended, since deleting many files slows the next ones down.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DIRECTORY_VARIABLE, makeWorkDirectory } from './support/figure.js';
import { printRows } from './support/table.js';

/** @typedef {import('./support/figure.js').Row} Row */

/** What a proof may take is its tests' business; any other figure that takes longer hangs, milliseconds. */
const MAX_FIGURE_MS = 900_000;

/** @type {Record<string, URL>} */
const FIGURES = {
  'post-single': new URL('./post-single.js', import.meta.url),
  'post-batch': new URL('./post-batch.js', import.meta.url),
  enqueue: new URL('./enqueue.js', import.meta.url),
  drain: new URL('./drain.js', import.meta.url),
  compact: new URL('./compact.js', import.meta.url),
  'query-http': new URL('./query-http.js', import.meta.url),
  'query-fixed': new URL('./query-fixed.js', import.meta.url),
  daily: new URL('./daily.js', import.meta.url),
  'query-today': new URL('./query-today.js', import.meta.url),
  'query-cold': new URL('./query-cold.js', import.meta.url),
  'query-memory': new URL('./query-memory.js', import.meta.url),
  bytes: new URL('./bytes.js', import.meta.url),
  formats: new URL('./formats.js', import.meta.url),
  records: new URL('./records.js', import.meta.url),
  growth: new URL('./growth.js', import.meta.url),
  'redis-post-single': new URL('./redis-post-single.js', import.meta.url),
  'redis-fsync': new URL('./redis-fsync.js', import.meta.url),
  'redis-post-batch': new URL('./redis-post-batch.js', import.meta.url),
  'redis-enqueue': new URL('./redis-enqueue.js', import.meta.url),
  'redis-claim': new URL('./redis-claim.js', import.meta.url),
  'redis-consumers': new URL('./redis-consumers.js', import.meta.url),
  's3-latency': new URL('./s3-latency.js', import.meta.url),
  overload: new URL('./overload.js', import.meta.url),
  peers: new URL('./peers.js', import.meta.url),
};

/** Tests with more rounds: they have no figures, and say themselves what they found. @type {Record<string, URL>} */
const PROOFS = {
  kill: new URL('./kill.js', import.meta.url),
  'redis-chaos': new URL('./redis-chaos.js', import.meta.url),
  'aws-chaos': new URL('./aws-chaos.js', import.meta.url),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    plot: { type: 'string' },
  },
});
process.exitCode = await main(positionals);

/** @param {readonly string[]} named */
async function main(named) {
  const known = { ...FIGURES, ...PROOFS };
  const unknown = named.find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) {
    process.stderr.write(`no figure "${unknown}": there are ${Object.keys(known).join(', ')}\n`);
    return 2;
  }
  const work = makeWorkDirectory();
  // The program in hand gets the signal too, and ends; then nothing is left to wait for.
  let isInterrupted = false;
  process.on('SIGINT', () => {
    isInterrupted = true;
  });
  /** @type {Record<string, Row[]>} */
  const results = {};
  let failed = 0;
  try {
    for (const name of named.length > 0 ? named : Object.keys(FIGURES)) {
      if (isInterrupted) return 130;
      const [figure, proof] = [FIGURES[name], PROOFS[name]];
      const rows = proof ? await runProof(proof) : figure ? await runFigure(figure, work) : null;
      if (rows === null) failed += 1;
      else results[name] = rows;
      if (rows !== null && rows.length > 0 && !values.json) printRows(name, rows);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  if (values.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  return failed === 0 ? 0 : 1;
}

/**
 * The rows of one figure; `null` when its program failed.
 * @param {URL} program
 * @param {string} work
 * @returns {Promise<Row[] | null>}
 */
function runFigure(program, work) {
  const options = [...(values.quick ? ['--quick'] : []), ...(values.plot === undefined ? [] : ['--plot', values.plot])];
  const args = ['--expose-gc', fileURLToPath(program), '--json', ...options];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: MAX_FIGURE_MS,
    env: { ...process.env, [DIRECTORY_VARIABLE]: work },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve(code === 0 ? JSON.parse(output) : null));
  });
}

/**
 * @param {URL} program
 * @returns {Promise<Row[] | null>}
 */
function runProof(program) {
  const child = spawn(process.execPath, [fileURLToPath(program)], { stdio: ['ignore', 2, 2] });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve(code === 0 ? [] : null));
  });
}
