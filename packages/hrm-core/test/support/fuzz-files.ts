/**
 * A process that damages files and has them queried, and one in ten of them compacted and verified: `node fuzz-files.mjs BASES STORE SEED FROM TO`.
 *
 * In the file `progress` of STORE it says which file it is at, so that who watches it can tell one that does not end; the file itself is
 * `current.parquet` there. At the end it prints what came of all as JSON, or, at the first that went wrong, what did.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, type DamageReport, isHrmError, query, type Storage, verify } from '../../src/index.js';
import { memoryStorage } from './memory-storage.js';
import { mutate } from './mutate-parquet.js';
import { promptFileSystem } from './prompt-file-system.js';
import { randomFrom } from './random.js';

const [, , bases = '', place = '', seed = '', from = '', to = ''] = process.argv;
const START_MS = Date.UTC(2024, 0, 15);
const clock = { nowMs: () => Date.UTC(2025, 0, 1) };

/** Of so many files one is stored, queried, verified and compacted; the others are queried in memory, for a tenth of the CPU time. */
const FILES_A_STORED_ONE = 10;

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

/** What was told of a file, and the answer before anything was done about it. */
interface Outcome {
  readonly told: string;
  readonly answer: string;
}

/** Hears of damage. @throws Error where it is told otherwise than it may be. */
function listen() {
  const told = new Set<string>();
  function onDamage({ code, outcome }: DamageReport): void {
    if (!CODES.includes(code) || outcome === 'refused') throw new Error(`it was told as ${code}, ${outcome}`);
    told.add(code);
  }
  return { told, onDamage };
}

const question = { userId: 'ana', start: START_MS + 1, end: START_MS + 86_399_999 };

async function askOnly(storage: Storage): Promise<Outcome> {
  const { told, onDamage } = listen();
  const answer = JSON.stringify(await query({ storage }, question, { onDamage }));
  return { told: [...told].sort().join('+'), answer };
}

async function tryFile(storage: Storage): Promise<Outcome> {
  const { told, onDamage } = listen();
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
function judge(name: string, how: string, { told, answer }: Outcome): string {
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

const DATE = '20240115';

function directoryOf(name: string): string {
  return name.includes('shared') ? '_shared' : 'ana';
}

async function tryStored(storage: Storage, name: string, bytes: Buffer, i: number): Promise<Outcome> {
  const date = join(place, 'store', DATE);
  const directory = join(date, directoryOf(name));
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `part-${i}.parquet`), bytes);
  const outcome = await tryFile(storage);
  // The directories stay, since the storage has made sure of them.
  for (const one of readdirSync(date)) empty(join(date, one));
  return outcome;
}

/** Holds what is done with a file to its bounds. */
async function withinBounds(act: () => Promise<Outcome>): Promise<Outcome> {
  turn();
  stallMs = 0;
  const beganMs = cpuMs();
  const result = await act();
  turn();
  const fileMs = cpuMs() - beganMs;
  const rss = process.memoryUsage.rss();
  most.fileCpuMs = Math.max(most.fileCpuMs, Math.round(fileMs));
  most.stallCpuMs = Math.max(most.stallCpuMs, Math.round(stallMs));
  most.rssMiB = Math.max(most.rssMiB, Math.round(rss / 2 ** 20));
  if (fileMs > MAX_FILE_CPU_MS) throw new Error(`it took ${fileMs} ms of CPU`);
  if (stallMs > MAX_STALL_CPU_MS) throw new Error(`it held up everybody for ${stallMs} ms of CPU`);
  if (rss > MAX_RSS_BYTES) throw new Error(`the process has ${rss} bytes of memory`);
  return result;
}

/** A storage of its own for some files. */
function createStores() {
  const store = join(place, 'store');
  let storage: Storage | null = null;
  let files = 0;
  let isPooled = false;
  return {
    async next(): Promise<Storage> {
      // `verify` reads all that was ever set aside, each time: with the files before, where those are kept.
      if (storage !== null && !isPooled) empty(join(store, '.quarantine'));
      if (storage === null || files % FILES_A_STORE === 0) {
        await storage?.close();
        rmSync(store, { recursive: true, force: true });
        isPooled = (files / FILES_A_STORE) % STORES_A_POOLED_ONE === 0;
        storage = await openDirectoryStorage({ directory: store, fileSystem: isPooled ? undefined : promptFileSystem });
      }
      files += 1;
      return storage;
    },
    close: async () => await storage?.close(),
  };
}

async function run(): Promise<void> {
  const stores = createStores();
  for (let i = Number(from); i < Number(to); i += 1) {
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
    const isStored = isFirst || i % FILES_A_STORED_ONE === 0;
    const storage = isStored
      ? await stores.next()
      : memoryStorage({ date: DATE, directory: directoryOf(base.name) }, { name: `part-${i}.parquet`, bytes });
    const given = await withinBounds(() => (isStored ? tryStored(storage, base.name, bytes, i) : askOnly(storage)));
    const outcome = judge(base.name, how, given);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  await stores.close();
  console.log(JSON.stringify({ outcomes, most }));
}

function fail(error: unknown): void {
  console.log(JSON.stringify({ failure: describe(error) }));
  process.exit(1);
}

process.on('uncaughtException', fail);
await run().catch(fail);
