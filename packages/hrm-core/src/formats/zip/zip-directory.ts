/**
 * What an archive has, by its directory at the end; where that is missing, since the archive was cut, by the headers before each member. Nothing
 * is believed: offsets and sizes are held to the file.
 * @see PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3
 */
import { MAX_ARCHIVE_MEMBERS } from '../../limits.js';
import type { RandomAccessFile } from '../file-format.js';

/** A file in an archive. */
export interface ZipMember {
  /** As the archive has it, folders included. It is shown, and never used as a path. */
  readonly name: string;
  /** 0 stored, 8 deflated; there are others. */
  readonly method: number;
  readonly isEncrypted: boolean;
  /** What it says of itself; `null` where nobody knows. */
  readonly byteLength: number | null;
  readonly crc32: number | null;
  /** Of its data, at most: where nobody knows, up to the next header. */
  readonly compressedBytes: number;
  /** Byte of the archive at which its header begins. */
  readonly headerOffset: number;
}

/** The members of an archive in its order. */
export interface ZipDirectory {
  readonly members: readonly ZipMember[];
  /** What is wrong with the archive as a whole; `null` where nothing is. */
  readonly problem: string | null;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65_535;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const HEADER_SIGNATURE = 0x04034b50;
/** Bytes of a member's header before its name. */
export const HEADER_BYTES = 30;

const ENCRYPTED = 1;
const SIZES_BEHIND = 8;
const IS_UTF8 = 0x800;
const ZIP64_EXTRA = 1;
/** A field of 32 bits that has no room for its value. */
const ELSEWHERE = 0xffff_ffff;

/** Bytes of a directory, or of a search, that are held at once. */
const WINDOW_BYTES = 256 * 1024;

/** Whether what begins so is an archive with at least one member. */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 0x03 && head[3] === 0x04;
}

/** Reads what an archive has. */
export async function readZipDirectory(file: RandomAccessFile): Promise<ZipDirectory> {
  const end = await findEnd(file);
  if (end === null) {
    const members = await scanHeaders(file);
    return { members, problem: 'it ends early, without its directory: what stands before the end is read' };
  }
  return readEntries(file, end);
}

interface DirectoryEnd {
  readonly fromByte: number;
  readonly toByte: number;
  /** What every offset has to be moved by: something may stand before the archive. */
  readonly shift: number;
}

async function findEnd(file: RandomAccessFile): Promise<DirectoryEnd | null> {
  const from = Math.max(0, file.byteLength - END_BYTES - MAX_COMMENT_BYTES);
  const tail = viewOf(await file.slice(from, file.byteLength));
  for (let at = tail.byteLength - END_BYTES; at >= 0; at -= 1) {
    if (tail.getUint32(at, true) !== END_SIGNATURE) continue;
    const isWithin = at + END_BYTES + tail.getUint16(at + 20, true) <= tail.byteLength;
    const end = isWithin ? await endAt(file, tail, at, from) : null;
    if (end !== null) return end;
  }
  return null;
}

async function endAt(file: RandomAccessFile, tail: DataView, at: number, from: number): Promise<DirectoryEnd | null> {
  const size = tail.getUint32(at + 12, true);
  const offset = tail.getUint32(at + 16, true);
  // Also where only the number of files has no room: then the wide end stands between the directory and this one.
  const wide = await wideEndAt(file, tail, at);
  if (wide !== null) return wide;
  return size === ELSEWHERE || offset === ELSEWHERE ? null : placeOf(from + at, size, offset);
}

/** The end that has room for everything, where there is one. */
async function wideEndAt(file: RandomAccessFile, tail: DataView, at: number): Promise<DirectoryEnd | null> {
  if (at < LOCATOR_BYTES || tail.getUint32(at - LOCATOR_BYTES, true) !== LOCATOR_SIGNATURE) return null;
  const toByte = toNumber(tail.getBigUint64(at - LOCATOR_BYTES + 8, true));
  const end = viewOf(await file.slice(toByte, toByte + END64_BYTES));
  if (end.byteLength < END64_BYTES || end.getUint32(0, true) !== END64_SIGNATURE) return null;
  return placeOf(toByte, toNumber(end.getBigUint64(40, true)), toNumber(end.getBigUint64(48, true)));
}

function placeOf(toByte: number, size: number, offset: number): DirectoryEnd | null {
  const fromByte = toByte - size;
  const shift = fromByte - offset;
  return fromByte >= 0 && shift >= 0 ? { fromByte, toByte, shift } : null;
}

async function readEntries(file: RandomAccessFile, { fromByte, toByte, shift }: DirectoryEnd): Promise<ZipDirectory> {
  const members: ZipMember[] = [];
  let window = viewOf(new Uint8Array(0));
  let windowByte = fromByte;
  let at = fromByte;
  async function load(bytes: number): Promise<boolean> {
    if (at - windowByte + bytes > window.byteLength) {
      windowByte = at;
      window = viewOf(await file.slice(at, Math.min(toByte, at + Math.max(bytes, WINDOW_BYTES))));
    }
    return at - windowByte + bytes <= window.byteLength;
  }
  while (at < toByte) {
    if (members.length >= MAX_ARCHIVE_MEMBERS)
      return { members, problem: `it has more than ${MAX_ARCHIVE_MEMBERS} files: the others are not read` };
    if (!(await load(ENTRY_BYTES)) || window.getUint32(at - windowByte, true) !== ENTRY_SIGNATURE)
      return broken(members);
    const fixed = at - windowByte;
    const length = ENTRY_BYTES + [28, 30, 32].reduce((sum, field) => sum + window.getUint16(fixed + field, true), 0);
    if (!(await load(length))) return broken(members);
    const member = entryAt(window, at - windowByte, shift);
    if (member.headerOffset + HEADER_BYTES > file.byteLength) return broken(members);
    members.push(member);
    at += length;
  }
  return { members, problem: null };
}

function broken(members: readonly ZipMember[]): ZipDirectory {
  return { members, problem: 'its directory is damaged: the files behind that place are not read' };
}

function entryAt(view: DataView, at: number, shift: number): ZipMember {
  const flags = view.getUint16(at + 8, true);
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const sizes = [24, 20, 42].map((field) => view.getUint32(at + field, true));
  const extra = at + ENTRY_BYTES + nameBytes;
  const [byteLength = 0, compressedBytes = 0, headerOffset = 0] = wideSizes(view, extra, extra + extraBytes, sizes);
  return {
    name: nameOf(view, at + ENTRY_BYTES, nameBytes, flags),
    method: view.getUint16(at + 10, true),
    isEncrypted: (flags & ENCRYPTED) !== 0,
    byteLength,
    crc32: view.getUint32(at + 16, true),
    compressedBytes,
    headerOffset: headerOffset + shift,
  };
}

/** Sizes of which those that have no room stand in an extra field, in the same order. */
function wideSizes(view: DataView, from: number, to: number, sizes: readonly number[]): readonly number[] {
  if (!sizes.includes(ELSEWHERE)) return sizes;
  for (let at = from; at + 4 <= to; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== ZIP64_EXTRA) continue;
    const end = Math.min(to, at + 4 + view.getUint16(at + 2, true));
    let next = at + 4;
    return sizes.map((size) => {
      if (size !== ELSEWHERE || next + 8 > end) return size;
      next += 8;
      return toNumber(view.getBigUint64(next - 8, true));
    });
  }
  return sizes;
}

function nameOf(view: DataView, at: number, length: number, flags: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  const text = new TextDecoder().decode(bytes);
  // Without the flag it is of a code page, which has one character a byte; many write UTF-8 all the same.
  return (flags & IS_UTF8) === 0 && text.includes('\ufffd') ? new TextDecoder('latin1').decode(bytes) : text;
}

/** Members by their own headers, as far as they go. */
async function scanHeaders(file: RandomAccessFile): Promise<readonly ZipMember[]> {
  const members: ZipMember[] = [];
  for (let at = 0; members.length < MAX_ARCHIVE_MEMBERS; ) {
    const fixed = viewOf(await file.slice(at, at + HEADER_BYTES));
    if (!isHeader(fixed, 0)) return members;
    const [flags, nameBytes, extraBytes] = [6, 26, 28].map((field) => fixed.getUint16(field, true)) as [
      number,
      number,
      number,
    ];
    const data = at + HEADER_BYTES + nameBytes + extraBytes;
    const told = fixed.getUint32(18, true);
    const isTold = (flags & SIZES_BEHIND) === 0 && told !== ELSEWHERE;
    const next = isTold ? Math.min(data + told, file.byteLength) : await findHeader(file, data);
    const name = viewOf(await file.slice(at + HEADER_BYTES, at + HEADER_BYTES + nameBytes));
    if (data >= file.byteLength || name.byteLength < nameBytes) return members;
    members.push({
      name: nameOf(name, 0, nameBytes, flags),
      method: fixed.getUint16(8, true),
      isEncrypted: (flags & ENCRYPTED) !== 0,
      byteLength: isTold ? fixed.getUint32(22, true) : null,
      crc32: isTold ? fixed.getUint32(14, true) : null,
      compressedBytes: next - data,
      headerOffset: at,
    });
    at = next;
  }
  return members;
}

/** Where the next header begins, or the file ends. */
async function findHeader(file: RandomAccessFile, from: number): Promise<number> {
  for (let at = from; at < file.byteLength; at += WINDOW_BYTES) {
    const bytes = await file.slice(at, at + WINDOW_BYTES + HEADER_BYTES);
    const view = viewOf(bytes);
    for (let i = bytes.indexOf(0x50); i !== -1 && i < WINDOW_BYTES; i = bytes.indexOf(0x50, i + 1)) {
      if (isHeader(view, i)) return at + i;
    }
  }
  return file.byteLength;
}

/** Whether a header stands there that makes sense: the four bytes of its signature may stand in data, too. */
function isHeader(view: DataView, at: number): boolean {
  if (at + HEADER_BYTES > view.byteLength || view.getUint32(at, true) !== HEADER_SIGNATURE) return false;
  const [version, method, nameBytes] = [4, 8, 26].map((field) => view.getUint16(at + field, true)) as [
    number,
    number,
    number,
  ];
  return (version & 0xff) <= 63 && method <= 99 && nameBytes > 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What is over 2^53 is beyond every file. */
function toNumber(value: bigint): number {
  return Number(value);
}
