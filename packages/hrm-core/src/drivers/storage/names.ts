/**
 * Names inside a store. A name that does not follow the grammar is a defect of the caller, and is refused before it can reach
 * outside the store.
 */
import { randomBytes } from 'node:crypto';
import { HrmError } from '../../errors.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { Partition } from '../../ports/storage.js';

/** Files that were found damaged, for a person to look at. */
export const QUARANTINE_DIRECTORY = '.quarantine';
/** What tells a store from an empty directory, and from another store. */
export const IDENTITY_NAME = '.store';
/** What is remembered of erasures. */
export const ERASURES_DIRECTORY = '.erasures';
/** Names of partitions that a compacter should look at. */
export const DIRTY_DIRECTORY = '.pending';

/** Settings of users. */
export const SETTINGS_DIRECTORY = '.users';
/** A file of them: a hash of the user_id. */
export const SETTINGS_NAME = /^([0-9a-f]{64})\.json$/;

/** Characters of what a store is told from others by. */
const MAX_IDENTITY_LENGTH = 128;

/** What a store is told from others by: the random part; of a text that is not ours its beginning. */
export function storeNameIn(text: string): string {
  return /^hrm store ([0-9a-f]{32})$/m.exec(text)?.[1] ?? text.slice(0, MAX_IDENTITY_LENGTH);
}

/** The text that {@link storeNameIn} reads. @param name - of the store that it is a copy of; default: a new one. */
export function identityText(name: string = randomBytes(16).toString('hex')): string {
  return /^[0-9a-f]{32}$/.test(name) ? `hrm store ${name}\n` : name;
}

const DATE_PATTERN = /^\d{8}$/;
/** What `userDirectory` can produce: ASCII, so that the order of its code units is the order of its bytes. */
const USER_DIRECTORY_PATTERN = /^[A-Za-z0-9%][A-Za-z0-9_.%~-]{0,199}$/;
/** Also compacted files of a store whose files are never replaced, that was copied here: a part like any other. */
const PART_PATTERN = /^(?:part-[A-Za-z0-9_.~-]{1,200}|compacted-[0-9a-f]{32})\.parquet$/;

/** Whether a name is that of a date directory. */
export function isDate(name: string): boolean {
  return DATE_PATTERN.test(name);
}

/** Whether a name is that of a user's directory; `_shared` and anything with a leading dot are not. */
export function isUserDirectory(name: string): boolean {
  return USER_DIRECTORY_PATTERN.test(name);
}

/** Whether a name is that of a part. */
export function isPart(name: string): boolean {
  return PART_PATTERN.test(name);
}

/**
 * Refuses anything that is no name of a user's directory and not `_shared`.
 * @throws HrmError kind `internal`, code `invalid_name`.
 */
export function requireDirectory(name: string): void {
  if (!isUserDirectory(name) && name !== SHARED_DIRECTORY) throw invalidName('directory', name);
}

/**
 * Refuses anything that is no name of a part, `compacted.parquet` included.
 * @throws HrmError kind `internal`, code `invalid_name`.
 */
export function requirePart(name: string): void {
  if (!isPart(name)) throw invalidName('part', name);
}

/**
 * Refuses anything that is no name of a partition.
 * @throws HrmError kind `internal`, code `invalid_name`.
 */
export function requirePartition({ date, directory }: Partition): void {
  if (!isDate(date)) throw invalidName('date', date);
  requireDirectory(directory);
}

/**
 * Refuses anything that is no name of a user's settings.
 * @throws HrmError kind `internal`, code `invalid_name`.
 */
export function requireSettingsFile(name: string): void {
  if (!SETTINGS_NAME.test(`${name}.json`)) throw invalidName('settings file', name);
}

function invalidName(what: string, name: string): HrmError {
  return new HrmError(`${JSON.stringify(name)} is not the name of a ${what}`, {
    kind: 'internal',
    code: 'invalid_name',
  });
}
