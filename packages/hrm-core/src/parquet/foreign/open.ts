/**
 * The footer of another writer's file. Nothing in it is taken for true that can be looked at: places and counts are held to the file's
 * size, row groups to their pages, and bounds in time are read from the rows, since a wrong one would hide readings.
 */
import { FOREIGN_SLICE_ROWS, MAX_FOREIGN_FOOTER_BYTES, MAX_FOREIGN_PAGES, MAX_TIMESTAMP_MS } from '../../limits.js';
import type { StoredFile } from '../../ports/storage.js';
import type { ForeignSlice, RowGroup } from '../row-group.js';
import { CODECS, isKnownCodec } from './codecs.js';
import { type PageReader, pageReaderOf } from './decode.js';
import { leftInPlace } from './left-in-place.js';
import { type Chunk, walkPages } from './pages.js';
import { countOf, readStruct, structOf, structsOf, type ThriftStruct, type ThriftValue, textOf } from './thrift.js';
import { TYPE } from './values.js';

/** The contract's columns, found by their names, and what a writer may store them as: many know no INT32 or make none of their own. */
const COLUMNS = [
  ['timestamp_ms', [TYPE.int64]],
  ['heart_rate', [TYPE.int32, TYPE.int64]],
  ['device_id', [TYPE.bytes]],
  ['user_id', [TYPE.bytes]],
  ['received_minute', [TYPE.int32, TYPE.int64]],
] as const;

/** Repetitions by Parquet's numbers. */
const OPTIONAL = 1;
const REPEATED = 2;

/** Logical and older "converted" types that change nothing about what a value means here. */
const PLAIN_CONVERTED: readonly number[] = [0, 4, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19];
const STRING_LOGICAL = [1, 4, 12] as const;
const [TIMESTAMP_LOGICAL, INTEGER_LOGICAL] = [8, 10] as const;

/** Another writer's file, opened. */
export interface OpenedForeign {
  /** Slices of the row groups, of some rows each. */
  readonly groups: readonly RowGroup[];
  /** It has columns beside the contract's. */
  readonly hasFurtherColumns: boolean;
}

/**
 * Reads the footer and the headers of all pages of the contract's columns.
 * @param footer - its bytes, with the trailer.
 * @throws Error where anything is not as it should be, or is to be left in place.
 */
export async function openForeign(
  file: StoredFile,
  footer: Uint8Array,
  { maxRows, maxRawBytes = Number.POSITIVE_INFINITY, needsReceived = true }: ForeignLimits,
): Promise<OpenedForeign> {
  const magic = Buffer.from(footer.subarray(-4)).toString('latin1');
  if (magic === 'PARE') throw leftInPlace('file_unsupported', 'it is encrypted: write it without encryption');
  if (magic !== 'PAR1') throw new Error('it does not end with PAR1');
  if (footer.length > MAX_FOREIGN_FOOTER_BYTES) {
    throw leftInPlace('file_too_large', 'its footer is too long: write it with larger row groups and less metadata');
  }
  const { struct: metadata } = readStruct(footer, 0);
  const schema = readSchema(structsOf(metadata, 2), needsReceived);
  if (metadata.has(8)) throw leftInPlace('file_unsupported', 'it is encrypted: write it without encryption');
  const groups = structsOf(metadata, 4);
  const rows = groups.reduce((sum, group) => sum + countOf(group, 3), 0);
  if (rows > maxRows) throw leftInPlace('file_too_large', `it has more than ${maxRows} rows: split it`);
  if (rows !== countOf(metadata, 3)) throw new Error('its row groups have another number of rows than it');
  const bodyEnd = file.byteLength - footer.length;
  const slices: RowGroup[] = [];
  let [pages, rawBytes] = [0, 0];
  for (const group of groups) {
    if (countOf(group, 3) === 0) continue;
    const chunks = await chunksOf(file, group, { bodyEnd, schema, maxPages: MAX_FOREIGN_PAGES - pages });
    for (const chunk of chunks) {
      pages += chunk.pages.length;
      rawBytes += rawBytesOf(chunk);
    }
    if (rawBytes > maxRawBytes)
      throw leftInPlace('file_too_large', `its pages have more than ${maxRawBytes} bytes when unpacked: split it`);
    await addSlices(file, slices, chunks, countOf(group, 3));
  }
  return { groups: slices, hasFurtherColumns: schema.leaves > COLUMNS.length };
}

/** What a file may be. */
interface ForeignLimits {
  readonly maxRows: number;
  /** Bytes of all pages, unpacked; by default any. */
  readonly maxRawBytes?: number | undefined;
  /** Whether it must say when readings were received; default true. */
  readonly needsReceived?: boolean | undefined;
}

function rawBytesOf({ pages, dictionary }: Chunk): number {
  return pages.reduce((sum, page) => sum + page.rawBytes, dictionary?.rawBytes ?? 0);
}

/** Where the contract's columns are. */
interface Schema {
  /** Columns that have values: a row group has as many, in the order of the schema. */
  readonly leaves: number;
  /** Of each of the contract's columns that is there, in their order, its place among those, and whether it may have nulls. */
  readonly columns: readonly { readonly leaf: number; readonly isOptional: boolean }[];
}

function readSchema([root, ...elements]: readonly ThriftStruct[], needsReceived: boolean): Schema {
  if (root === undefined) throw new Error('it has no schema');
  const named = new Map<string, { readonly element: ThriftStruct; readonly leaf: number }>();
  let leaves = 0;
  for (let at = 0; at < elements.length; ) {
    const element = elements[at] as ThriftStruct;
    const name = textOf(element, 4);
    if (named.has(name) && COLUMNS.some(([own]) => own === name))
      throw leftInPlace('file_unsupported', `it has two columns of the name ${name}: write it with one`);
    named.set(name, { element, leaf: leaves });
    // A column that has columns in it: whatever they are, none of them is the contract's.
    for (let pending = 1; pending > 0; at += 1) {
      const inner = elements[at];
      if (inner === undefined) throw new Error('its schema ends too early');
      const children = countOf(inner, 5, 0);
      pending += children - 1;
      if (children === 0) leaves += 1;
    }
  }
  const wanted = COLUMNS.filter(([name]) => needsReceived || name !== 'received_minute' || named.has(name));
  const columns = wanted.map(([name, types], c) => {
    const found = named.get(name);
    if (found === undefined) {
      const names = [...named.keys()].slice(0, 20).join(', ').slice(0, 300);
      throw new Error(`its columns are ${names}, and ${name} is not among them`);
    }
    return { leaf: found.leaf, isOptional: checkColumn(found.element, types, c) };
  });
  return { leaves, columns };
}

/** @returns whether it may have nulls. */
function checkColumn(element: ThriftStruct, types: readonly number[], c: number): boolean {
  const [type, repetition] = [countOf(element, 1, 99), countOf(element, 3, 0)];
  const isPlain = types.includes(type) && countOf(element, 5, 0) === 0 && repetition < REPEATED;
  if (!isPlain || !meansItself(element, type)) {
    throw leftInPlace('file_unsupported', `its ${COLUMNS[c]?.[0]} is of another type: write ${HOW_TO_WRITE[c]}`);
  }
  return repetition === OPTIONAL;
}

const HOW_TO_WRITE = ['it as INT64, in milliseconds', 'it as INT32', 'it as a string', 'it as a string', 'it as INT32'];

/** Whether a value is what it looks like: a number that is no decimal or date, a time in milliseconds, text. */
function meansItself(element: ThriftStruct, type: number): boolean {
  const converted = element.get(6);
  if (converted !== undefined && !PLAIN_CONVERTED.includes(converted as number)) return false;
  const logical = structOf(element, 10);
  if (logical === null) return true;
  const [[kind, detail] = [0, true as ThriftValue]] = logical;
  if (type === TYPE.bytes) return (STRING_LOGICAL as readonly number[]).includes(kind);
  if (kind === INTEGER_LOGICAL) return true;
  const unit = kind === TIMESTAMP_LOGICAL && detail instanceof Map ? structOf(detail, 2) : null;
  return type === TYPE.int64 && unit?.has(1) === true;
}

async function chunksOf(
  file: StoredFile,
  group: ThriftStruct,
  { bodyEnd, schema, maxPages }: { bodyEnd: number; schema: Schema; maxPages: number },
): Promise<readonly Chunk[]> {
  const columns = structsOf(group, 1);
  if (columns.length !== schema.leaves) throw new Error('it has a row group of other columns');
  const chunks: Chunk[] = [];
  for (const [c, { leaf, isOptional }] of schema.columns.entries()) {
    const column = columns[leaf] as ThriftStruct;
    if (column.has(8) || column.has(9))
      throw leftInPlace('file_unsupported', 'it is encrypted: write it without encryption');
    const metadata = structOf(column, 3);
    if (metadata === null || column.has(1)) throw new Error('it has a column that is elsewhere');
    const codec = countOf(metadata, 4);
    if (!isKnownCodec(codec)) {
      const name = CODECS[codec] ?? `codec ${codec}`;
      throw leftInPlace('file_unsupported', `it is compressed by ${name}: write it with zstd, snappy or gzip`);
    }
    const [type, rows] = [countOf(metadata, 1), countOf(group, 3)];
    const [name, types] = COLUMNS[c] as readonly [string, readonly number[]];
    const isOwn = types.includes(type) && pathOf(metadata) === name;
    if (!isOwn || countOf(metadata, 5) !== rows) throw new Error('it has a column that contradicts its schema');
    // Some writers say 0 where there is no dictionary, some say nothing where there is one.
    const fromByte = Math.min(countOf(metadata, 11, 0) || Number.POSITIVE_INFINITY, countOf(metadata, 9));
    const toByte = fromByte + countOf(metadata, 7);
    if (fromByte < 4 || toByte > bodyEnd) throw new Error('it has a column outside of itself');
    const place = { type, codec, isOptional, fromByte, toByte, rows };
    chunks.push(await walkPages(file, place, maxPages));
  }
  return chunks;
}

function pathOf(metadata: ThriftStruct): string {
  const path = metadata.get(3);
  const names = Array.isArray(path) ? path : [];
  return names.map((name) => (name instanceof Uint8Array ? Buffer.from(name).toString('utf8') : '')).join('.');
}

async function addSlices(file: StoredFile, slices: RowGroup[], chunks: readonly Chunk[], rows: number): Promise<void> {
  const places = chunks.flatMap(({ pages }) => pages);
  const fromByte = Math.min(...places.slice(0, 1).map((page) => page.fromByte));
  const toByte = fromByte;
  const reader = pageReaderOf(file);
  for (let fromRow = 0; fromRow < rows; fromRow += FOREIGN_SLICE_ROWS) {
    const own = Math.min(FOREIGN_SLICE_ROWS, rows - fromRow);
    const foreign = { chunks, fromRow };
    const bounds = await boundsOf(reader, foreign, own);
    const unknown = { userId: null, userBounds: null, deviceId: null, checksum: null };
    slices.push({ index: slices.length, rows: own, ...bounds, ...unknown, fromByte, toByte, foreign });
  }
}

/** The first and the last time in a slice; of one that cannot be read they are not known, and who reads it is told. */
async function boundsOf(reader: PageReader, { chunks, fromRow }: ForeignSlice, rows: number) {
  try {
    const times = new Float64Array(rows);
    await reader.numbers(chunks[0] as Chunk, fromRow, times);
    let [fromMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const ms of times) {
      if (ms < 0 || ms > MAX_TIMESTAMP_MS) continue;
      if (ms < fromMs) fromMs = ms;
      if (ms > lastMs) lastMs = ms;
    }
    return { fromMs, lastMs };
  } catch {
    return { fromMs: Number.NEGATIVE_INFINITY, lastMs: Number.POSITIVE_INFINITY };
  }
}
