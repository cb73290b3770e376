/** Writes FIT files for tests, message by message. Its checksum is the nibble form of the protocol, apart from the code's. */

/** `[number, size in bytes, value or values]`; each value takes as many bytes as the size has for it. */
type FitField = readonly [number: number, size: number, value: number | readonly number[]];

/** How a file departs from a plain one. */
export interface FitFileOptions {
  readonly bigEndian?: boolean;
  readonly headerBytes?: 12 | 14;
  /** What the header says in place of the size. */
  readonly dataBytes?: number;
  readonly checksum?: number | null;
}

/** A message: its number, its fields, bytes of developers' fields behind them, or 5 bits of time in its header. */
export interface FitMessage {
  readonly message: number;
  readonly fields: readonly FitField[];
  readonly developerBytes?: readonly number[];
  readonly compressed?: number;
}

/** Seconds since 1989-12-31 of an instant. */
export function fitSeconds(epochMs: number): number {
  return epochMs / 1000 - 631_065_600;
}

/** A file of messages, each with its definition where it is another one than that of its kind before. */
export function writeFit(messages: readonly FitMessage[], options: FitFileOptions = {}): Uint8Array {
  const { bigEndian = false, headerBytes = 14 } = options;
  const data: number[] = [];
  const locals = new Map<number, string>();
  const numbers = new Map<number, number>();
  for (const { message, fields, developerBytes = [], compressed } of messages) {
    const local = numbers.get(message) ?? numbers.size;
    numbers.set(message, local);
    const shape = JSON.stringify([fields.map(([number, size]) => [number, size]), developerBytes.length]);
    if (locals.get(local) !== shape) {
      locals.set(local, shape);
      data.push(0x40 | local | (developerBytes.length > 0 ? 0x20 : 0), 0, bigEndian ? 1 : 0);
      put(data, message, 2, bigEndian);
      data.push(fields.length);
      for (const [number, size] of fields) data.push(number, size, size === 1 ? 2 : size === 2 ? 132 : 134);
      if (developerBytes.length > 0) data.push(1, 0, developerBytes.length, 0);
    }
    data.push(compressed === undefined ? local : 0x80 | (local << 5) | compressed);
    for (const [, size, value] of fields) {
      const values = Array.isArray(value) ? value : [value];
      for (const one of values) put(data, one, size / values.length, bigEndian);
    }
    data.push(...developerBytes);
  }
  const header: number[] = [headerBytes, 16, 0, 0];
  put(header, options.dataBytes ?? data.length, 4, false);
  header.push(0x2e, 0x46, 0x49, 0x54);
  if (headerBytes === 14) header.push(0, 0);
  const bytes = [...header, ...data];
  if (options.checksum !== null) put(bytes, options.checksum ?? checksumOf(bytes), 2, false);
  return Uint8Array.from(bytes);
}

function put(bytes: number[], value: number, size: number, bigEndian: boolean): void {
  const order = Array.from({ length: size }, (_, i) => (bigEndian ? size - 1 - i : i));
  for (const place of order) bytes.push(Math.floor(value / 256 ** place) % 256);
}

const NIBBLES = [
  0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401, 0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01,
  0x8801, 0x4400,
];

function checksumOf(bytes: readonly number[]): number {
  let crc = 0;
  for (const byte of bytes) {
    for (const nibble of [byte & 0x0f, byte >> 4]) {
      crc = ((crc >> 4) & 0x0fff) ^ (NIBBLES[crc & 0x0f] as number) ^ (NIBBLES[nibble] as number);
    }
  }
  return crc;
}
