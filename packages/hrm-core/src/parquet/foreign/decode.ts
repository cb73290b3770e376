/**
 * Rows of another writer's file, page by page: between two pages others have their turn. What is null, or no value of its column, is
 * read as one that no reading has, so that who judges rows leaves it out.
 */
import type { StoredFile } from '../../ports/storage.js';
import { internStrings, type ReadingColumns } from '../../pure/columns.js';
import { decompressorOf } from './codecs.js';
import type { ForeignSlice } from './open.js';
import type { Chunk, Page } from './pages.js';
import { readNumbers, readRuns, readTexts } from './values.js';

/** In place of a number that is missing, or too large for its column. */
const NO_NUMBER = -1;

/** Reads the pages of a file's columns; of each column the last page is remembered, since the next rows may be in it too. */
export interface PageReader {
  /** Fills an array with the rows of a column from a row on. */
  numbers(chunk: Chunk, fromRow: number, into: Float64Array | Int32Array): Promise<void>;
  /** The texts of a column from a row on. */
  texts(chunk: Chunk, fromRow: number, rows: number): Promise<string[]>;
}

/**
 * Reads the rows of a slice.
 * @throws Error where its pages are not what their headers say.
 */
export async function decodeSlice(
  reader: PageReader,
  { chunks, fromRow }: ForeignSlice,
  length: number,
): Promise<ReadingColumns> {
  const [time, heart, deviceIds, userIds, received] = chunks as readonly [Chunk, Chunk, Chunk, Chunk, Chunk];
  const columns = {
    timestampMs: new Float64Array(length),
    heartRate: new Int32Array(length),
    receivedMinute: new Int32Array(length),
  };
  await reader.numbers(time, fromRow, columns.timestampMs);
  await reader.numbers(heart, fromRow, columns.heartRate);
  await reader.numbers(received, fromRow, columns.receivedMinute);
  const devices = internStrings(await reader.texts(deviceIds, fromRow, length));
  const users = internStrings(await reader.texts(userIds, fromRow, length));
  return {
    length,
    users: users.values,
    devices: devices.values,
    user: users.indices,
    device: devices.indices,
    ...columns,
  };
}

/** Creates a reader. */
export function createPageReader(file: StoredFile): PageReader {
  const numbers = rememberPages<number>((chunk, bytes, form, dictionary) => {
    return readNumbers(bytes, { type: chunk.type, ...form }, dictionary as ArrayLike<number>);
  });
  const texts = rememberPages<string>((_, bytes, form, dictionary) => {
    return readTexts(bytes, form, dictionary as readonly string[]);
  });

  function rememberPages<Value extends number | string>(
    decode: (chunk: Chunk, bytes: Uint8Array, form: Form, dictionary: ArrayLike<Value>) => ArrayLike<Value>,
  ) {
    const dictionaries = new WeakMap<Chunk, ArrayLike<Value>>();
    const last = new WeakMap<Chunk, { readonly page: Page; readonly values: PageValues<Value> }>();
    return async (chunk: Chunk, page: Page): Promise<PageValues<Value>> => {
      const known = last.get(chunk);
      if (known?.page === page) return known.values;
      last.delete(chunk);
      let dictionary = dictionaries.get(chunk);
      if (dictionary === undefined) {
        const own = chunk.dictionary;
        const bytes = own === null ? null : await readPage(file, { ...chunk, isOptional: false }, own);
        dictionary = bytes === null || own === null ? [] : decode(chunk, bytes.values, formOf(own, own.rows), []);
        dictionaries.set(chunk, dictionary);
      }
      const { values: bytes, defined } = await readPage(file, chunk, page);
      const count = defined === null ? page.rows : defined.reduce((sum, one) => sum + one, 0);
      const values = { values: decode(chunk, bytes, formOf(page, count), dictionary), defined };
      last.set(chunk, { page, values });
      return values;
    };
  }

  return {
    async numbers(chunk, fromRow, into) {
      const isSmall = into instanceof Int32Array;
      await overRows(chunk, fromRow, into.length, numbers, (value, at) => {
        const isFit = value !== null && (!isSmall || value === (value | 0));
        into[at] = isFit ? value : NO_NUMBER;
      });
    },
    async texts(chunk, fromRow, rows) {
      const into = new Array<string>(rows);
      await overRows(chunk, fromRow, rows, texts, (value, at) => {
        into[at] = value ?? '';
      });
      return into;
    },
  };
}

interface Form {
  readonly encoding: number;
  /** Values that are not null. */
  readonly count: number;
}

function formOf({ encoding }: Page, count: number): Form {
  return { encoding, count };
}

/** The values of a page that are not null, and which they are. */
interface PageValues<Value> {
  readonly values: ArrayLike<Value>;
  /** Of each row 1 where it has a value; `null`: all have. */
  readonly defined: Uint32Array | null;
}

/** Goes over the rows of a column that lie in some of its pages. */
async function overRows<Value>(
  chunk: Chunk,
  fromRow: number,
  rows: number,
  read: (chunk: Chunk, page: Page) => Promise<PageValues<Value>>,
  place: (value: Value | null, at: number) => void,
): Promise<void> {
  const own = chunk.pages.filter((page) => page.fromRow < fromRow + rows && page.fromRow + page.rows > fromRow);
  for (const page of own) {
    const { values, defined } = await read(chunk, page);
    let next = 0;
    for (let row = 0; row < page.rows; row += 1) {
      const isDefined = defined === null || defined[row] === 1;
      const value = isDefined ? (values[next] as Value) : null;
      if (isDefined) next += 1;
      const at = page.fromRow + row - fromRow;
      if (at >= 0 && at < rows) place(value, at);
    }
  }
}

/** The bytes of a page's values. */
async function readPage(
  file: StoredFile,
  { codec, isOptional }: Chunk,
  { fromByte, bytes, rawBytes, rows, isCompressed, levels }: Page,
): Promise<{ readonly values: Uint8Array; readonly defined: Uint32Array | null }> {
  const page = new Uint8Array(await file.read(fromByte, fromByte + bytes));
  const decompress = await decompressorOf(codec);
  if (levels !== null) {
    const rest = page.subarray(levels);
    const values = isCompressed ? decompress(rest, rawBytes - levels) : rest;
    return { values, defined: isOptional ? readRuns(page.subarray(0, levels), 1, rows) : null };
  }
  const values = decompress(page, rawBytes);
  if (!isOptional) return { values, defined: null };
  if (values.length < 4) throw new Error('it has a page that is shorter than its levels');
  const length = new DataView(values.buffer, values.byteOffset).getUint32(0, true);
  if (length > values.length - 4) throw new Error('it has a page that is shorter than its levels');
  return { values: values.subarray(4 + length), defined: readRuns(values.subarray(4, 4 + length), 1, rows) };
}
