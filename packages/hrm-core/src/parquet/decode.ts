/**
 * Parquet bytes to readings, column by column: row objects cost 25 times more (21 ms against 0.85 ms for 86,400 rows).
 */
import { gunzipSync } from 'node:zlib';
import { type DecodedArray, type FileMetaData, parquetRead } from 'hyparquet';
import type { Partition, StoredFile } from '../ports/storage.js';
import { concatColumns, internStrings, NO_READINGS, type ReadingColumns } from '../pure/columns.js';
import type { Rollup } from '../pure/rollup.js';
import { hasDigest, pieceDigest } from './digest.js';
import type { Encoder } from './encode.js';
import { asDamage, type OpenedFile, openFile, type RowGroup } from './footer.js';

/** A stored file's readings, and what else it holds. */
export interface DecodedFile {
  /** In the file's order. */
  readonly columns: ReadingColumns;
  /** Names of files whose readings are all in this one; empty for a part. */
  readonly replaces: readonly string[];
  readonly rollup: Rollup | null;
}

/** Bytes between two row groups that are read along, so that one call serves both. */
const MAX_GAP_BYTES = 16 * 1024;

/**
 * Reads a whole file, and proves every byte of it.
 * @throws HrmError kind `data`, code `file_damaged`: not Parquet, damaged, or not of the contract's columns; code `file_too_large`.
 */
export async function decodeFile(file: StoredFile, partition: Partition): Promise<DecodedFile> {
  const opened = await openFile(file, partition);
  const { groups, replaces, rollup } = opened.footer;
  await requireMagic(file, partition, opened);
  const tables = await decodeGroups(file, partition, opened, groups);
  return { columns: concatColumns(tables), replaces, rollup };
}

/**
 * Proves every byte of a file, and that its readings can be read, a row group at a time.
 * @throws as {@link decodeFile}.
 */
export async function proveFile(file: StoredFile, partition: Partition): Promise<void> {
  const opened = await openFile(file, partition);
  await requireMagic(file, partition, opened);
  // An older or a foreign file is read as a whole for each call.
  const isPiecewise = opened.footer.seal === 'footer';
  const pieces = isPiecewise ? opened.footer.groups.map((group) => [group]) : [opened.footer.groups];
  for (const groups of pieces) await decodeGroups(file, partition, opened, groups);
}

/** The first four bytes belong to no row group. */
async function requireMagic(
  file: StoredFile,
  partition: Partition,
  { tail, tailFrom, footer }: OpenedFile,
): Promise<void> {
  await asDamage(file, partition, async () => {
    if (footer.seal !== 'footer') return;
    const magic = tailFrom === 0 ? tail : new Uint8Array(await file.read(0, 4));
    if (Buffer.from(magic.subarray(0, 4)).toString('latin1') !== 'PAR1') throw new Error('it does not begin with PAR1');
  });
}

/**
 * Reads row groups, and proves them; of an older or a foreign file the whole file is read.
 * @param groups - of `opened.footer.groups`, in their order.
 * @returns one table for each, in the file's order.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function decodeGroups(
  file: StoredFile,
  partition: Partition,
  opened: Pick<OpenedFile, 'footer'> & Partial<OpenedFile>,
  groups: readonly RowGroup[],
): Promise<ReadingColumns[]> {
  return asDamage(file, partition, async () => {
    const { footer, tail, tailFrom = Number.POSITIVE_INFINITY } = opened;
    const tables: ReadingColumns[] = [];
    const runs = footer.seal === 'footer' ? runsOf(groups) : [{ groups, fromByte: 0, toByte: file.byteLength }];
    for (const run of runs) {
      const isRead = tail !== undefined && run.fromByte >= tailFrom;
      const bytes = isRead
        ? tail.subarray(run.fromByte - tailFrom, run.toByte - tailFrom)
        : new Uint8Array(await file.read(run.fromByte, run.toByte));
      if (footer.seal === 'whole' && !hasDigest(bytes)) throw new Error('it does not have its digest');
      for (const group of run.groups) {
        const own = bytes.subarray(group.fromByte - run.fromByte, group.toByte - run.fromByte);
        if (group.digest !== null && pieceDigest(own) !== group.digest)
          throw new Error('a row group does not have its digest');
        const rowGroup = footer.metadata.row_groups[group.index];
        if (rowGroup === undefined) throw new Error('it does not have this row group');
        const metadata = { ...footer.metadata, row_groups: [rowGroup], num_rows: BigInt(group.rows) };
        tables.push(await decodeColumns({ bytes: own, fromByte: group.fromByte }, metadata, group));
      }
    }
    return tables;
  });
}

/**
 * Reads back a row group of a file that is being made, every value of it: no id is taken from statistics.
 * @throws what hyparquet throws.
 */
export async function decodePiece(encoder: Pick<Encoder, 'piece'>, index: number): Promise<ReadingColumns> {
  const { bytes, fromByte, metadata } = encoder.piece(index);
  return decodeColumns({ bytes, fromByte }, metadata, {
    rows: Number(metadata.num_rows),
    userId: null,
    deviceId: null,
  });
}

/** Row groups that stand near each other, to be read together. */
function runsOf(groups: readonly RowGroup[]): { groups: readonly RowGroup[]; fromByte: number; toByte: number }[] {
  const runs: { groups: RowGroup[]; fromByte: number; toByte: number }[] = [];
  for (const group of groups) {
    const last = runs.at(-1);
    if (last !== undefined && group.fromByte - last.toByte <= MAX_GAP_BYTES) {
      last.groups.push(group);
      last.toByte = group.toByte;
    } else runs.push({ groups: [group], fromByte: group.fromByte, toByte: group.toByte });
  }
  return runs;
}

/**
 * Reads a whole file that is in memory, every value of it: no id is taken from statistics.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function decodeBytes(bytes: Uint8Array<ArrayBuffer>): Promise<DecodedFile> {
  const { file, partition, opened } = await openBytes(bytes);
  const { groups, replaces, rollup } = opened.footer;
  const unknown = groups.map((group) => ({ ...group, userId: null, deviceId: null }));
  return { columns: concatColumns(await decodeGroups(file, partition, opened, unknown)), replaces, rollup };
}

/**
 * Opens a file that is in memory.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function openBytes(bytes: Uint8Array<ArrayBuffer>) {
  const file = {
    name: 'a file in memory',
    version: '',
    byteLength: bytes.length,
    ageMs: 0,
    read: async (from: number, to: number) => bytes.slice(from, to).buffer,
  };
  const partition = { date: 'now', directory: '' };
  return { file, partition, opened: await openFile(file, partition) };
}

/** Part of a file. */
interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where in the file it begins. */
  readonly fromByte: number;
}

async function decodeColumns(
  piece: Piece,
  metadata: FileMetaData,
  group: Pick<RowGroup, 'rows' | 'userId' | 'deviceId'>,
): Promise<ReadingColumns> {
  const { rows: length, userId, deviceId } = group;
  if (length === 0) return NO_READINGS;
  const columns = {
    timestamp_ms: new Float64Array(length),
    heart_rate: new Int32Array(length),
    ...(deviceId === null ? { device_id: new Array<string>(length) } : {}),
    ...(userId === null ? { user_id: new Array<string>(length) } : {}),
    received_minute: new Int32Array(length),
  };
  await readColumns(piece, metadata, columns);
  const users = userId === null ? internStrings(columns.user_id ?? []) : allOf(userId, length);
  const devices = deviceId === null ? internStrings(columns.device_id ?? []) : allOf(deviceId, length);
  return {
    length,
    users: users.values,
    devices: devices.values,
    user: users.indices,
    device: devices.indices,
    timestampMs: columns.timestamp_ms,
    heartRate: columns.heart_rate,
    receivedMinute: columns.received_minute,
  };
}

type ColumnArray = Float64Array | Int32Array | string[];

/** Fills the columns given, each of the file's length. */
async function readColumns(
  { bytes, fromByte }: Piece,
  metadata: FileMetaData,
  columns: Readonly<Record<string, ColumnArray>>,
): Promise<void> {
  let expected = 0;
  for (const column of Object.values(columns)) expected += column.length;
  let filled = 0;
  let failure: unknown;
  await parquetRead({
    file: {
      byteLength: fromByte + bytes.length,
      slice: (from, to = fromByte + bytes.length) => bytes.slice(from - fromByte, to - fromByte).buffer,
    },
    metadata,
    compressors: { GZIP: (page, length) => gunzipSync(page, { maxOutputLength: Math.max(1, length) }) },
    columns: Object.keys(columns),
    // Pages of different columns split at different rows, so each chunk is placed by its own row number.
    onChunk({ columnName, columnData, rowStart }) {
      // hyparquet calls this from promises that nobody awaits: a throw in here would end the process.
      try {
        placeChunk(columns[columnName], columnData, rowStart);
        filled += columnData.length;
      } catch (error) {
        failure ??= error;
      }
    },
  });
  if (failure !== undefined) throw failure;
  if (filled !== expected) throw new Error(`it has ${filled} values, not ${expected}`);
}

function placeChunk(column: ColumnArray | undefined, chunk: DecodedArray, at: number): void {
  if (column === undefined || at + chunk.length > column.length) throw new Error('it has values that belong nowhere');
  if (column instanceof Float64Array && chunk instanceof BigInt64Array) copyInt64(chunk, column, at);
  else if (column instanceof Int32Array && chunk instanceof Int32Array) column.set(chunk, at);
  else if (Array.isArray(column)) {
    for (let i = 0; i < chunk.length; i += 1) {
      const text: unknown = chunk[i];
      if (typeof text !== 'string') throw new Error('it has ids that are no strings');
      column[at + i] = text;
    }
  } else throw new Error('it has values of another type');
}

function allOf(value: string, length: number): { values: readonly string[]; indices: Uint32Array } {
  return { values: [value], indices: new Uint32Array(length) };
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
