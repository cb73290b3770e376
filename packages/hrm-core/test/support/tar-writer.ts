/** Tar archives as others write them, and as nobody should. */

/** Something to put into an archive. */
export interface TarEntry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** `0` by default, a file. */
  readonly type?: string;
  /** Before the name, as POSIX has it. */
  readonly prefix?: string;
  /** Written by GNU: no prefix, and sizes in binary. */
  readonly isGnu?: boolean;
  /** What it says of its length, where that is a lie. */
  readonly saysBytes?: number;
}

/** Writes an archive, with two blocks of zeros at its end. */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(writeEntry), Buffer.alloc(1_024)]);
}

/** A field as POSIX writes it before a header: `12 path=a.txt\n`. */
export function paxField(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (String(length).length + Buffer.byteLength(rest) !== length) length += 1;
  return `${length}${rest}`;
}

function writeEntry({ name, content = '', type = '0', prefix = '', isGnu = false, saysBytes }: TarEntry): Buffer[] {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  const size = saysBytes ?? bytes.length;
  if (isGnu) {
    header[124] = 0x80;
    header.writeUIntBE(size, 130, 6);
  } else header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(isGnu ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1');
  header.write(prefix, 345, 155);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
}
