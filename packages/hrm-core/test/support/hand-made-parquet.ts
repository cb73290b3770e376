/** Parquet files of the contract's columns made page by page, for what no writer at hand writes. */
import { i32, i64, list, struct, type ThriftStruct, TYPE, text, writeThrift } from './thrift.js';

/** Encodings by Parquet's numbers. @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
export const ENCODING = { plain: 0, rle: 3, delta: 5, rleDictionary: 8 } as const;

/** Codecs by Parquet's numbers. */
export const CODEC = { none: 0, snappy: 1, gzip: 2 } as const;

/** A column of a row group. */
interface HandMadeColumn {
  /** Each with its header. */
  readonly pages: readonly Buffer[];
  /** Default: as many as the row group has rows. */
  readonly values?: number;
  readonly hasDictionary?: boolean;
  readonly codec?: number;
}

/** A row group: its columns in the contract's order. */
export interface HandMadeGroup {
  readonly rows: number;
  readonly columns: readonly HandMadeColumn[];
}

const COLUMNS = [
  ['timestamp_ms', 2],
  ['heart_rate', 1],
  ['device_id', 6],
  ['user_id', 6],
  ['received_minute', 1],
] as const;

/** Writes a file; what the groups say of themselves is written as it is given. */
export function handMadeParquet(groups: readonly HandMadeGroup[]): Buffer {
  const body: Buffer[] = [Buffer.from('PAR1')];
  let at = 4;
  const rowGroups = groups.map(({ rows, columns }) => {
    const chunks = columns.map(({ pages, values = rows, hasDictionary = false, codec = CODEC.none }, c) => {
      const [name, type] = COLUMNS[c] as (typeof COLUMNS)[number];
      const from = at;
      const bytes = Buffer.concat(pages);
      body.push(bytes);
      at += bytes.length;
      const encodings = list(TYPE.i32, [i32(ENCODING.plain), i32(ENCODING.rle)]);
      const metadata = struct({
        1: i32(type),
        2: encodings,
        3: list(TYPE.binary, [text(name)]),
        4: i32(codec),
        5: i64(values),
        6: i64(bytes.length),
        7: i64(bytes.length),
        9: i64(hasDictionary ? from + (pages[0] as Buffer).length : from),
        11: hasDictionary ? i64(from) : undefined,
      });
      return struct({ 2: i64(from), 3: metadata });
    });
    return struct({ 1: list(TYPE.struct, chunks), 2: i64(at), 3: i64(rows) });
  });
  const leaf = ([name, type]: (typeof COLUMNS)[number]) => {
    return struct({ 1: i32(type), 3: i32(0), 4: text(name), 6: type === 6 ? i32(0) : undefined });
  };
  const schema = [struct({ 4: text('schema'), 5: i32(5) }), ...COLUMNS.map(leaf)];
  const footer = struct({
    1: i32(2),
    2: list(TYPE.struct, schema),
    3: i64(groups.reduce((sum, { rows }) => sum + rows, 0)),
    4: list(TYPE.struct, rowGroups),
    6: text('made by hand'),
  });
  return withFooter(Buffer.concat(body), footer.value as ThriftStruct);
}

/** Ends a file with a footer. */
export function withFooter(body: Buffer, footer: ThriftStruct): Buffer {
  const bytes = writeThrift(footer);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([body, bytes, length, Buffer.from('PAR1')]);
}

/** What a page is, apart from its bytes. */
export interface PageForm {
  readonly values: number;
  readonly encoding?: number;
  /** Bytes when they are not compressed; default: those given. */
  readonly bytes?: number;
}

/** A data page of the first version. */
export function dataPage(data: Buffer, { values, encoding = ENCODING.plain, bytes = data.length }: PageForm): Buffer {
  const header = struct({ 1: i32(values), 2: i32(encoding), 3: i32(ENCODING.rle), 4: i32(ENCODING.rle) });
  return pageOf(0, data, bytes, { 5: header });
}

/** A data page of the second version, of REQUIRED values. */
export function dataPageV2(data: Buffer, { values, encoding = ENCODING.plain, bytes = data.length }: PageForm): Buffer {
  const header = { 1: i32(values), 2: i32(0), 3: i32(values), 4: i32(encoding), 5: i32(0), 6: i32(0) };
  return pageOf(3, data, bytes, { 8: struct(header) });
}

/** A dictionary. */
export function dictionaryPage(data: Buffer, { values, bytes = data.length }: PageForm): Buffer {
  return pageOf(2, data, bytes, { 7: struct({ 1: i32(values), 2: i32(ENCODING.plain) }) });
}

function pageOf(type: number, data: Buffer, bytes: number, header: Parameters<typeof struct>[0]): Buffer {
  const head = struct({ 1: i32(type), 2: i32(bytes), 3: i32(data.length), ...header });
  return Buffer.concat([writeThrift(head.value as ThriftStruct), data]);
}

/** Numbers as PLAIN stores them. */
export function plainInt32(...values: number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.from(Int32Array.of(value).buffer)));
}

/** As {@link plainInt32}. */
export function plainInt64(...values: number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.from(BigInt64Array.of(BigInt(value)).buffer)));
}

/** Strings as PLAIN stores them. */
export function plainText(...values: string[]): Buffer {
  return Buffer.concat(
    values.map((value) => Buffer.concat([plainInt32(Buffer.byteLength(value)), Buffer.from(value)])),
  );
}
