/**
 * A process that damages files and has them queried, compacted and verified: `node fuzz-files.mjs BASES STORE SEED FROM TO`.
 *
 * In the file `progress` of STORE it says which file it is at, so that who watches it can tell one that does not end; the file itself is
 * `current.parquet` there. At the end it prints what came of all as JSON, or, at the first that went wrong, what did.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, type DamageReport, isHrmError, query, type Storage, verify } from '../../src/index.js';
import { mutate } from './mutate-parquet.js';
import { promptFileSystem } from './prompt-file-system.js';
import { randomFrom } from './random.js';

const [, , bases = '', place = '', seed = '', from = '', to = ''] = process.argv;
const START_MS = Date.UTC(2024, 0, 15);
const clock = { nowMs: () => Date.UTC(2025, 0, 1) };

/** Files in one store: more are more than one process may set aside. */
const FILES_A_STORE = 10;

/** Of so many stores one is read by the threads of the pool, as a user's is; the others say the same of a file for half the CPU time. */
const STORES_A_POOLED_ONE = 10;

/** CPU milliseconds: a file of some kilobytes takes ten or twenty. */
const MAX_FILE_CPU_MS = 10_000;
const MAX_STALL_CPU_MS = 2_000;
const MAX_RSS_BYTES = 300 * 1024 * 1024;

const files = readdirSync(bases).map((name) => ({ name, bytes: readFileSync(join(bases, name)) }));
const outcomes: Record<string, number> = {};
const most = { fileCpuMs: 0, stallCpuMs: 0, rssMiB: 0 };

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

let lastTurnMs = cpuMs();
let stallMs = 0;
function turn(): void {
  const nowMs = cpuMs();
  stallMs = Math.max(stallMs, nowMs - lastTurnMs);
  lastTurnMs = nowMs;
}
// Coarse beside what it may come to: a timer of a millisecond costs as much as the files.
setInterval(turn, 20).unref();

/** What a file may come to, and nothing else. */
const CODES = ['file_damaged', 'file_too_large', 'file_unsupported', 'rollup_damaged'];

/** @returns what was told of the file, and the answer before anything was done about it. */
async function tryFile(storage: Storage): Promise<{ readonly told: string; readonly answer: string }> {
  const told = new Set<string>();
  function onDamage({ code, outcome }: DamageReport): void {
    if (!CODES.includes(code) || outcome === 'refused') throw new Error(`it was told as ${code}, ${outcome}`);
    told.add(code);
  }
  const question = { userId: 'ana', start: START_MS + 1, end: START_MS + 86_399_999 };
  const answer = JSON.stringify(await query({ storage }, question, { onDamage }));
  const { failures } = await verify({ storage });
  const done = await compact({ storage, clock }, { all: true, sweepAfterMs: 0 }, { onDamage });
  for (const { code, message } of [...failures, ...done.failures]) throw new Error(`it failed by ${code}: ${message}`);
  const after = JSON.stringify(await query({ storage }, question, { onDamage }));
  if (told.size === 0 && after !== answer) throw new Error('its answer was changed by compaction');
  return { told: [...told].sort().join('+'), answer };
}

/** Ours prove themselves against these, wherever they happen. */
const PROVED = /^(bits( again)?|a run of zeros|truncated|bytes lost)$/;
const truths = new Map<string, string>();

/** @throws Error where an answer is wrong and nobody was told. */
function judge(name: string, how: string, { told, answer }: Awaited<ReturnType<typeof tryFile>>): string {
  const truth = truths.get(name);
  if (how === 'nothing') {
    truths.set(name, answer);
    if (told !== '' || (answer === '[]') !== name.startsWith('empty'))
      throw new Error(`it is well, and was: ${told || answer}`);
  } else if (told === '' && name.startsWith('own') && PROVED.test(how) && truth !== undefined && answer !== truth) {
    throw new Error('its answer is wrong, and nobody was told');
  }
  return told === '' ? (answer === '[]' ? 'empty' : 'read') : told;
}

function describe(error: unknown): string {
  if (!isHrmError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const { cause } = error;
  return `${error.kind} ${error.code} ${error.message} ${cause instanceof Error ? cause.stack : ''}`;
}

function empty(directory: string): void {
  for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
}

async function tryBytes(storage: Storage, name: string, bytes: Buffer, i: number) {
  const date = join(place, 'store/20240115');
  const directory = join(date, name.includes('shared') ? '_shared' : 'ana');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `part-${i}.parquet`), bytes);
  turn();
  stallMs = 0;
  const beganMs = cpuMs();
  const result = await tryFile(storage);
  turn();
  const fileMs = cpuMs() - beganMs;
  // The directories stay, since the storage has made sure of them.
  for (const one of readdirSync(date)) empty(join(date, one));
  const rss = process.memoryUsage.rss();
  most.fileCpuMs = Math.max(most.fileCpuMs, Math.round(fileMs));
  most.stallCpuMs = Math.max(most.stallCpuMs, Math.round(stallMs));
  most.rssMiB = Math.max(most.rssMiB, Math.round(rss / 2 ** 20));
  if (fileMs > MAX_FILE_CPU_MS) throw new Error(`it took ${fileMs} ms of CPU`);
  if (stallMs > MAX_STALL_CPU_MS) throw new Error(`it held up everybody for ${stallMs} ms of CPU`);
  if (rss > MAX_RSS_BYTES) throw new Error(`the process has ${rss} bytes of memory`);
  return result;
}

async function run(): Promise<void> {
  let storage: Storage | null = null;
  let isPooled = false;
  const store = join(place, 'store');
  for (let i = Number(from); i < Number(to); i += 1) {
    if (storage === null || i % FILES_A_STORE === 0) {
      await storage?.close();
      rmSync(store, { recursive: true, force: true });
      isPooled = (i / FILES_A_STORE) % STORES_A_POOLED_ONE === 0;
      storage = await openDirectoryStorage({
        directory: store,
        fileSystem: isPooled ? undefined : promptFileSystem,
      });
    }
    // First each as it is, or it would not be seen that nothing is read any more.
    const isFirst = i - Number(from) < files.length;
    const fraction = randomFrom(Number(seed) + i);
    const pick = () => files[Math.floor(fraction() * files.length)] as (typeof files)[number];
    const base = isFirst ? (files[i - Number(from)] as (typeof files)[number]) : pick();
    const { bytes, how } = isFirst
      ? { bytes: base.bytes, how: 'nothing' }
      : mutate(base.bytes, { fraction, other: pick().bytes });
    writeFileSync(join(place, 'current.parquet'), bytes);
    writeFileSync(join(place, 'progress'), `${i} ${base.name}: ${how}`);
    const outcome = judge(base.name, how, await tryBytes(storage, base.name, bytes, i));
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    // `verify` reads all that was ever set aside, each time: with the files before, where those are kept.
    if (!isPooled) empty(join(store, '.quarantine'));
  }
  await storage?.close();
  console.log(JSON.stringify({ outcomes, most }));
}

function fail(error: unknown): void {
  console.log(JSON.stringify({ failure: describe(error) }));
  process.exit(1);
}

process.on('uncaughtException', fail);
await run().catch(fail);
