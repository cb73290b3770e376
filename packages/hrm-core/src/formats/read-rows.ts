import { prepend } from './bytes.js';
import type { ReadingRow, ReadStart, RowBatch } from './format.js';
import { type Format, findFormat, formatOfHead, formatOfName } from './formats.js';
import { gunzipped } from './gunzip.js';

/** What is known of an input before it is read. */
export interface RowOptions {
  /** Default: the one that `name` tells, or else the input's beginning. */
  readonly format?: Format | undefined;
  /** Of the file. */
  readonly name?: string | undefined;
  /** Default: at the beginning, and no points are told. */
  readonly start?: ReadStart | undefined;
}

/** Bytes of a beginning, at least, where there are so many: enough for a format to know itself. */
const HEAD_BYTES = 512;
/** Blank bytes that are looked through for a beginning. */
const MAX_HEAD_BYTES = 1024 * 1024;

/** Blanks, ends of lines, and the byte order mark. */
const BLANK_BYTES = new Set([0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf]);

/**
 * Reads the readings of a file or a stream, whatever its format, gunzipped where they are gzip. They are not judged: `importReadings`
 * does that, and `enqueueUntrusted`.
 * @returns rows in the order of the input: a reading as a wire spells it, or what is wrong with the line.
 * @throws HrmError kind `invalid`, code `invalid_header`, for an input of which no row can be read.
 * @example
 * for await (const row of readReadings(createReadStream('readings.csv.gz'))) {
 *   if ('item' in row) console.log(row.line, row.item);
 * }
 */
export async function* readReadings(
  bytes: AsyncIterable<Uint8Array>,
  options: Pick<RowOptions, 'format' | 'name'> = {},
): AsyncGenerator<ReadingRow> {
  for await (const { rows } of readRows(gunzipped(asBuffers(bytes)), options)) yield* rows;
}

async function* asBuffers(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of bytes) yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}

/**
 * Reads the rows of an input, as many at a time as its bytes come.
 * @param bytes - gunzipped, from the start's point on.
 */
export async function* readRows(
  bytes: AsyncIterable<Buffer>,
  { format, name = '', start }: RowOptions,
): AsyncGenerator<RowBatch> {
  const known = findFormat(start?.point?.format ?? format ?? '') ?? formatOfName(name);
  if (known !== undefined) {
    yield* known.read(bytes, start);
    return;
  }
  const { head, whole } = await peek(bytes);
  if (head.length > 0) yield* formatOfHead(head).read(whole, start);
}

/** The beginning of an input, empty where all of it is blank, and the input as if nothing had been read. */
async function peek(bytes: AsyncIterable<Buffer>): Promise<{ head: Buffer; whole: AsyncIterable<Buffer> }> {
  const pieces = bytes[Symbol.asyncIterator]();
  const read: Buffer[] = [];
  let byteLength = 0;
  let isBlank = true;
  while (byteLength < HEAD_BYTES || (isBlank && byteLength < MAX_HEAD_BYTES)) {
    const { done, value } = await pieces.next();
    if (done === true) break;
    read.push(value);
    byteLength += value.byteLength;
    isBlank &&= value.every((byte) => BLANK_BYTES.has(byte));
  }
  const head = Buffer.concat(read);
  const isOver = isBlank && byteLength < MAX_HEAD_BYTES;
  return { head: isOver ? Buffer.alloc(0) : head, whole: prepend(head, { [Symbol.asyncIterator]: () => pieces }) };
}
