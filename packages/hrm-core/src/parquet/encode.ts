/**
 * Readings to Parquet bytes. Measured on 86,400 rows of one device: delta encoding without a codec, sorted by device and
 * time, 29.6 kB in 22 ms; the writer's defaults 475 kB in 40 ms. A codec enlarges files under about 1,000 rows.
 *
 * `PAR1` · row groups · rollup · footer, each proved by a checksum in the footer (checksum.ts).
 */
import type { ColumnChunk, FileMetaData, RowGroup } from 'hyparquet';
import { ByteWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { HrmError } from '../errors.js';
import { ROW_GROUP_ROWS } from '../limits.js';
import { concatColumns, NO_READINGS, type ReadingColumns, sliceRows } from '../pure/columns.js';
import type { Rollup } from '../pure/rollup/rollup.js';
import { encodeRollupSteps } from '../pure/rollup/rollup-codec.js';
import { createUserFilter } from '../pure/user-filter.js';
import type { Steps } from '../steps.js';
import { CHECKSUM_KEY, CREATED_BY, NO_CHECKSUM, pieceChecksum, writeFooterChecksum } from './checksum.js';
import { writeIds, writeIntegers } from './column-chunk.js';

/**
 * The footer's key under which a file names the files whose readings are all in it, a JSON array of strings: of its own
 * directory by their name, of the shared one as `sliceName` of pure/partition.ts spells it.
 */
export const REPLACES_KEY = 'hrm.replaces';

/** The footer's key of the row groups' checksums, a JSON array of hex strings. */
export const ROW_GROUPS_KEY = 'hrm.row_groups';

/** The footer's key that says where the rollup is: JSON `{ offset, length, checksum }`, in bytes. */
export const ROLLUP_KEY = 'hrm.rollup';

/**
 * The footer's key of which erasures the file was made through: the key of their mask. It has nothing that they erase.
 */
export const ERASED_KEY = 'hrm.erased';

/** The footer's key of how many users a shared part has readings of, a JSON number. */
export const USERS_KEY = 'hrm.users';

/**
 * The footer's key of which users a shared part may have readings of: a filter as pure/user-filter.ts makes it, in base64. 13 bits a
 * user, 2.6 bits a reading where each user has five.
 */
export const USER_FILTER_KEY = 'hrm.user_filter';

/** From so many rows on a row group ends where its device does, so that its device need not be read. */
const MIN_DEVICE_ROWS = 4_096;

/**
 * Rows of a row group of a shared part. With 10,000 users of 5 readings each: 517 kB and one user found in 0.94 ms; in a
 * single row group 1.4 MB and 47 ms.
 */
const SHARED_GROUP_ROWS = 1_000;

/** The contract's columns. */
const SCHEMA = schemaFromColumnData({
  columnData: [
    { name: 'timestamp_ms', type: 'INT64', nullable: false, data: [] },
    { name: 'heart_rate', type: 'INT32', nullable: false, data: [] },
    { name: 'device_id', type: 'STRING', nullable: false, data: [] },
    { name: 'user_id', type: 'STRING', nullable: false, data: [] },
    { name: 'received_minute', type: 'INT32', nullable: false, data: [] },
  ],
});

/** What a file holds besides its readings. */
export interface FileExtras {
  /** Whether it is a part of several users: its row groups are small, so that one user is found quickly. Default false. */
  readonly shared?: boolean | undefined;
  /** Names of the files whose readings are all in this one. */
  readonly replaces?: readonly string[] | undefined;
  /** Of these readings; `null` where they have none. */
  readonly rollup?: Rollup | null | undefined;
  /** The key of the mask that they were read through. */
  readonly erased?: string | undefined;
}

/**
 * Encodes readings as a Parquet file of the contract's five columns, all REQUIRED. The same readings give the same bytes. A step is a row
 * group: fifty thousand users with the longest ids take half a second.
 * @param columns - sorted by user, device and timestampMs, at least one row.
 * @throws HrmError kind `data`, code `unstorable_readings`: nothing but the readings decides what happens in here, so
 *   whatever fails is their fault, running out of memory excepted.
 */
export function* encodeSteps(columns: ReadingColumns, extras: FileExtras = {}): Steps<Uint8Array<ArrayBuffer>> {
  try {
    return yield* encodeFile(columns, extras);
  } catch (error) {
    if (isOutOfMemory(error)) throw error;
    throw new HrmError('these readings cannot be encoded as Parquet', {
      kind: 'data',
      code: 'unstorable_readings',
      cause: error,
    });
  }
}

/** As V8 and Node say it: "Array buffer allocation failed", "Failed to allocate memory". */
function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError && /allocat|memory/i.test(error.message);
}

function* encodeFile(columns: ReadingColumns, { shared, ...extras }: FileExtras): Steps<Uint8Array<ArrayBuffer>> {
  const encoder = createEncoder({ shared });
  for (const _ of encoder.write(columns)) yield;
  for (const _ of encoder.flush()) yield;
  return yield* encoder.finish(extras);
}

/** A row group that was written. */
export interface WrittenGroup {
  readonly index: number;
  /** Its rows, as they were given. */
  readonly columns: ReadingColumns;
}

/** Makes a file piece by piece; only what has no whole row group yet is held, and the bytes. */
export interface Encoder {
  /**
   * Takes rows and encodes the row groups that are complete with them. `undefined`: a step is done, and others may have their turn.
   * All must be asked for before anything else is.
   * @param columns - sorted, and after all rows before them.
   */
  write(columns: ReadingColumns): Iterable<WrittenGroup | undefined>;
  /** Ends the last row group, as {@link Encoder.write} does. */
  flush(): Iterable<WrittenGroup | undefined>;
  /** What a reader needs to read a row group back before the file is finished. */
  piece(index: number): {
    readonly metadata: FileMetaData;
    readonly fromByte: number;
    readonly bytes: Uint8Array<ArrayBuffer>;
  };
  /**
   * Hands over the bytes made since the last call, and holds them no longer: what makes a file larger than the memory. A row
   * group that was handed over cannot be read back by `piece`.
   */
  drain(): Uint8Array<ArrayBuffer>;
  /** The file, or what of it was not handed over, in steps. */
  finish(extras: Omit<FileExtras, 'shared'>): Steps<Uint8Array<ArrayBuffer>>;
}

/** Begins a file. @param shared - as {@link FileExtras.shared}. */
export function createEncoder({ shared = false }: Pick<FileExtras, 'shared'>): Encoder {
  const writer = new ByteWriter();
  const file = new ParquetWriter({
    writer,
    schema: SCHEMA,
    codec: 'UNCOMPRESSED',
    createdBy: CREATED_BY,
    // Cut bounds would keep ids with a common prefix from ever pruning a row group.
    statisticsTruncateLength: Number.POSITIVE_INFINITY,
  });
  const checksums: string[] = [];
  const offsets = [writer.offset];
  const split = shared ? splitShared : splitByDevice;
  const filter = createUserFilter();
  let pending = NO_READINGS;
  let users = 0;
  let lastUser: string | undefined;
  let drained = 0;

  function* writeGroup(columns: ReadingColumns): Generator<WrittenGroup | undefined, void, undefined> {
    for (let row = 0; row < columns.length; row += 1) {
      if (row > 0 && columns.user[row] === columns.user[row - 1]) continue;
      const user = columns.users[columns.user[row] as number] as string;
      if (user === lastUser) continue;
      users += 1;
      lastUser = user;
      if (shared) filter.add(user);
    }
    const from = writer.offset;
    const chunks = yield* writeColumns(writer, columns);
    setBounds(chunks, columns);
    file.num_rows += BigInt(columns.length);
    file.row_groups.push(rowGroupOf(chunks, columns.length));
    checksums.push(pieceChecksum(writer.getBytes().subarray(from - drained)));
    offsets.push(writer.offset);
    yield { index: checksums.length - 1, columns };
  }

  function* take(added: ReadingColumns, isLast: boolean): Generator<WrittenGroup | undefined, void, undefined> {
    const columns = pending.length === 0 ? added : concatColumns([pending, added]);
    const ranges = split(columns);
    const whole = isLast ? ranges : ranges.slice(0, -1);
    const [, at] = whole.at(-1) ?? [0, 0];
    pending = sliceRows(columns, at, columns.length);
    for (const [from, to] of whole) yield* writeGroup(sliceRows(columns, from, to));
  }

  return {
    write: (columns) => take(columns, false),
    flush: () => take(NO_READINGS, true),
    piece(index) {
      const group = file.row_groups[index];
      const [fromByte = 0, toByte = 0] = offsets.slice(index, index + 2);
      const row_groups = group === undefined ? [] : [group];
      const metadata = { version: 2, schema: SCHEMA, num_rows: group?.num_rows ?? 0n, row_groups, metadata_length: 0 };
      return {
        metadata,
        fromByte,
        bytes: new Uint8Array(writer.getBytes().subarray(fromByte - drained, toByte - drained)),
      };
    },
    drain() {
      const bytes = new Uint8Array(writer.getBuffer());
      drained = writer.offset;
      writer.index = 0;
      return bytes;
    },
    *finish({ replaces, rollup, erased }) {
      const metadata = [{ key: ROW_GROUPS_KEY, value: JSON.stringify(checksums) }];
      if (shared) metadata.push({ key: USERS_KEY, value: JSON.stringify(users) });
      const bits = filter.finish();
      if (bits !== null) metadata.push({ key: USER_FILTER_KEY, value: Buffer.from(bits).toString('base64') });
      if (erased !== undefined) metadata.push({ key: ERASED_KEY, value: erased });
      if (replaces !== undefined) metadata.push({ key: REPLACES_KEY, value: JSON.stringify(replaces) });
      if (rollup !== undefined && rollup !== null) {
        const bytes = yield* encodeRollupSteps(rollup);
        const place = { offset: writer.offset, length: bytes.length, checksum: pieceChecksum(bytes) };
        metadata.push({ key: ROLLUP_KEY, value: JSON.stringify(place) });
        // Between the last row group and the footer: no reader looks there, and it comes along with the footer's read.
        writer.appendBytes(bytes);
      }
      const footerAt = writer.offset;
      file.kvMetadata = [...metadata, { key: CHECKSUM_KEY, value: NO_CHECKSUM }];
      file.finish();
      // Not copied: of 25 MB that is 26 ms in one piece. The buffer behind it is longer.
      const bytes = writer.getBytes() as Uint8Array<ArrayBuffer>;
      writeFooterChecksum(bytes.subarray(footerAt - drained));
      return bytes;
    },
  };
}

/** Half-open row ranges of the row groups: one device each, as long as that does not make small ones. */
function splitByDevice({ length, user, device }: ReadingColumns): [number, number][] {
  const groups: [number, number][] = [];
  let from = 0;
  for (let row = 1; row < length; row += 1) {
    const isOther = device[row] !== device[row - 1] || user[row] !== user[row - 1];
    if (row - from < (isOther ? MIN_DEVICE_ROWS : ROW_GROUP_ROWS)) continue;
    groups.push([from, row]);
    from = row;
  }
  if (length > 0) groups.push([from, length]);
  return groups;
}

function splitShared({ length }: ReadingColumns): [number, number][] {
  const groups: [number, number][] = [];
  for (let from = 0; from < length; from += SHARED_GROUP_ROWS) {
    groups.push([from, Math.min(length, from + SHARED_GROUP_ROWS)]);
  }
  return groups;
}

/** A step is a column: of 16,000 rows with as many devices one takes some milliseconds. */
function* writeColumns(writer: ByteWriter, columns: ReadingColumns): Steps<ColumnChunk[]> {
  const { timestampMs, heartRate, devices, device, users, user, receivedMinute } = columns;
  const integers = { isPeriodic: false };
  const chunks = [writeIntegers(writer, { ...integers, name: 'timestamp_ms', type: 'INT64', values: timestampMs })];
  yield;
  chunks.push(writeIntegers(writer, { ...integers, name: 'heart_rate', type: 'INT32', values: heartRate }));
  yield;
  chunks.push(writeIds(writer, { name: 'device_id', dictionary: devices, indices: device }));
  yield;
  chunks.push(writeIds(writer, { name: 'user_id', dictionary: users, indices: user }));
  // The same for a minute, and then one more.
  const minutes = { name: 'received_minute', type: 'INT32', values: receivedMinute, isPeriodic: true } as const;
  chunks.push(writeIntegers(writer, minutes));
  yield;
  return chunks;
}

function rowGroupOf(chunks: ColumnChunk[], rows: number): RowGroup {
  let [uncompressed, bytes] = [0n, 0n];
  for (const { meta_data: data } of chunks) {
    uncompressed += data?.total_uncompressed_size ?? 0n;
    bytes += data?.total_compressed_size ?? 0n;
  }
  const sizes = { total_byte_size: uncompressed, total_compressed_size: bytes };
  return { columns: chunks, ...sizes, num_rows: BigInt(rows) };
}

/**
 * The bounds that readers prune row groups by. The writer would find them by comparing every bigint and string, which takes
 * a tenth of the encoding; dictionaries are in the order that bounds are of, so comparing indices does.
 */
function setBounds(
  chunks: readonly ColumnChunk[],
  { timestampMs, devices, device, users, user }: ReadingColumns,
): void {
  const [firstMs, lastMs] = boundsOf(timestampMs);
  const [firstDevice, lastDevice] = boundsOf(device);
  const [firstUser, lastUser] = boundsOf(user);
  const bounds = [
    [BigInt(firstMs), BigInt(lastMs)],
    null,
    [devices[firstDevice], devices[lastDevice]],
    [users[firstUser], users[lastUser]],
  ];
  for (const [c, chunk] of chunks.entries()) {
    const [min_value, max_value] = bounds[c] ?? [];
    if (chunk.meta_data === undefined || min_value === undefined || max_value === undefined) continue;
    chunk.meta_data.statistics = { min_value, max_value, null_count: 0n };
  }
}

function boundsOf(values: Float64Array | Uint32Array): [min: number, max: number] {
  let [min, max] = [values[0] ?? 0, values[0] ?? 0];
  for (let i = 1; i < values.length; i += 1) {
    const value = values[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}
