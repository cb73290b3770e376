/**
 * The files and directories of an embedded queue, up to the point where lmdb opens them.
 * @module
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, HrmError } from '../../../errors.js';
import { syncDirectory } from '../../../sync-directory.js';

/** lmdb's file in the queue's directory; its lock file has the same name and `-lock`. */
export const FILE_NAME = 'queue.lmdb';

/** The file whose lock keeps openings and writes apart: see gate.ts. It stays empty. */
export const GATE_NAME = `${FILE_NAME}-gate`;

/** Behind a file's name: lmdb's lock file, what its processes know of each other. */
const LOCK_SUFFIX = '-lock';

/** What is written to see whether there is room. */
const PROBE_NAME = 'queue.probe';

/** For the owner alone. */
export const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** What lmdb writes to begin a file with, and the lock file: 8 KiB each, tables 24 KiB; doubled. */
const PROBE_BYTES = 128 * 1024;

/** @see MDB_MAGIC in lmdb's mdb.c; where it stands in lmdb-js' first page, and its format version behind it. */
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;
const FORMAT_VERSION = 2;

/** Two pages of 4 KiB, the smallest that lmdb makes. */
const MIN_FILE_BYTES = 8_192;

/** What tells a file from all others, whatever its name: as long as it is open somewhere, no other file gets these numbers. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The queue file that a process works with, held open so that its {@link FileIdentity} stays its own. */
export interface HeldFile extends FileIdentity {
  readonly descriptor: number;
}

/**
 * Makes sure that lmdb can open the queue's files, creating them (0600) if there are none: lmdb-js crashes the process
 * when it cannot. Must be called inside the gate, where nobody has begun to write the file and not ended.
 * @throws what `fs` throws; HrmError kind `data` when the file is no database, or one of them is no file.
 */
export function prepareFiles(directory: string): void {
  prepare(directory, FILE_NAME, () => layoutError(directory, 'is not a database that this version reads'));
}

/**
 * The same for the files of the gate. Another process may be about to make them, which also looks like no database.
 * @throws like {@link prepareFiles}.
 */
export function prepareGateFiles(directory: string): void {
  prepare(directory, GATE_NAME, () => gateError(join(directory, GATE_NAME)));
}

function prepare(directory: string, name: string, notDatabase: () => HrmError): void {
  const path = join(directory, name);
  const lockPath = `${path}${LOCK_SUFFIX}`;
  for (const each of [path, lockPath, join(directory, PROBE_NAME)]) requireRegular(each);
  const isNew = isEmpty(path);
  if (isNew || isEmpty(lockPath)) probeSpace(directory);
  if (!isNew && !isDatabase(path)) throw notDatabase();
  create(path);
  create(lockPath);
}

/** To open a pipe waits until somebody opens its other end; and lmdb-js crashes the process. */
function requireRegular(path: string): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined || there.isFile()) return;
  throw new HrmError(
    `${path} is no file but a directory, a pipe or a device: move it away, or choose another queue directory (HRM_QUEUE_DIR)`,
    { kind: 'data', code: 'queue_layout' },
  );
}

/**
 * Looks for a queue, and makes none.
 * @throws HrmError kind `unavailable`, code `queue_missing`; kind `data` for what is no file.
 */
export function requireQueue(directory: string): void {
  const path = join(directory, FILE_NAME);
  requireRegular(path);
  // An empty file is what a process leaves that was killed before there was a queue in it.
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  throw new HrmError(
    `There is no queue in ${directory} (HRM_QUEUE_DIR): start hrm serve, which makes one, or name the directory where it is`,
    { kind: 'unavailable', code: 'queue_missing' },
  );
}

function create(path: string): void {
  const descriptor = ifMissing(() => openSync(path, 'ax', FILE_MODE));
  if (descriptor === undefined) return;
  try {
    // The umask may have taken what lmdb needs to open it once more.
    fchmodSync(descriptor, FILE_MODE);
  } finally {
    closeSync(descriptor);
  }
}

/** Does what makes a new entry; `undefined` when there is one already, since another process may have been first. */
function ifMissing<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  }
}

/** Holds the queue file that is there now; end with `closeSync(descriptor)`. Locks are not on this file, but on lmdb's other. */
export function holdQueueFile(directory: string): HeldFile {
  const descriptor = openSync(join(directory, FILE_NAME), 'r');
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return { descriptor, dev, ino };
}

/** The lock file of `name` that is there now. Must not be opened beside lmdb: to close it again would give up lmdb's locks. */
export function identifyLockFile(directory: string, name: string): FileIdentity | undefined {
  return statSync(join(directory, `${name}${LOCK_SUFFIX}`), { bigint: true, throwIfNoEntry: false });
}

/**
 * Deletes the gate's files if its lock file is still `lock`, whose locks are destroyed, so that nobody is inside of the gate
 * by them. Who opens the gate next makes others; who has these open finds that they are not in their place any more.
 */
export function removeGate(directory: string, lock: FileIdentity | undefined): void {
  const there = identifyLockFile(directory, GATE_NAME);
  if (lock === undefined || there?.ino !== lock.ino || there.dev !== lock.dev) return;
  const path = join(directory, GATE_NAME);
  rmSync(path, { force: true });
  rmSync(`${path}${LOCK_SUFFIX}`, { force: true });
}

/** The locks that a process goes by. */
export interface Locks {
  /** Of the queue file. */
  readonly queue: FileIdentity | undefined;
  /** Of the gate. */
  readonly gate: FileIdentity | undefined;
}

/**
 * Refuses to go on with a queue file that is not the one at its path any more: what is written to it would be lost. A
 * lock file that was deleted lets the next process write beside this one, which would destroy the queue.
 * @throws HrmError kind `unavailable`, code `queue_unavailable`.
 */
export function requireInPlace(directory: string, file: FileIdentity, locks: Locks): void {
  requireSame(join(directory, FILE_NAME), file);
  if (locks.queue !== undefined) requireSame(join(directory, `${FILE_NAME}${LOCK_SUFFIX}`), locks.queue);
  if (locks.gate !== undefined) requireSame(join(directory, `${GATE_NAME}${LOCK_SUFFIX}`), locks.gate);
}

function requireSame(path: string, { dev, ino }: FileIdentity): void {
  const there = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (there?.ino === ino && there.dev === dev) return;
  throw new HrmError(
    `${path} was deleted or replaced under the running process: put back the one that was there, or restart the process`,
    { kind: 'unavailable', code: 'queue_unavailable' },
  );
}

function isEmpty(path: string): boolean {
  if (!existsSync(path)) return true;
  closeSync(openSync(path, 'r+'));
  return statSync(path).size === 0;
}

function probeSpace(directory: string): void {
  // Always the same name: one that a crash left is overwritten, and deleted, by the next.
  const path = join(directory, PROBE_NAME);
  try {
    const descriptor = openSync(path, 'w', FILE_MODE);
    try {
      fchmodSync(descriptor, FILE_MODE);
      const length = writeSync(descriptor, Buffer.alloc(PROBE_BYTES));
      if (length < PROBE_BYTES) throw Object.assign(new Error('ENOSPC: no space for a new queue'), { code: 'ENOSPC' });
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } finally {
    rmSync(path, { force: true });
  }
}

function isDatabase(path: string): boolean {
  const header = Buffer.alloc(MAGIC_OFFSET + 8);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, header, 0, header.byteLength, 0);
  } finally {
    closeSync(descriptor);
  }
  return (
    statSync(path).size >= MIN_FILE_BYTES &&
    header.readUInt32LE(MAGIC_OFFSET) === MAGIC &&
    header.readUInt32LE(MAGIC_OFFSET + 4) === FORMAT_VERSION
  );
}

function gateError(path: string): HrmError {
  return new HrmError(
    `${path} is not a database: nothing is stored in it, so stop every process that uses the queue, and delete it`,
    { kind: 'data', code: 'queue_layout' },
  );
}

/** The error for a file that is not a queue of this version. */
export function layoutError(directory: string, problem: string): HrmError {
  return new HrmError(
    `${join(directory, FILE_NAME)} ${problem}: drain it with the version that wrote it, or choose another queue directory`,
    { kind: 'data', code: 'queue_layout' },
  );
}

/** Like `mkdir -p`, but for the owner alone whatever the umask, and every new entry survives a power cut. */
export function makeDurableDirectory(directory: string): void {
  const missing: string[] = [];
  for (let path = directory; !existsSync(path); path = dirname(path)) missing.unshift(path);
  for (const path of missing) {
    ifMissing(() => {
      mkdirSync(path, DIRECTORY_MODE);
      chmodSync(path, DIRECTORY_MODE);
    });
    syncDirectory(dirname(path));
  }
}
