/** The bytes of a file in an archive, held to what the archive says of them and to what is likely. */
import { faultError } from '../../errors.js';
import { ARCHIVE_RATIO_SLACK_BYTES, MAX_ARCHIVE_RATIO } from '../../limits.js';
import type { RandomAccessFile } from '../file-format.js';
import { HEADER_BYTES, type ZipMember } from './zip-directory.js';

/** What reading an archive needs from the machine: Node and browsers have it under different names. */
export interface ZipCodec {
  /** @throws anything, for data that are damaged or end early. */
  inflateRaw(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** @param before - of the bytes before; 0 at first. @see RFC 1952, section 8 */
  crc32(bytes: Uint8Array, before: number): number;
}

/** What all files of an archive may come to, and those of archives within it. */
export interface ArchiveBudget {
  leftBytes: number;
}

/** Bytes of data that are read at once. */
const PIECE_BYTES = 64 * 1024;

/** The error of a member that cannot be read on; what came of it is good. */
export function memberError(name: string, problem: string): Error {
  return faultError('invalid_input', problem, name);
}

/**
 * Reads a member's bytes.
 * @throws HrmError kind `invalid`, code `invalid_input`: it is damaged, longer or shorter than it says, of a method that is not known, or
 *   comes to more than is likely. What was given by then is what it has up to there.
 */
export async function* readZipMember(
  file: RandomAccessFile,
  member: ZipMember,
  codec: ZipCodec,
  budget: ArchiveBudget,
): AsyncGenerator<Uint8Array> {
  const { name, method, byteLength, crc32 } = member;
  if (member.isEncrypted) throw memberError(name, 'it is encrypted: take the password off');
  if (method !== 0 && method !== 8)
    throw memberError(name, `it is compressed by a method that is not known (${method})`);
  const taken = { bytes: 0 };
  const data = readData(file, member, taken);
  const pieces = method === 0 ? data : codec.inflateRaw(data);
  let outBytes = 0;
  let sum = 0;
  try {
    for await (const piece of pieces) {
      outBytes += piece.byteLength;
      budget.leftBytes -= piece.byteLength;
      if (byteLength !== null && outBytes > byteLength) throw memberError(name, 'it is longer than it says');
      if (outBytes > MAX_ARCHIVE_RATIO * taken.bytes + ARCHIVE_RATIO_SLACK_BYTES || budget.leftBytes < 0)
        throw memberError(name, `it comes to more than ${MAX_ARCHIVE_RATIO} times its size: it is not read on`);
      if (crc32 !== null) sum = codec.crc32(piece, sum);
      yield piece;
    }
  } catch (cause) {
    if (isInvalidInput(cause)) throw cause;
    throw memberError(name, 'its data are damaged or end early');
  }
  if (byteLength !== null && outBytes < byteLength) throw memberError(name, 'it is shorter than it says');
  if (crc32 !== null && sum !== crc32) throw memberError(name, 'its checksum is another one: some of it is damaged');
}

function isInvalidInput(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'invalid_input';
}

async function* readData(
  file: RandomAccessFile,
  { name, headerOffset, compressedBytes }: ZipMember,
  taken: { bytes: number },
): AsyncGenerator<Uint8Array> {
  const header = await file.slice(headerOffset, headerOffset + HEADER_BYTES);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (header.byteLength < HEADER_BYTES || view.getUint32(0, true) !== 0x04034b50)
    throw memberError(name, 'its header is not where it should be');
  let at = headerOffset + HEADER_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
  const end = at + compressedBytes;
  while (at < end) {
    const piece = await file.slice(at, Math.min(end, at + PIECE_BYTES));
    if (piece.byteLength === 0) return;
    at += piece.byteLength;
    taken.bytes += piece.byteLength;
    yield piece;
  }
}
