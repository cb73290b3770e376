/**
 * Compressed pages to their bytes, never to more than the page's header says, whose bound is checked before.
 *
 * Node has gzip and brotli. Snappy and LZ4 are some lines each. ZSTD, the default of Polars, is libzstd itself as WebAssembly (76 kB,
 * no dependencies), loaded when a file needs it: a decoder in JavaScript can be kept busy for seconds by 100 kB that were made for it.
 */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

/** Makes `length` bytes of a page's. @throws Error where they are not exactly so many. */
export type Decompress = (page: Uint8Array, length: number) => Uint8Array;

/** Names by Parquet's numbers. @see https://github.com/apache/parquet-format/blob/master/Compression.md */
export const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW'] as const;

const DECOMPRESS: Readonly<Record<string, Decompress>> = {
  UNCOMPRESSED: (page) => page,
  SNAPPY: unsnappy,
  GZIP: (page, length) => gunzipSync(page, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (page, length) => brotliDecompressSync(page, { maxOutputLength: Math.max(1, length) }),
  LZ4: unlz4Hadoop,
  LZ4_RAW: unlz4,
};

/** Whether a codec can be read. */
export function isKnownCodec(codec: number): boolean {
  const name = CODECS[codec];
  return name !== undefined && (name === 'ZSTD' || name in DECOMPRESS);
}

/** What decompresses a codec's pages. @param codec - known. */
export async function decompressorOf(codec: number): Promise<Decompress> {
  const name = CODECS[codec] ?? '';
  const decompress = name === 'ZSTD' ? await loadZstd() : DECOMPRESS[name];
  if (decompress === undefined) throw new Error('its pages are compressed in a way that is not known');
  return (page, length) => {
    const bytes = decompress(page, length);
    if (bytes.length !== length) throw new Error('it has a page of another length than its header says');
    // No Buffer, whose `slice` would copy nothing.
    return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  };
}

async function loadZstd(): Promise<Decompress> {
  const { ZSTDDecoder } = await import('zstddec');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return (page, length) => (length === 0 ? new Uint8Array(0) : decoder.decode(page, length));
}

/** @see https://github.com/google/snappy/blob/main/format_description.txt */
function unsnappy(page: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  while ((page[at] ?? 0) >= 0x80) at += 1;
  at += 1;
  let to = 0;
  while (at < page.length) {
    const tag = page[at] as number;
    at += 1;
    const kind = tag & 3;
    if (kind === 0) {
      const extra = Math.max(0, (tag >> 2) - 59);
      const literal = 1 + (extra === 0 ? tag >> 2 : littleEndian(page, at, extra));
      at += extra;
      to = copyLiteral(page, at, literal, bytes, to);
      at += literal;
    } else if (kind === 1) {
      to = copyBack(bytes, to, ((tag >> 5) << 8) | (page[at] ?? 0), 4 + ((tag >> 2) & 7));
      at += 1;
    } else {
      const width = kind === 2 ? 2 : 4;
      to = copyBack(bytes, to, littleEndian(page, at, width), 1 + (tag >> 2));
      at += width;
    }
  }
  return to === length ? bytes : bytes.subarray(0, to);
}

/** One block. @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
function unlz4(page: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  let to = 0;
  function more(count: number): number {
    let total = count;
    for (let byte = 255; count === 15 && byte === 255; total += byte) {
      byte = page[at] ?? 0;
      at += 1;
    }
    return total;
  }
  while (at < page.length) {
    const token = page[at] as number;
    at += 1;
    const literal = more(token >> 4);
    to = copyLiteral(page, at, literal, bytes, to);
    at += literal;
    // The last sequence is literals alone.
    if (at >= page.length) break;
    const offset = littleEndian(page, at, 2);
    at += 2;
    to = copyBack(bytes, to, offset, 4 + more(token & 15));
  }
  return to === length ? bytes : bytes.subarray(0, to);
}

/** Blocks, each after its two lengths, as Hadoop frames them; Arrow wrote single blocks under the same name. */
function unlz4Hadoop(page: Uint8Array, length: number): Uint8Array {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const blocks: Uint8Array[] = [];
  let [at, total] = [0, 0];
  while (at + 8 <= page.length) {
    const [raw, packed] = [view.getUint32(at), view.getUint32(at + 4)];
    if (packed === 0 || raw > length - total || packed > page.length - at - 8) return unlz4(page, length);
    blocks.push(unlz4(page.subarray(at + 8, at + 8 + packed), raw));
    at += 8 + packed;
    total += raw;
  }
  return at === page.length ? Buffer.concat(blocks) : unlz4(page, length);
}

function littleEndian(page: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = 0; i < width; i += 1) value += (page[at + i] ?? 0) * 2 ** (8 * i);
  return value;
}

function copyLiteral(page: Uint8Array, at: number, length: number, bytes: Uint8Array, to: number): number {
  if (length > page.length - at || length > bytes.length - to) throw new Error('it has a page that ends too early');
  bytes.set(page.subarray(at, at + length), to);
  return to + length;
}

/** What is copied may reach into itself: then it repeats. */
function copyBack(bytes: Uint8Array, to: number, offset: number, length: number): number {
  if (offset === 0 || offset > to || length > bytes.length - to)
    throw new Error('it has a page that refers to nothing');
  if (offset >= length) bytes.copyWithin(to, to - offset, to - offset + length);
  else for (let i = 0; i < length; i += 1) bytes[to + i] = bytes[to + i - offset] as number;
  return to + length;
}
