/** The columnar form of a queue's elements, read anew from docs/reference/queue-format.md: slowly, and apart from the code. */
import { crc32 } from 'node:zlib';

/** A reading as JSON has it. */
export interface WireRow {
  readonly device_id: string;
  readonly user_id: string;
  readonly timestamp_ms: number;
  readonly heart_rate: number;
  readonly received_ms: number;
}

export const MAGIC = Buffer.from('8948524d', 'hex');

/** @returns what the bytes hold; `null` where they are no columns of version 1, or are damaged. */
export function naiveColumns(bytes: Uint8Array): WireRow[] | null {
  const all = Buffer.from(bytes);
  if (all.length < 17 || !all.subarray(0, 4).equals(MAGIC) || all[4] !== 1) return null;
  const body = all.subarray(0, -4);
  if (crc32(body) !== all.readUInt32LE(all.length - 4)) return null;
  const count = (all[5] as number) + 256 * (all[6] as number);
  if (count < 1 || count > 10_000) return null;
  let received = Number(BigInt(`0x${Buffer.from(all.subarray(7, 13)).reverse().toString('hex')}`));
  let at = 13;
  const byte = () => {
    if (at >= body.length) throw new RangeError('cut');
    at += 1;
    return body[at - 1] as number;
  };
  const varint = () => {
    const groups: number[] = [];
    do groups.push(byte());
    while ((groups.at(-1) as number) > 127 && groups.length < 8);
    return Number(groups.reduce((sum, group, i) => sum + (BigInt(group % 128) << BigInt(7 * i)), 0n));
  };
  const signed = () => {
    const value = varint();
    return value % 2 === 0 ? value / 2 : -((value + 1) / 2);
  };
  const ids = () =>
    Array.from({ length: limited(varint(), count) }, () => {
      const length = byte() + 256 * byte();
      const text = Buffer.from(Array.from({ length }, byte));
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
    });
  const runs = <T>(value: () => T) => {
    const values: T[] = [];
    while (values.length < count) {
      const length = limited(varint(), count - values.length);
      if (length === 0) throw new RangeError('an empty run');
      const one = value();
      for (let i = 0; i < length; i += 1) values.push(one);
    }
    return values;
  };
  try {
    const [users, devices] = [ids(), ids()];
    const series = runs(() => ({ user_id: known(users, varint()), device_id: known(devices, varint()) }));
    let ms = 0;
    const times = series.map(() => {
      ms += signed();
      return ms;
    });
    const rates = series.map(byte);
    const receipts = runs(() => {
      received += signed();
      return received;
    });
    if (at !== body.length) return null;
    return series.map(({ user_id, device_id }, i) => ({
      device_id,
      user_id,
      timestamp_ms: times[i] as number,
      heart_rate: rates[i] as number,
      received_ms: receipts[i] as number,
    }));
  } catch {
    return null;
  }
}

function limited(value: number, most: number): number {
  if (value > most) throw new RangeError('too many');
  return value;
}

function known(ids: readonly string[], index: number): string {
  const id = ids[index];
  if (id === undefined) throw new RangeError('no such id');
  return id;
}

/** The bytes with a checksum that is right, whatever was done to them. */
export function resealed(bytes: Uint8Array): Buffer {
  const body = Buffer.from(bytes).subarray(0, -4);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, checksum]);
}
