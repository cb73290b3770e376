/**
 * The files and directories of an embedded queue, up to the point where lmdb opens them.
 * @module
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { HrmError } from '../../errors.js';

/** lmdb's file in the queue's directory; its lock file has the same name and `-lock`. */
export const FILE_NAME = 'queue.lmdb';

/** What lmdb writes to begin a file with, and the lock file: 8 KiB each, tables 24 KiB; doubled. */
const PROBE_BYTES = 128 * 1024;

/** @see MDB_MAGIC in lmdb's mdb.c; where it stands in lmdb-js' first page, and its format version behind it. */
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;
const FORMAT_VERSION = 2;

/** Two pages of 4 KiB, the smallest that lmdb makes. */
const MIN_FILE_BYTES = 8_192;

/**
 * Makes sure that lmdb can open the queue's files: lmdb-js crashes the process when it cannot.
 * @throws what `fs` throws; HrmError kind `data` when the file is no database.
 */
export function prepareFiles(directory: string): void {
  const path = join(directory, FILE_NAME);
  const isNew = isEmpty(path);
  if (isNew || isEmpty(`${path}-lock`)) probeSpace(directory);
  if (!isNew) refuseOther(directory, path);
}

function isEmpty(path: string): boolean {
  if (!existsSync(path)) return true;
  closeSync(openSync(path, 'r+'));
  return statSync(path).size === 0;
}

function probeSpace(directory: string): void {
  // Always the same name: one that a crash left is overwritten, and deleted, by the next.
  const path = join(directory, 'queue.probe');
  try {
    const descriptor = openSync(path, 'w', 0o600);
    try {
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

function refuseOther(directory: string, path: string): void {
  const header = Buffer.alloc(MAGIC_OFFSET + 8);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, header, 0, header.byteLength, 0);
  } finally {
    closeSync(descriptor);
  }
  const isDatabase =
    statSync(path).size >= MIN_FILE_BYTES &&
    header.readUInt32LE(MAGIC_OFFSET) === MAGIC &&
    header.readUInt32LE(MAGIC_OFFSET + 4) === FORMAT_VERSION;
  if (!isDatabase) throw layoutError(directory, 'is not a database that this version reads');
}

/** The error for a file that is not a queue of this version. */
export function layoutError(directory: string, problem: string): HrmError {
  return new HrmError(
    `${join(directory, FILE_NAME)} ${problem}: drain it with the version that wrote it, or choose another queue directory`,
    { kind: 'data', code: 'queue_layout' },
  );
}

/** Like `mkdir -p`, and every new entry survives a power cut. */
export function makeDurableDirectory(directory: string): void {
  const first = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  // Whatever the umask took away.
  chmodSync(directory, 0o700);
  let parent = dirname(first);
  fsyncDirectory(parent);
  for (const name of relative(parent, dirname(directory)).split(sep).filter(Boolean)) {
    parent = join(parent, name);
    fsyncDirectory(parent);
  }
}

/** Which file is the queue's; bigint, since inode numbers exceed 2^53 on some file systems. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The identity of the file that stands in the queue's directory now. */
export function fileIdentity(directory: string): FileIdentity {
  const { dev, ino } = statSync(join(directory, FILE_NAME), { bigint: true });
  return { dev, ino };
}

/** Tells whether the file of that identity still stands there: it may have been deleted under whoever has it open. */
export function isSameFile({ dev, ino }: FileIdentity, directory: string): boolean {
  const status = statSync(join(directory, FILE_NAME), { bigint: true, throwIfNoEntry: false });
  return status?.dev === dev && status.ino === ino;
}

/** Makes the directory's entries survive a power cut. */
export function fsyncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
