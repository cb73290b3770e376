/**
 * The file of the keys: read as a whole, replaced as a whole, by one writer at a time.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
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
  const directory = dirname(resolve(path));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const release = await lock(`${path}.lock`);
  try {
    const keys = edit(readKeys(path));
    if (keys === null) return;
    const temporary = `${path}.tmp`;
    rmSync(temporary, { force: true });
    writeDurably(temporary, `${JSON.stringify({ version: 1, keys }, null, 2)}\n`);
    renameSync(temporary, path);
    syncDirectory(directory);
  } catch (cause) {
    if (cause instanceof HrmError) throw cause;
    const message = `the keys cannot be written to ${path}: see that this user may, and that the disk has room`;
    throw new HrmError(message, { kind: 'unavailable', code: 'keys_unwritable', cause });
  } finally {
    release();
  }
}

/** Takes the lock, a file that only one can make. @returns what gives it back. */
async function lock(path: string): Promise<() => void> {
  const deadlineMs = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      closeSync(openSync(path, 'wx', 0o600));
      return () => rmSync(path, { force: true });
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

/** Of a writer that was killed: to write takes milliseconds. */
function isStale(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > LOCK_STALE_MS;
}

function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    writeSync(descriptor, text);
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
