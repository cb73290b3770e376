/** Archives as others write them, and as nobody should. */
import { crc32, deflateRawSync } from 'node:zlib';

/** A file to put into an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Default 8, deflated. */
  readonly method?: number;
  /** Sizes and checksum stand behind the data. */
  readonly isStreamed?: boolean;
  /** Sizes stand in an extra field of 64 bits. */
  readonly isWide?: boolean;
  readonly isEncrypted?: boolean;
  /** What it says of its length, where that is a lie. */
  readonly saysBytes?: number;
  readonly saysCrc?: number;
}

const UTF8 = 0x800;

/** Writes an archive. @param before - bytes that stand before it. */
export function writeZip(entries: readonly ZipEntry[], before = ''): Buffer {
  const pieces: Buffer[] = [Buffer.from(before)];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const content = Buffer.from(entry.content);
    const data = (entry.method ?? 8) === 8 ? deflateRawSync(content) : content;
    const name = Buffer.from(entry.name);
    const flags = UTF8 | (entry.isStreamed ? 8 : 0) | (entry.isEncrypted ? 1 : 0);
    const told = [entry.saysCrc ?? crc32(content), data.length, entry.saysBytes ?? content.length] as const;
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE(20, 4);
    header.writeUInt16LE(flags, 6);
    header.writeUInt16LE(entry.method ?? 8, 8);
    if (!entry.isStreamed) for (const [i, value] of told.entries()) header.writeUInt32LE(value, 14 + 4 * i);
    header.writeUInt16LE(name.length, 26);
    const behind = Buffer.alloc(entry.isStreamed ? 16 : 0);
    if (entry.isStreamed) {
      behind.writeUInt32LE(0x08074b50, 0);
      for (const [i, value] of told.entries()) behind.writeUInt32LE(value, 4 + 4 * i);
    }
    directory.push(directoryEntry(header, name, told, offset, entry.isWide === true));
    pieces.push(header, name, data, behind);
    offset += header.length + name.length + data.length + behind.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(0xffff, entries.length), 8);
  end.writeUInt16LE(Math.min(0xffff, entries.length), 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  const isWide = entries.some((entry) => entry.isWide);
  if (isWide) end.writeUInt32LE(0xffffffff, 16);
  // As programs do it: of very many files only their number has no room.
  const hasWideEnd = isWide || entries.length > 0xffff;
  return Buffer.concat([...pieces, ...directory, hasWideEnd ? wideEnd(size, offset) : Buffer.alloc(0), end]);
}

function directoryEntry(
  header: Buffer,
  name: Buffer,
  [crc, compressed, length]: readonly [number, number, number],
  offset: number,
  isWide: boolean,
): Buffer {
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  header.copy(entry, 6, 4, 30);
  entry.writeUInt32LE(crc, 16);
  entry.writeUInt32LE(isWide ? 0xffffffff : compressed, 20);
  entry.writeUInt32LE(isWide ? 0xffffffff : length, 24);
  entry.writeUInt16LE(name.length, 28);
  entry.writeUInt16LE(isWide ? 28 : 0, 30);
  entry.writeUInt16LE(0, 32);
  entry.writeUInt32LE(isWide ? 0xffffffff : offset, 42);
  if (!isWide) return Buffer.concat([entry, name]);
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  for (const [i, value] of [length, compressed, offset].entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  return Buffer.concat([entry, name, extra]);
}

function wideEnd(size: number, offset: number): Buffer {
  const end = Buffer.alloc(76);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeBigUInt64LE(BigInt(size), 40);
  end.writeBigUInt64LE(BigInt(offset), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(offset + size), 64);
  end.writeUInt32LE(1, 72);
  return end;
}
