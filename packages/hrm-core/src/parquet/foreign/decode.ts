/**
 * Rows of another writer's file, page by page: between two pages others have their turn. What is null, or no value of its column, is
 * read as one that no reading has, so that who judges rows leaves it out.
 */
import type { StoredFile } from '../../ports/storage.js';
import { internStrings, type ReadingColumns } from '../../pure/columns.js';
import type { ForeignSlice } from '../row-group.js';
import { decompressorOf } from './codecs.js';
import type { Chunk, Page } from './pages.js';
import { readDictionary, readNumbers, readRuns, readTexts, type Texts } from './values.js';

/** In place of a number that is missing, or too large for its column. */
const NO_NUMBER = -1;

/** Reads the pages of a file's columns; of each column the last page is remembered, since the next rows may be in it too. */
export interface PageReader {
  /** Fills an array with the rows of a column from a row on. */
  numbers(chunk: Chunk, fromRow: number, into: Float64Array | Int32Array): Promise<void>;
  /** The texts of a column from a row on, each once, in UTF-8 byte order, and of each row which it has. */
  texts(chunk: Chunk, fromRow: number, rows: number): Promise<{ values: readonly string[]; indices: Uint32Array }>;
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
  const [time, heart, deviceIds, userIds, received] = chunks as readonly [Chunk, Chunk, Chunk, Chunk, Chunk?];
  const columns = {
    timestampMs: new Float64Array(length),
    heartRate: new Int32Array(length),
    receivedMinute: new Int32Array(length),
  };
  await reader.numbers(time, fromRow, columns.timestampMs);
  await reader.numbers(heart, fromRow, columns.heartRate);
  if (received !== undefined) await reader.numbers(received, fromRow, columns.receivedMinute);
  const devices = await reader.texts(deviceIds, fromRow, length);
  const users = await reader.texts(userIds, fromRow, length);
  return {
    length,
    users: users.values,
    devices: devices.values,
    user: users.indices,
    device: devices.indices,
    ...columns,
  };
}

/** The file whose reader is kept. */
let latest: WeakRef<StoredFile> | null = null;
const readers = new WeakMap<StoredFile, PageReader>();

/**
 * The reader of an open file, with the pages that it read last: a page may be a whole row group, and would else be read and decoded anew
 * for each slice of it. Only that of one file is kept, and as long as that is held: its pages may take 40 MB.
 */
export function pageReaderOf(file: StoredFile): PageReader {
  const known = readers.get(file);
  if (known !== undefined) return known;
  const before = latest?.deref();
  if (before !== undefined) readers.delete(before);
  const reader = createPageReader(file);
  readers.set(file, reader);
  latest = new WeakRef(file);
  return reader;
}

/** Creates a reader. */
function createPageReader(file: StoredFile): PageReader {
  const numbers = rememberPages<ArrayLike<number>, ArrayLike<number>>(file, [], 3, {
    value: (chunk, bytes, form, dictionary) => readNumbers(bytes, { type: chunk.type, ...form }, dictionary),
    dictionary: (chunk, bytes, form) => readNumbers(bytes, { type: chunk.type, ...form }, []),
  });
  const texts = rememberPages<Texts, readonly string[]>(file, [], 2, {
    value: (_, bytes, form, dictionary) => readTexts(bytes, form, dictionary),
    dictionary: (_, bytes, { count }) => readDictionary(bytes, count),
  });
  return {
    async numbers(chunk, fromRow, into) {
      for (const page of pagesOf(chunk, fromRow, into.length)) {
        const { values, places } = await numbers(chunk, page);
        const [from, to] = rowsOf(page, fromRow, into.length);
        const by = page.fromRow - fromRow;
        for (let row = from; row < to; row += 1) {
          const value = valueAt(values, places, row);
          into[row + by] = value;
          // An array of 32 bits holds what it can of a larger one.
          if (into[row + by] !== value) into[row + by] = NO_NUMBER;
        }
      }
    },
    async texts(chunk, fromRow, rows) {
      const indices = new Uint32Array(rows);
      const all: string[] = [];
      for (const page of pagesOf(chunk, fromRow, rows)) {
        const { values, places } = await texts(chunk, page);
        const [from, to] = rowsOf(page, fromRow, rows);
        const by = page.fromRow - fromRow;
        // A page may share its dictionary with the whole row group, and use little of it.
        const known = new Int32Array(values.texts.length + 1).fill(-1);
        for (let row = from; row < to; row += 1) {
          const place = places === null ? row : (places[row] as number);
          const index = place < 0 ? values.texts.length : (values.indices[place] as number);
          if (known[index] === -1) known[index] = all.push(values.texts[index] ?? '') - 1;
          indices[row + by] = known[index] as number;
        }
      }
      const { values, indices: ranks } = internStrings(all);
      for (let row = 0; row < rows; row += 1) indices[row] = ranks[indices[row] as number] as number;
      return { values, indices };
    },
  };
}

function valueAt(values: ArrayLike<number>, places: Int32Array | null, row: number): number {
  if (places === null) return values[row] as number;
  const place = places[row] as number;
  return place < 0 ? NO_NUMBER : (values[place] as number);
}

/** The pages that have some of the rows. */
function pagesOf({ pages }: Chunk, fromRow: number, rows: number): readonly Page[] {
  return pages.filter((page) => page.fromRow < fromRow + rows && page.fromRow + page.rows > fromRow);
}

/** Which rows of a page, counted in it, are among the rows. */
function rowsOf(page: Page, fromRow: number, rows: number): [from: number, to: number] {
  return [Math.max(0, fromRow - page.fromRow), Math.min(page.rows, fromRow + rows - page.fromRow)];
}

interface Form {
  readonly encoding: number;
  /** Values that are not null. */
  readonly count: number;
}

/** A page that was read. */
interface ReadPage<Values> {
  /** Those that are not null. */
  readonly values: Values;
  /** Of each row where its value is; negative: it has none. `null`: each has its own. */
  readonly places: Int32Array | null;
}

/** What is remembered of a chunk. */
interface KnownChunk<Values, Dictionary> {
  readonly dictionary: Dictionary;
  last: (ReadPage<Values> & { readonly page: Page }) | null;
}

/**
 * Reads pages, and the dictionary of each chunk once.
 * @param maxChunks - that are remembered: the columns of one row group.
 */
function rememberPages<Values, Dictionary extends object>(
  file: StoredFile,
  noDictionary: Dictionary,
  maxChunks: number,
  decode: {
    readonly value: (chunk: Chunk, bytes: Uint8Array, form: Form, dictionary: Dictionary) => Values;
    readonly dictionary: (chunk: Chunk, bytes: Uint8Array, form: Form) => Dictionary;
  },
): (chunk: Chunk, page: Page) => Promise<ReadPage<Values>> {
  const known = new Map<Chunk, KnownChunk<Values, Dictionary>>();

  async function dictionaryOf(chunk: Chunk): Promise<Dictionary> {
    const own = chunk.dictionary;
    if (own === null) return noDictionary;
    const { values } = await readPage(file, { ...chunk, isOptional: false }, own);
    return decode.dictionary(chunk, values, { encoding: own.encoding, count: own.rows });
  }

  async function know(chunk: Chunk): Promise<KnownChunk<Values, Dictionary>> {
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size >= maxChunks) known.delete(oldest);
    const found = { dictionary: await dictionaryOf(chunk), last: null };
    known.set(chunk, found);
    return found;
  }

  return async (chunk, page) => {
    const own = known.get(chunk) ?? (await know(chunk));
    if (own.last?.page === page) return own.last;
    // Before the next one takes memory.
    own.last = null;
    const { values: bytes, defined } = await readPage(file, chunk, page);
    const { places, count } = placesOf(defined, page.rows);
    const values = decode.value(chunk, bytes, { encoding: page.encoding, count }, own.dictionary);
    const read = { page, values, places };
    own.last = read;
    return read;
  };
}

function placesOf(defined: Uint32Array | null, rows: number): { places: Int32Array | null; count: number } {
  if (defined === null) return { places: null, count: rows };
  const places = new Int32Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row += 1) {
    const isDefined = defined[row] === 1;
    places[row] = isDefined ? count : -1;
    if (isDefined) count += 1;
  }
  return { places: count === rows ? null : places, count };
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
