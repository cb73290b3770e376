/**
 * The end of a file, in one read where it is not unusually long: what is in the file and where, and its rollup.
 */
import { type FileMetaData, parquetMetadata } from 'hyparquet';
import { HrmError, isHrmError } from '../errors.js';
import { MAX_FILE_BYTES, MAX_FOREIGN_ROWS, MAX_FOREIGN_SHARED_ROWS, MAX_GROUP_ROWS } from '../limits.js';
import { SHARED_DIRECTORY } from '../names.js';
import type { Partition, StoredFile } from '../ports/storage.js';
import { hashInName, isContentName } from '../pure/partition.js';
import type { Rollup } from '../pure/rollup/rollup.js';
import { decodeRollup } from '../pure/rollup/rollup-codec.js';
import {
  type ChecksumKind,
  CREATED_BY,
  checksumKindOf,
  hasChecksum,
  pieceChecksum,
  TRAILER_BYTES,
} from './checksum.js';
import { ERASED_KEY, REPLACES_KEY, ROLLUP_KEY, ROW_GROUPS_KEY, USER_FILTER_KEY, USERS_KEY } from './encode.js';
import { leftCodeOf } from './foreign/left-in-place.js';
import { type OpenedForeign, openForeign } from './foreign/open.js';
import { readStruct } from './foreign/thrift.js';
import type { RowGroup } from './row-group.js';
import { STRING_PARSERS } from './strings.js';

export type { RowGroup } from './row-group.js';

/** Bytes read of a file at first: a footer with the rollup of two devices takes about 10 kB, a small part is whole. */
const TAIL_BYTES = 32 * 1024;

/** What the name of every file begins with that is not the compacted one. */
const PART_PREFIX = 'part-';

/** The contract's columns: name and physical type, in order. */
const COLUMNS = [
  ['timestamp_ms', 'INT64'],
  ['heart_rate', 'INT32'],
  ['device_id', 'BYTE_ARRAY'],
  ['user_id', 'BYTE_ARRAY'],
  ['received_minute', 'INT32'],
] as const;

/** What the end of a file says. */
export interface Footer {
  readonly rows: number;
  readonly groups: readonly RowGroup[];
  /**
   * Names of files whose readings are all in this one: see {@link REPLACES_KEY}. Only names that say by a hash which bytes are meant.
   * Of another writer's file, and of one that anybody may have named, none, whatever it says.
   */
  readonly replaces: readonly string[];
  /** Users of a shared part; 1 where the file does not say. */
  readonly users: number;
  /** Which users a shared part may have readings of, see pure/user-filter.ts; `null` where it does not say: anybody's then. */
  readonly userFilter: Uint8Array | null;
  readonly rollup: Rollup | null;
  /** Why the file's rollup cannot be read; `null`: it can, or there is none. The readings are proved without it. */
  readonly rollupFault: string | null;
  /** How the readings are proved; see {@link checksumKindOf}. */
  readonly checksumKind: ChecksumKind;
  /** It has columns that no file of ours would: what is made of it has them no more, so it is merged into nothing. */
  readonly hasFurtherColumns: boolean;
  /** The first byte that is not of a row group. */
  readonly bodyEnd: number;
  /**
   * Whether it may have readings that are erased: it was not made through the mask of its partition. Then only its readings say what is in it, and
   * those that are erased are left out.
   */
  readonly isMasked: boolean;
  /** `null` of another writer's file. */
  readonly metadata: FileMetaData | null;
}

/** A file whose end was read. */
export interface OpenedFile {
  readonly footer: Footer;
  /** The last bytes of the file, from `tailFrom` on. */
  readonly tail: Uint8Array<ArrayBuffer>;
  readonly tailFrom: number;
}

/**
 * Reads the end of a file, and proves it. Damage to its rollup is no damage to the file: what a rollup says can be had from
 * the readings.
 * @throws HrmError kind `data`, code `file_damaged`: not Parquet, damaged, or not of the contract's columns; code
 *   `file_too_large`, which is no damage.
 */
export async function openFile(file: StoredFile, partition: Partition): Promise<OpenedFile> {
  if (file.byteLength > MAX_FILE_BYTES) throw tooLargeError(file, partition);
  return asDamage(file, partition, async () => {
    let opened = await readTail(file, Math.max(0, file.byteLength - TAIL_BYTES));
    const footerBytes = lengthOfFooter(opened.tail);
    if (footerBytes > file.byteLength) throw new Error('its footer is longer than itself');
    if (footerBytes > opened.tail.length) opened = await readTail(file, file.byteLength - footerBytes);
    const maxForeignRows = partition.directory === SHARED_DIRECTORY ? MAX_FOREIGN_SHARED_ROWS : MAX_FOREIGN_ROWS;
    const parsed = await parseTail(file, opened, { footerBytes, maxForeignRows });
    if (parsed.footer.groups.some(({ rows }) => rows > MAX_GROUP_ROWS)) throw tooLargeError(file, partition);
    return parsed;
  });
}

function tooLargeError({ name }: StoredFile, { date }: Partition): HrmError {
  const message = `${name} of ${date} cannot be read: it has more than ${MAX_FILE_BYTES} bytes, or more than ${MAX_GROUP_ROWS} rows in a row group; split it`;
  return new HrmError(message, { kind: 'data', code: 'file_too_large', file: { date, name } });
}

/** As V8 and Node say it: "Array buffer allocation failed", "Failed to allocate memory". */
function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError && /allocation failed|allocate memory/i.test(error.message);
}

/** Runs what reads a file; whatever is wrong with the file becomes `file_damaged`. */
export async function asDamage<T>(file: StoredFile, { date }: Partition, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    // The storage's own errors are not the file's fault, nor is memory that is short.
    if (isHrmError(error) || isOutOfMemory(error)) throw error;
    const code = leftCodeOf(error);
    if (code !== null && error instanceof Error) {
      throw new HrmError(`${file.name} of ${date} is kept as it is, and nothing is read of it: ${error.message}`, {
        kind: 'data',
        code,
        file: { date, name: file.name },
      });
    }
    // Names the date, and not the directory: that names a person, and messages reach logs.
    throw new HrmError(`${file.name} of ${date} cannot be read as a file of heart-rate readings`, {
      kind: 'data',
      code: 'file_damaged',
      cause: error,
      file: { date, name: file.name },
    });
  }
}

async function readTail(file: StoredFile, tailFrom: number) {
  return { tail: new Uint8Array(await file.read(tailFrom, file.byteLength)), tailFrom };
}

/** With its trailer. @see https://parquet.apache.org/docs/file-format/ */
function lengthOfFooter(tail: Uint8Array): number {
  if (tail.length < TRAILER_BYTES) throw new Error('it is shorter than the end of a Parquet file');
  return new DataView(tail.buffer, tail.byteOffset).getUint32(tail.length - TRAILER_BYTES, true) + TRAILER_BYTES;
}

async function parseTail(
  file: StoredFile,
  { tail, tailFrom }: { tail: Uint8Array<ArrayBuffer>; tailFrom: number },
  { footerBytes, maxForeignRows }: { footerBytes: number; maxForeignRows: number },
): Promise<OpenedFile> {
  const footer = tail.slice(tail.length - footerBytes);
  const checksumKind = checksumKindOf(footer);
  if (checksumKind === 'foreign') {
    const opened = await openForeign(file, footer, { maxRows: maxForeignRows });
    return { footer: foreignFooter(opened, file.mask !== null), tail, tailFrom };
  }
  if (checksumKind === 'footer' && !hasChecksum(footer)) throw new Error('its footer does not have its checksum');
  // The parser takes lengths for true, and an older file proves them only with the whole of itself.
  if (checksumKind === 'whole') readStruct(footer, 0);
  const metadata = parquetMetadata(footer.buffer, { parsers: STRING_PARSERS });
  checkColumns(metadata);
  const keys = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value]));
  const footerAt = file.byteLength - footerBytes;
  const place = checksumKind === 'footer' ? parsePlace(keys.get(ROLLUP_KEY), footerAt) : null;
  const groups = rowGroupsOf(metadata, checksumKind === 'footer' ? parseNames(keys.get(ROW_GROUPS_KEY)) : []);
  const isMasked = file.mask !== null && (checksumKind !== 'footer' || keys.get(ERASED_KEY) !== file.mask.key);
  const { rollup, rollupFault } = await readRollup(file, tail, tailFrom, isMasked ? null : place);
  const replaces = heldNames(file.name, parseNames(keys.get(REPLACES_KEY)));
  const users = Number(keys.get(USERS_KEY) ?? 1);
  const userFilter = checksumKind === 'footer' ? parseFilter(keys.get(USER_FILTER_KEY)) : null;
  const bodyEnd = place?.offset ?? footerAt;
  if (checksumKind === 'footer') checkTiling(groups, bodyEnd);
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  return {
    footer: {
      rows,
      groups,
      replaces,
      users,
      userFilter,
      rollup,
      rollupFault,
      checksumKind,
      bodyEnd,
      isMasked,
      metadata,
      hasFurtherColumns: false,
    },
    tail,
    tailFrom,
  };
}

/**
 * The files that a file's word hides and deletes. None by the word of a part whose name says nothing of its bytes: who gave the name
 * may give it to another file, and what this one holds must be elsewhere then. And none that are named so: another file may have
 * such a name by now.
 */
function heldNames(name: string, named: readonly string[]): readonly string[] {
  const isNamedByAnybody = name.startsWith(PART_PREFIX) && hashInName(name) === null;
  return isNamedByAnybody ? [] : named.filter(isContentName);
}

/** Nobody's readings are deleted, or skipped, by a stranger's word. */
function foreignFooter({ groups, hasFurtherColumns }: OpenedForeign, isMasked: boolean): Footer {
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  const none = {
    replaces: [],
    users: 1,
    userFilter: null,
    rollup: null,
    rollupFault: null,
    bodyEnd: 0,
    metadata: null,
  };
  return { rows, groups, hasFurtherColumns, checksumKind: 'foreign', isMasked, ...none };
}

interface Place {
  readonly offset: number;
  readonly length: number;
  readonly checksum: string;
}

function parsePlace(text: string | undefined, footerAt: number): Place | null {
  if (text === undefined) return null;
  const place: Place = JSON.parse(text);
  if (place.offset + place.length !== footerAt) throw new Error('its rollup is not where it should be');
  return place;
}

async function readRollup(
  file: StoredFile,
  tail: Uint8Array,
  tailFrom: number,
  place: Place | null,
): Promise<Pick<Footer, 'rollup' | 'rollupFault'>> {
  if (place === null) return { rollup: null, rollupFault: null };
  const { offset, length, checksum } = place;
  const bytes =
    offset >= tailFrom
      ? tail.subarray(offset - tailFrom, offset - tailFrom + length)
      : new Uint8Array(await file.read(offset, offset + length));
  if (pieceChecksum(bytes) !== checksum) return { rollup: null, rollupFault: 'its rollup does not have its checksum' };
  try {
    return { rollup: decodeRollup(bytes), rollupFault: null };
  } catch {
    return { rollup: null, rollupFault: 'its rollup cannot be decoded' };
  }
}

function checkColumns(metadata: FileMetaData): void {
  const [, ...elements] = metadata.schema;
  const found = elements.map(({ name, type, repetition_type: repetition }) => `${name} ${type} ${repetition}`);
  const expected = COLUMNS.map(([name, type]) => `${name} ${type} REQUIRED`);
  if (found.join() !== expected.join())
    throw new Error(`its columns are ${found.join(', ')}, not ${expected.join(', ')}`);
}

function rowGroupsOf(metadata: FileMetaData, checksums: readonly string[]): RowGroup[] {
  const isOurs = metadata.created_by === CREATED_BY;
  return metadata.row_groups.map((group, g) => {
    const [time, , device, user] = group.columns.map((column) => column.meta_data);
    const bounds = group.columns.map(({ meta_data: column }) => {
      if (column === undefined) throw new Error('it has a column without metadata');
      const from = Number(column.dictionary_page_offset || column.data_page_offset);
      return { from, to: from + Number(column.total_compressed_size) };
    });
    const { min_value: first, max_value: last } = time?.statistics ?? {};
    // Another writer may cut bounds, and cut bounds can be equal.
    const users = isOurs ? valueBounds(user) : null;
    return {
      index: g,
      rows: Number(group.num_rows),
      fromMs: typeof first === 'bigint' ? Number(first) : Number.NEGATIVE_INFINITY,
      lastMs: typeof last === 'bigint' ? Number(last) : Number.POSITIVE_INFINITY,
      userId: onlyValue(users),
      userBounds: users,
      deviceId: onlyValue(isOurs ? valueBounds(device) : null),
      fromByte: Math.min(...bounds.map(({ from }) => from)),
      toByte: Math.max(...bounds.map(({ to }) => to)),
      checksum: checksums[g] ?? null,
    };
  });
}

function valueBounds(
  column: { readonly statistics?: { readonly min_value?: unknown; readonly max_value?: unknown } } | undefined,
): [string, string] | null {
  const { min_value: min, max_value: max } = column?.statistics ?? {};
  return typeof min === 'string' && typeof max === 'string' ? [min, max] : null;
}

function onlyValue(bounds: readonly [string, string] | null): string | null {
  return bounds !== null && bounds[0] === bounds[1] ? bounds[0] : null;
}

/** Every byte before the footer is of a row group or the rollup, and so proved by a checksum; the first four are `PAR1`. */
function checkTiling(groups: readonly RowGroup[], bodyEnd: number): void {
  let at = 4;
  for (const { fromByte, toByte, checksum } of groups) {
    if (fromByte !== at || checksum === null) throw new Error('its row groups are not where they should be');
    at = toByte;
  }
  if (at !== bodyEnd) throw new Error('it has bytes that belong to nothing');
}

/** One that cannot be read says nothing. */
function parseFilter(text: string | undefined): Uint8Array | null {
  const filter = Buffer.from(text ?? '', 'base64');
  return filter.length === 0 ? null : new Uint8Array(filter);
}

function parseNames(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const names: unknown = JSON.parse(text);
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new Error('its footer has something else than a list of names');
  }
  return names;
}
