/**
 * The file of the keys: read as a whole, replaced as a whole, by one writer at a time.
 *
 * A writer asks in the last moment whether the lock is still its own and the file still the one that it read, and begins anew
 * otherwise: a key that was revoked must not come back by somebody's older copy.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import { errorCode, faultsError, HrmError } from '../errors.js';
import { MAX_NAMED_FILE_BYTES } from '../limits.js';
import { makeDirectories } from '../make-directories.js';
import { type RegularFile, readRegularFile } from '../regular-file.js';
import { syncDirectory } from '../sync-directory.js';
import { bytesText, plural } from '../words.js';
import { type KeyInput, type KeyRecord, KeyRecordSchema, type NewKey, newKey, SCOPES } from './api-key.js';
import { lockDeadlineMs, takeLock } from './key-lock.js';
import {
  isMarked,
  keysVersion,
  lostError,
  markKeys,
  notRegularError,
  targetOf,
  unreadableError,
  writeDurably,
} from './key-place.js';

const KeyFileSchema = v.strictObject({
  version: v.literal(1),
  keys: v.array(KeyRecordSchema),
});

/**
 * Reads the keys; none where there is no file, and never was.
 * @throws HrmError kind `data`, code `keys_damaged`, when the file is not one of keys; kind `unavailable`, code
 *   `keys_unreadable`, when it cannot be read, and `keys_lost` when it is gone.
 */
export function readKeys(path: string): readonly KeyRecord[] {
  const keys = readRecords(path);
  if (keys === null && isMarked(path)) throw lostError(path);
  return keys ?? [];
}

/** @returns `null`: there is none. @throws as {@link readKeys}. */
function readRecords(path: string): readonly KeyRecord[] | null {
  let file: RegularFile | null;
  try {
    file = readRegularFile(path);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return null;
    if (errorCode(cause) === 'EFBIG') throw damagedError(path);
    throw unreadableError(path, cause);
  }
  if (file === null) throw notRegularError(path);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), KeyFileSchema), file.text);
  // The parser's own words would repeat what is in the file.
  if (!parsed.success) throw damagedError(path);
  const ids = new Set(parsed.output.keys.map(({ id }) => id));
  if (ids.size !== parsed.output.keys.length) throw damagedError(path);
  return parsed.output.keys;
}

/**
 * Makes a key and keeps its record; durable when this resolves. Where the keys were lost it is the first of new ones.
 * @throws HrmError kind `invalid`, code `invalid_key`, with every fault; kind `unavailable`, code `keys_unwritable` or
 *   `keys_locked`; and as {@link readKeys}.
 */
export async function createKey(path: string, input: KeyInput, nowMs: number = Date.now()): Promise<NewKey> {
  const key = newKey(input, nowMs);
  const { issues = [] } = v.safeParse(KeyRecordSchema, key.record);
  if (issues.length > 0) throw invalidKeyError(issues);
  await change(path, (file) => [...(readRecords(file) ?? []), key.record]);
  return key;
}

/** A key that was made in place of another one. */
export interface RotatedKey extends NewKey {
  /** The key that ends, with its end. */
  readonly replaced: KeyRecord;
  /** Takes the new key away, and gives the old one its end back, as where nobody has seen the new one. */
  undo(): Promise<void>;
}

/**
 * Makes a key that may do what another may, which ends after a while, so that whoever has it can change over. The new key lives as long as the
 * old one was meant to.
 * @param overlapMs - how long both count, >= 0.
 * @throws HrmError as {@link createKey}; code `keys_lost` too; kind `invalid`, code `key_unknown`, where there is no such key.
 */
export async function rotateKey(
  path: string,
  id: string,
  { overlapMs, nowMs = Date.now() }: { readonly overlapMs: number; readonly nowMs?: number | undefined },
): Promise<RotatedKey> {
  let before: KeyRecord | undefined;
  let made: NewKey | null = null;
  const replaceBy = (next: (old: KeyRecord) => readonly KeyRecord[]) =>
    change(path, (file) => {
      const keys = readRecords(file);
      if (keys === null && isMarked(path)) throw lostError(path);
      before = keys?.find((key) => key.id === id);
      return before === undefined ? null : (keys ?? []).flatMap((key) => (key.id === id ? next(key) : [key]));
    });
  let replaced: KeyRecord | null = null;
  await replaceBy((old) => {
    const { name, scopes, user_ids: userIds, device_ids: deviceIds, limits, created_ms, expires_ms } = old;
    const expiresMs = expires_ms === null ? null : nowMs + (expires_ms - created_ms);
    made = newKey({ name, scopes, userIds, deviceIds, limits, expiresMs }, nowMs);
    const endMs = Math.min(expires_ms ?? Number.POSITIVE_INFINITY, nowMs + overlapMs);
    replaced = { ...old, expires_ms: endMs, replaced_by: made.record.id };
    return [replaced, made.record];
  });
  if (made === null || replaced === null) throw unknownKeysError(path, 1);
  const old = before as unknown as KeyRecord;
  const { record, token }: NewKey = made;
  async function undo(): Promise<void> {
    await revokeKey(path, record.id);
    await replaceBy(() => [old]);
  }
  return { record, token, replaced, undo };
}

/**
 * Removes a key; a server that runs knows it within a second.
 * @returns whether there was one.
 * @throws HrmError as {@link createKey}; code `keys_lost` too: servers that run still know them.
 */
export async function revokeKey(path: string, id: string): Promise<boolean> {
  let isFound = false;
  await change(path, (file) => {
    const keys = readRecords(file);
    if (keys === null && isMarked(path)) throw lostError(path);
    isFound = keys?.some((key) => key.id === id) ?? false;
    return isFound ? (keys ?? []).filter((key) => key.id !== id) : null;
  });
  return isFound;
}

/** Replaces the file by the keys that `edit` makes of it; `null`: nothing to change. */
async function change(path: string, edit: (file: string) => readonly KeyRecord[] | null): Promise<void> {
  const deadlineMs = lockDeadlineMs();
  const file = whileWriting(path, () => {
    const target = targetOf(path);
    makeDirectories(dirname(target));
    return target;
  });
  for (;;) {
    const lock = await takeLock(`${file}.lock`, deadlineMs);
    try {
      const isDone = whileWriting(path, () => {
        const version = keysVersion(file);
        const keys = edit(file);
        if (keys === null) return true;
        return replaceKeys({ path, file }, keys, () => lock.isHeld() && keysVersion(file) === version);
      });
      if (isDone) return;
    } finally {
      lock.release();
    }
  }
}

function whileWriting<Result>(path: string, step: () => Result): Result {
  try {
    return step();
  } catch (cause) {
    if (cause instanceof HrmError) throw cause;
    const message = `the keys cannot be written to ${path}: see that this user may, and that the disk has room`;
    throw new HrmError(message, { kind: 'unavailable', code: 'keys_unwritable', cause });
  }
}

/**
 * Writes the keys beside their file and, if they may still, into its place.
 * @param place - the file, and the path that led to it.
 * @returns whether they might.
 */
function replaceKeys(
  { path, file }: { readonly path: string; readonly file: string },
  keys: readonly KeyRecord[],
  isStillMine: () => boolean,
): boolean {
  const directory = dirname(file);
  const prefix = `${basename(file)}.`;
  // Under the lock, what others wrote beside the file is what killed writers left.
  for (const name of readdirSync(directory)) {
    if (name.startsWith(prefix) && name.endsWith('.tmp')) rmSync(join(directory, name), { force: true });
  }
  const text = `${JSON.stringify({ version: 1, keys }, null, 2)}\n`;
  if (Buffer.byteLength(text) > MAX_NAMED_FILE_BYTES) throw tooManyKeysError(path);
  const temporary = `${file}.${randomUUID()}.tmp`;
  writeDurably(temporary, text);
  try {
    // Before there are keys, so that nothing which happens between opens a door.
    for (const each of new Set([path, file])) markKeys(each);
    // Nothing stands between the question and the rename: what another writes in that moment would be lost.
    if (!isStillMine()) return false;
    renameSync(temporary, file);
  } catch (cause) {
    // Who took the lock over in that moment has swept it away.
    if (errorCode(cause) === 'ENOENT' && !existsSync(temporary)) return false;
    throw cause;
  } finally {
    rmSync(temporary, { force: true });
  }
  syncDirectory(directory);
  return true;
}

function damagedError(path: string): HrmError {
  const message = `${path} is not a file of keys: restore it, or move it away and make the keys anew with hrm keys create`;
  return new HrmError(message, { kind: 'data', code: 'keys_damaged' });
}

function tooManyKeysError(path: string): HrmError {
  const message = `${path} has room for no other key, since no file of keys has more than ${bytesText(MAX_NAMED_FILE_BYTES)}: revoke keys that nobody uses`;
  return new HrmError(message, { kind: 'unavailable', code: 'keys_unwritable' });
}

/** The error of ids of no key. They are not repeated: somebody may have pasted a secret. */
export function unknownKeysError(path: string, missing: number): HrmError {
  const message = `${plural(missing, 'id')} of no key in ${path}: hrm keys list shows the ids; whoever has another key still gets in`;
  return new HrmError(message, { kind: 'invalid', code: 'key_unknown' });
}

const FIELD_FAULTS: Readonly<Record<string, string>> = {
  name: 'must be 1 to 100 characters without control characters',
  scopes: `must be at least one of ${SCOPES.join(', ')}`,
  device_ids: 'must be device ids, 1 to 1,000 of them, and only for a key of the scope ingest alone',
  limits: 'must be integers from 1, body_bytes from 1048576',
  user_ids: 'must be user ids, 1 to 1,000 of them',
};

function invalidKeyError(issues: readonly v.BaseIssue<unknown>[]): HrmError {
  const fields = [...new Set(issues.map(({ path }) => String(path?.[0]?.key ?? '')))];
  const faults = fields.map((field) => ({ path: `/${field}`, message: FIELD_FAULTS[field] ?? 'is not valid' }));
  return faultsError('invalid_key', faults);
}
