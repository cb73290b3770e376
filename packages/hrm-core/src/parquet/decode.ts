/**
 * Parquet bytes to readings, column by column: row objects cost 25 times more (21 ms against 0.85 ms for 86,400 rows).
 */
import { type FileMetaData, type KeyValue, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { HrmError, isHrmError } from '../errors.js';
import type { Partition, StoredFile } from '../ports/storage.js';
import { internStrings, NO_READINGS, type ReadingColumns } from '../pure/columns.js';
import { CREATED_BY, REPLACES_KEY } from './encode.js';

/** The contract's columns: name and physical type, in order. */
const COLUMNS = [
  ['timestamp_ms', 'INT64'],
  ['heart_rate', 'INT32'],
  ['device_id', 'BYTE_ARRAY'],
  ['user_id', 'BYTE_ARRAY'],
  ['received_minute', 'INT32'],
] as const;

/** A stored file's readings, and which files they replace. */
export interface DecodedFile {
  /** In the file's order. */
  readonly columns: ReadingColumns;
  /** Names of files whose readings are all in this one; empty for a part. */
  readonly replaces: readonly string[];
}

/**
 * Reads a whole file.
 * @throws HrmError kind `data`, code `file_damaged`: not Parquet, damaged, or not of the contract's columns.
 */
export async function decodeFile(file: StoredFile, partition: Partition): Promise<DecodedFile> {
  const bytes = await file.read(0, file.byteLength);
  try {
    return await decodeBytes(bytes, true);
  } catch (error) {
    throw damagedError(file, partition, error);
  }
}

/**
 * Reads a whole file that is in memory.
 * @param byStatistics - take a user_id or device_id that its statistics say is the only one from them, unread.
 * @throws whatever is wrong with it.
 */
export async function decodeBytes(bytes: ArrayBuffer, byStatistics: boolean): Promise<DecodedFile> {
  const metadata = await parquetMetadataAsync(asyncBuffer(bytes));
  checkColumns(metadata);
  const columns = await decodeColumns(bytes, metadata, byStatistics);
  return { columns, replaces: parseReplaces(metadata.key_value_metadata) };
}

/** Which files a stored file replaces, by its footer alone. @throws HrmError kind `data` as {@link decodeFile}. */
export async function decodeReplaces(file: StoredFile, partition: Partition): Promise<readonly string[]> {
  const tail = {
    byteLength: file.byteLength,
    slice: (from: number, to?: number) => file.read(from, to ?? file.byteLength),
  };
  try {
    const metadata = await parquetMetadataAsync(tail, { initialFetchSize: FOOTER_FETCH_BYTES });
    return parseReplaces(metadata.key_value_metadata);
  } catch (error) {
    throw damagedError(file, partition, error);
  }
}

/** Bytes read for a footer at first; a second read follows where it is longer. */
const FOOTER_FETCH_BYTES = 16 * 1024;

/** Names the date, and not the directory: that names a person, and messages reach logs. */
function damagedError(file: StoredFile, { date }: Partition, error: unknown): unknown {
  // The storage's own errors are not the file's fault.
  if (isHrmError(error)) return error;
  return new HrmError(`${file.name} of ${date} cannot be read as a file of heart-rate readings`, {
    kind: 'data',
    code: 'file_damaged',
    cause: error,
  });
}

function asyncBuffer(bytes: ArrayBuffer) {
  return { byteLength: bytes.byteLength, slice: (from: number, to?: number) => bytes.slice(from, to) };
}

function checkColumns(metadata: FileMetaData): void {
  const [, ...elements] = metadata.schema;
  const found = elements.map(({ name, type, repetition_type: repetition }) => `${name} ${type} ${repetition}`);
  const expected = COLUMNS.map(([name, type]) => `${name} ${type} REQUIRED`);
  if (found.join() !== expected.join())
    throw new Error(`its columns are ${found.join(', ')}, not ${expected.join(', ')}`);
}

async function decodeColumns(
  bytes: ArrayBuffer,
  metadata: FileMetaData,
  byStatistics: boolean,
): Promise<ReadingColumns> {
  const length = Number(metadata.num_rows);
  if (length === 0) return NO_READINGS;
  const timestampMs = new Float64Array(length);
  const integers = { heart_rate: new Int32Array(length), received_minute: new Int32Array(length) };
  const only = {
    device_id: byStatistics ? onlyValue(metadata, 'device_id') : null,
    user_id: byStatistics ? onlyValue(metadata, 'user_id') : null,
  };
  const strings = { device_id: stringsFor(only.device_id, length), user_id: stringsFor(only.user_id, length) };
  const columns = COLUMNS.map(([name]) => name).filter(
    (name) => !(name in only) || only[name as keyof typeof only] === null,
  );
  let filled = 0;
  await parquetRead({
    file: asyncBuffer(bytes),
    metadata,
    columns,
    // Pages of different columns split at different rows, so each chunk is placed by its own row number.
    onChunk: ({ columnName, columnData, rowStart }) => {
      filled += columnData.length;
      if (columnName === 'timestamp_ms') copyInt64(columnData as BigInt64Array, timestampMs, rowStart);
      else if (columnName === 'heart_rate' || columnName === 'received_minute') {
        integers[columnName].set(columnData as Int32Array, rowStart);
      } else if (columnName === 'device_id' || columnName === 'user_id') {
        const target = strings[columnName];
        for (let i = 0; i < columnData.length; i += 1) target[rowStart + i] = columnData[i];
      }
    },
  });
  if (filled !== length * columns.length) throw new Error(`it has ${filled} values, not ${length * columns.length}`);
  const users = only.user_id === null ? internStrings(strings.user_id) : allOf(only.user_id, length);
  const devices = only.device_id === null ? internStrings(strings.device_id) : allOf(only.device_id, length);
  return {
    length,
    users: users.values,
    devices: devices.values,
    user: users.indices,
    device: devices.indices,
    timestampMs,
    heartRate: integers.heart_rate,
    receivedMinute: integers.received_minute,
  };
}

function stringsFor(only: string | null, length: number): string[] {
  return only === null ? new Array<string>(length) : [];
}

function allOf(value: string, length: number): { values: readonly string[]; indices: Uint32Array } {
  return { values: [value], indices: new Uint32Array(length) };
}

/**
 * The one value that a column has throughout, by its statistics; `null` where it has several, or where that is not sure:
 * another writer may cut bounds, and cut bounds can be equal.
 */
function onlyValue(metadata: FileMetaData, column: string): string | null {
  if (metadata.created_by !== CREATED_BY) return null;
  let only: string | null = null;
  for (const { columns } of metadata.row_groups) {
    const statistics = columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === column)?.meta_data?.statistics;
    const { min_value: min, max_value: max } = statistics ?? {};
    if (typeof min !== 'string' || min !== max || (only !== null && only !== min)) return null;
    only = min;
  }
  return only;
}

/**
 * Widens by 32-bit halves: 0.43 ms for 86,400 values, against 3.1 ms by `Number(bigint)` in a loop and 16.5 ms by
 * `Float64Array.from`. Timestamps are not negative, so the low half is unsigned and the high half small.
 */
function copyInt64(source: BigInt64Array, target: Float64Array, at: number): void {
  const halves = new Int32Array(source.buffer, source.byteOffset, source.length * 2);
  for (let i = 0; i < source.length; i += 1) {
    target[at + i] = ((halves[2 * i] as number) >>> 0) + (halves[2 * i + 1] as number) * 2 ** 32;
  }
}

function parseReplaces(metadata: readonly KeyValue[] | undefined): readonly string[] {
  const text = metadata?.find(({ key }) => key === REPLACES_KEY)?.value;
  if (text === undefined) return [];
  const names: unknown = JSON.parse(text);
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new Error(`its footer's ${REPLACES_KEY} is not a list of names`);
  }
  return names;
}
