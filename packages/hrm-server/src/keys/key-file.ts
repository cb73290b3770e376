/**
 * The file of the keys: read as a whole, replaced as a whole, by one writer at a time.
 *
 * A lock that a killed writer left is taken over once it is old. Two may do so at once, and then one removes the lock that the
 * other has just made. So a writer asks in the last moment whether the lock is still its own and the file still the one
 * that it read, and begins anew otherwise: a key that was revoked must not come back by somebody's older copy.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HrmError } from 'hrm-core';
import * as v from 'valibot';
import { type KeyInput, type KeyRecord, KeyRecordSchema, type NewKey, newKey } from './api-key.js';

const KeyFileSchema = v.strictObject({
  version: v.literal(1),
  keys: v.array(KeyRecordSchema),
});

/** How long one writer waits for another, and after which a lock is one that a killed writer left, ms. */
const LOCK_WAIT_MS = 5_000;
const LOCK_STALE_MS = 10_000;
const LOCK_POLL_MS = 20;

/**
 * Reads the keys; none where there is no file.
 * @throws HrmError kind `data`, code `keys_damaged`, when the file is not one of keys; kind `unavailable`, code
 *   `keys_unreadable`, when it cannot be read.
 */
export function readKeys(path: string): readonly KeyRecord[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    const message = `the keys in ${path} cannot be read: see that this user may (HRM_KEYS_FILE names the file)`;
    throw new HrmError(message, { kind: 'unavailable', code: 'keys_unreadable', cause });
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), KeyFileSchema), text);
  // The parser's own words would repeat what is in the file.
  if (!parsed.success) throw damagedError(path);
  const ids = new Set(parsed.output.keys.map(({ id }) => id));
  if (ids.size !== parsed.output.keys.length) throw damagedError(path);
  return parsed.output.keys;
}

/** What changes whenever the file of the keys does; {@link NO_KEYS_FILE} where there is none. */
export function keysVersion(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? NO_KEYS_FILE : `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

/** @see keysVersion */
export const NO_KEYS_FILE = 'none';

/**
 * Makes a key and keeps its record; durable when this resolves.
 * @throws HrmError kind `invalid`, code `invalid_key`, with every fault; and as {@link readKeys}.
 */
export async function createKey(path: string, input: KeyInput, nowMs: number = Date.now()): Promise<NewKey> {
  const key = newKey(input, nowMs);
  const { issues = [] } = v.safeParse(KeyRecordSchema, key.record);
  if (issues.length > 0) throw invalidKeyError(issues);
  await change(path, (keys) => [...keys, key.record]);
  return key;
}

/** Removes a key; a server that runs knows it within a second. @returns whether there was one. */
export async function revokeKey(path: string, id: string): Promise<boolean> {
  let isFound = false;
  await change(path, (keys) => {
    isFound = keys.some((key) => key.id === id);
    return isFound ? keys.filter((key) => key.id !== id) : null;
  });
  return isFound;
}

/** Replaces the file by what `edit` makes of its keys; `null`: nothing to change. */
async function change(path: string, edit: (keys: readonly KeyRecord[]) => readonly KeyRecord[] | null): Promise<void> {
  mkdirSync(dirname(resolve(path)), { recursive: true, mode: 0o700 });
  const deadlineMs = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const lock = await takeLock(`${path}.lock`, deadlineMs);
    try {
      const version = keysVersion(path);
      const keys = edit(readKeys(path));
      if (keys === null || replaceKeys(path, keys, () => lock.isHeld() && keysVersion(path) === version)) return;
    } catch (cause) {
      if (cause instanceof HrmError) throw cause;
      const message = `the keys cannot be written to ${path}: see that this user may, and that the disk has room`;
      throw new HrmError(message, { kind: 'unavailable', code: 'keys_unwritable', cause });
    } finally {
      lock.release();
    }
  }
}

/** Writes the keys beside their file and, if they may still, into its place. @returns whether they might. */
function replaceKeys(path: string, keys: readonly KeyRecord[], isStillMine: () => boolean): boolean {
  const directory = dirname(resolve(path));
  const prefix = `${basename(path)}.`;
  // Under the lock, what others wrote beside the file is what killed writers left.
  for (const name of readdirSync(directory)) {
    if (name.startsWith(prefix) && name.endsWith('.tmp')) rmSync(join(directory, name), { force: true });
  }
  const temporary = `${path}.${randomUUID()}.tmp`;
  writeDurably(temporary, `${JSON.stringify({ version: 1, keys }, null, 2)}\n`);
  if (!isStillMine()) {
    rmSync(temporary, { force: true });
    return false;
  }
  renameSync(temporary, path);
  syncDirectory(directory);
  return true;
}

/** The right to change the keys. */
interface Lock {
  isHeld(): boolean;
  release(): void;
}

/** Takes the lock, a file that only one can make. */
async function takeLock(path: string, deadlineMs: number): Promise<Lock> {
  const owner = randomUUID();
  const isHeld = () => ownerOf(path) === owner;
  for (;;) {
    try {
      writeFileSync(path, owner, { flag: 'wx', mode: 0o600 });
      return { isHeld, release: () => isHeld() && rmSync(path, { force: true }) };
    } catch (cause) {
      const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
      if (!isTaken || Date.now() > deadlineMs) {
        const message = isTaken
          ? `somebody else is changing the keys: try again, or delete ${path} if nobody is`
          : `the keys cannot be changed: ${path} cannot be made`;
        throw new HrmError(message, { kind: 'unavailable', code: 'keys_locked', cause });
      }
      if (isStale(path)) rmSync(path, { force: true });
      else await sleep(LOCK_POLL_MS);
    }
  }
}

function ownerOf(lock: string): string | null {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return null;
  }
}

/** Of a writer that was killed: to write takes milliseconds. */
function isStale(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > LOCK_STALE_MS;
}

function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function damagedError(path: string): HrmError {
  const message = `${path} is not a file of keys: restore it, or move it away and make the keys anew with hrm keys create`;
  return new HrmError(message, { kind: 'data', code: 'keys_damaged' });
}

const FIELD_FAULTS: Readonly<Record<string, string>> = {
  name: 'must be 1 to 100 characters without control characters',
  scopes: 'must be at least one of ingest, query, admin',
  user_ids: 'must be user ids, 1 to 1,000 of them',
};

function invalidKeyError(issues: readonly v.BaseIssue<unknown>[]): HrmError {
  const fields = [...new Set(issues.map(({ path }) => String(path?.[0]?.key ?? '')))];
  const faults = fields.map((field) => ({ path: `/${field}`, message: FIELD_FAULTS[field] ?? 'is not valid' }));
  const message = faults.map((fault) => `${fault.path.slice(1)} ${fault.message}`).join('; ');
  return new HrmError(message, { kind: 'invalid', code: 'invalid_key', faults });
}
