/**
 * Where the pages of a column chunk are and what their headers say, without reading their values: so that rows are found, and what
 * cannot be read is known, when a file is opened.
 */
import { MAX_PAGE_BYTES, MAX_PAGE_ROWS } from '../../limits.js';
import type { StoredFile } from '../../ports/storage.js';
import { leftInPlace } from './left-in-place.js';
import { countOf, readStruct, structOf, type ThriftStruct } from './thrift.js';
import { ENCODING, isKnownEncoding } from './values.js';

/** Bytes read at once to look for a header. */
const WINDOW_BYTES = 16 * 1024;

/** Bytes of a page's header with its statistics, which may have ids of any length. */
const MAX_HEADER_BYTES = 1024 * 1024;

/** Kinds of pages by Parquet's numbers. */
const PAGE = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;

/** A page, behind its header. */
export interface Page {
  readonly fromByte: number;
  /** Bytes in the file. */
  readonly bytes: number;
  /** Bytes of it when it is decompressed. */
  readonly rawBytes: number;
  readonly fromRow: number;
  readonly rows: number;
  readonly encoding: number;
  readonly isCompressed: boolean;
  /** Bytes of levels in front of the values, which are not compressed; `null`: the levels are in the values, and say how long they are. */
  readonly levels: number | null;
}

/** A column's values in a row group. */
export interface Chunk {
  /** Physical, by Parquet's number. */
  readonly type: number;
  readonly codec: number;
  readonly isOptional: boolean;
  readonly dictionary: Page | null;
  readonly pages: readonly Page[];
}

/** Where a chunk is, as the footer says. */
export interface ChunkPlace extends Pick<Chunk, 'type' | 'codec' | 'isOptional'> {
  readonly fromByte: number;
  /** Exclusive. */
  readonly toByte: number;
  readonly rows: number;
}

/**
 * Walks over the headers of a chunk.
 * @param maxPages - refused where there are more.
 * @throws Error where they are not what they should be.
 */
export async function walkPages(file: StoredFile, place: ChunkPlace, maxPages: number): Promise<Chunk> {
  const { type, codec, isOptional, toByte, rows } = place;
  const headers = readHeaders(file, place);
  const pages: Page[] = [];
  let dictionary: Page | null = null;
  let fromRow = 0;
  let at = place.fromByte;
  for (let headersRead = 0; fromRow < rows; headersRead += 1) {
    if (headersRead > maxPages) throw leftInPlace('file_too_large', 'it has too many pages: write it with larger ones');
    const { struct, to } = await headers.at(at);
    const page = pageOf(struct, to, { fromRow, toByte, place });
    at = to + countOf(struct, 3);
    if (page === null) continue;
    if (countOf(struct, 1) === PAGE.dictionary) {
      if (dictionary !== null || pages.length > 0) throw new Error('it has a dictionary where none should be');
      dictionary = page;
    } else if (page.rows > 0) pages.push(page);
    fromRow += countOf(struct, 1) === PAGE.dictionary ? 0 : page.rows;
  }
  if (fromRow !== rows) throw new Error('its pages have another number of rows than their row group');
  return { type, codec, isOptional, dictionary, pages };
}

/** A page by its header; `null` for what has no values. */
function pageOf(
  header: ThriftStruct,
  fromByte: number,
  { fromRow, toByte, place }: { readonly fromRow: number; readonly toByte: number; readonly place: ChunkPlace },
): Page | null {
  const [kind, rawBytes, bytes] = [countOf(header, 1), countOf(header, 2), countOf(header, 3)];
  if (bytes > toByte - fromByte) throw new Error('it has a page that ends behind its column');
  // What cannot be made smaller may grow by a little.
  if (bytes > 2 * MAX_PAGE_BYTES) throw new Error('it has a page that is longer than all it can hold');
  if (kind === PAGE.index) return null;
  if (rawBytes > MAX_PAGE_BYTES) {
    throw leftInPlace(
      'file_too_large',
      `it has a page of more than ${MAX_PAGE_BYTES} bytes: write it with smaller pages`,
    );
  }
  const [own, second] = [structOf(header, kind === PAGE.dictionary ? 7 : 5), structOf(header, 8)];
  const values = kind === PAGE.dataV2 ? second : own;
  if (values === null || kind > PAGE.dataV2) throw new Error('it has a page of no known kind');
  const rows = countOf(values, 1);
  if (rows > MAX_PAGE_ROWS) {
    throw leftInPlace(
      'file_too_large',
      `it has a page of more than ${MAX_PAGE_ROWS} rows: write it with smaller pages`,
    );
  }
  const encoding = countOf(values, kind === PAGE.dataV2 ? 4 : 2);
  const isKnown =
    kind === PAGE.dictionary ? encoding <= ENCODING.plainDictionary : isKnownEncoding(place.type, encoding);
  if (!isKnown) throw leftInPlace('file_unsupported', `it has values in encoding ${encoding}, which is not known here`);
  const place_ = { fromByte, bytes, rawBytes, fromRow, rows };
  if (kind !== PAGE.dataV2) {
    if (kind === PAGE.data && place.isOptional && countOf(values, 3) !== ENCODING.rle) {
      throw leftInPlace('file_unsupported', 'it has levels in an encoding that is not known here');
    }
    return {
      ...place_,
      encoding: kind === PAGE.dictionary ? ENCODING.plain : encoding,
      isCompressed: true,
      levels: null,
    };
  }
  const levels = countOf(values, 5);
  if (countOf(values, 3) !== rows || countOf(values, 6) !== 0)
    throw new Error('it has a page of another form than its column');
  if (levels > Math.min(bytes, rawBytes)) throw new Error('it has a page that is shorter than its levels');
  return { ...place_, encoding, isCompressed: values.get(7) !== false, levels };
}

/** Reads headers, a window of the file at a time: pages may be small, and then many are in one. */
function readHeaders(file: StoredFile, { toByte }: ChunkPlace) {
  let window = new Uint8Array(0);
  let windowFrom = 0;
  async function load(from: number, bytes: number): Promise<void> {
    window = new Uint8Array(await file.read(from, Math.min(toByte, from + bytes)));
    windowFrom = from;
  }
  async function at(from: number): Promise<{ readonly struct: ThriftStruct; readonly to: number }> {
    if (from >= toByte) throw new Error('its pages have fewer rows than their row group');
    if (from < windowFrom || from >= windowFrom + window.length) await load(from, WINDOW_BYTES);
    for (let bytes = WINDOW_BYTES; ; bytes *= 8) {
      try {
        const { struct, to } = readStruct(window, from - windowFrom);
        return { struct, to: to + windowFrom };
      } catch (error) {
        const isAll = windowFrom + window.length >= toByte;
        // A header may go on behind the window.
        if (!(error instanceof RangeError) || isAll || bytes > MAX_HEADER_BYTES) throw error;
        await load(from, bytes);
      }
    }
  }
  return { at };
}
