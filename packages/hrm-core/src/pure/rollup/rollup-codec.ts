/**
 * A rollup as bytes: a JSON head (user, devices, order, lengths), then its columns as varints of differences, deflated.
 *
 * What a value is the difference to is chosen so that most are zero or small: minutes and counts to the bucket before,
 * sums to `min * count`, a conflict to the best device's bucket of that minute, which mostly is what survives. A day of
 * two devices at 1 Hz at the same milliseconds takes about 7 kB, 0.04 bytes a reading.
 *
 * Version 1 has one word of devices a conflict, so it is of at most 32 devices. Version 2 has as many words as its devices
 * need, and is otherwise the same. It is written for more devices only, so that software that knows version 1 reads all others.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { MAX_ROLLUP_BYTES } from '../../limits.js';
import { addToMask, wordsFor } from '../device-mask.js';
import type { Buckets, Conflicts, Rollup } from './rollup.js';

/** Versions, and how hard each is deflated: the second may be a hundred times larger, and others wait for it. */
const DEFLATE_LEVEL = { 1: 9, 2: 6 } as const;

interface Head {
  readonly version: 1 | 2;
  readonly user_id: string;
  readonly devices: readonly string[];
  readonly order: readonly number[];
  /** Buckets of each device, then conflicts. */
  readonly lengths: readonly number[];
}

/** Encodes a rollup; the same one gives the same bytes. */
export function encodeRollup(rollup: Rollup): Uint8Array {
  const { userId, devices, order, series, conflicts } = rollup;
  const lengths = [...series, conflicts].map(({ minute }) => minute.length);
  const version = wordsFor(devices.length) === 1 ? 1 : 2;
  const head: Head = { version, user_id: userId, devices, order, lengths };
  const values: number[] = [];
  for (const buckets of series) writeSeries(buckets, values);
  writeConflicts(rollup, values);
  const headBytes = Buffer.from(JSON.stringify(head), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(headBytes.length);
  return Buffer.concat([length, headBytes, deflateRawSync(toVarints(values), { level: DEFLATE_LEVEL[version] })]);
}

/**
 * Decodes what {@link encodeRollup} made.
 * @returns `null` for a rollup of a later version, which is no damage: the readings answer.
 * @throws whatever is wrong with the bytes.
 */
export function decodeRollup(bytes: Uint8Array): Rollup | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodyAt = 4 + buffer.readUInt32LE(0);
  const head: Head = JSON.parse(buffer.toString('utf8', 4, bodyAt));
  if (!(head.version in DEFLATE_LEVEL)) return null;
  const body = inflateRawSync(buffer.subarray(bodyAt), { maxOutputLength: MAX_ROLLUP_BYTES });
  const next = varintReader(body);
  const series = head.devices.map((_, d) => readSeries(head.lengths[d] ?? 0, next));
  const conflicts = readConflicts(head.lengths.at(-1) ?? 0, series, head.order, next);
  return { userId: head.user_id, devices: head.devices, series, order: head.order, conflicts };
}

/** By plain loops: iterators over these arrays took four fifths of the time. */
function writeSeries({ minute, count, sum, min, max }: Buckets, values: number[]): void {
  const { length } = minute;
  for (let i = 0, last = 0; i < length; i += 1) {
    const value = minute[i] as number;
    values.push(value - last);
    last = value;
  }
  for (const column of [count, min]) {
    for (let i = 0, last = 0; i < length; i += 1) {
      const value = column[i] as number;
      values.push(zigzag(value - last));
      last = value;
    }
  }
  for (let i = 0; i < length; i += 1) values.push((max[i] as number) - (min[i] as number));
  for (let i = 0; i < length; i += 1) values.push((sum[i] as number) - (min[i] as number) * (count[i] as number));
}

function readSeries(length: number, next: () => number): Buckets {
  const buckets = allocate(length);
  const { minute, count, sum, min, max } = buckets;
  for (let i = 0, at = 0; i < length; i += 1) minute[i] = at += next();
  for (let i = 0, at = 0; i < length; i += 1) count[i] = at += unzigzag(next());
  for (let i = 0, at = 0; i < length; i += 1) min[i] = at += unzigzag(next());
  for (let i = 0; i < length; i += 1) max[i] = (min[i] as number) + next();
  for (let i = 0; i < length; i += 1) sum[i] = (min[i] as number) * (count[i] as number) + next();
  return buckets;
}

function writeConflicts({ series, order, conflicts }: Rollup, values: number[]): void {
  const bases = basesOf(conflicts.minute, series, order);
  const { minute, count, sum, min, max, devices } = conflicts;
  for (const [i, value] of minute.entries()) values.push(value - (minute[i - 1] ?? 0));
  for (const [i, { buckets, at }] of bases.entries()) {
    values.push(zigzag((count[i] as number) - (buckets.count[at] as number)));
  }
  for (const [i, { buckets, at }] of bases.entries()) {
    values.push(zigzag((min[i] as number) - (buckets.min[at] as number)));
  }
  for (const [i, { buckets, at }] of bases.entries()) {
    values.push(zigzag((max[i] as number) - (buckets.max[at] as number)));
  }
  for (const [i, { buckets, at }] of bases.entries()) {
    values.push(zigzag((sum[i] as number) - (buckets.sum[at] as number)));
  }
  const expected = masksOf(bases, series.length);
  for (const [w, word] of devices.entries()) values.push((word ^ (expected[w] as number)) >>> 0);
}

function readConflicts(
  length: number,
  series: readonly Buckets[],
  order: readonly number[],
  next: () => number,
): Conflicts {
  const buckets = allocate(length);
  for (let i = 0, at = 0; i < length; i += 1) buckets.minute[i] = at += next();
  const bases = basesOf(buckets.minute, series, order);
  for (const column of ['count', 'min', 'max', 'sum'] as const) {
    for (const [i, base] of bases.entries()) {
      buckets[column][i] = (base.buckets[column][base.at] as number) + unzigzag(next());
    }
  }
  const devices = masksOf(bases, series.length);
  for (let w = 0; w < devices.length; w += 1) devices[w] = (devices[w] as number) ^ next();
  return { ...buckets, devices };
}

/** A bucket of a device. */
interface Base {
  readonly device: number;
  readonly buckets: Buckets;
  readonly at: number;
}

/** Of each minute the best device's bucket. In one pass over all buckets: there may be thousands of devices. */
function basesOf(minutes: Uint16Array, series: readonly Buckets[], order: readonly number[]): readonly Base[] {
  const best = new Map<number, Base | null>();
  for (const minute of minutes) best.set(minute, null);
  for (const device of best.size > 0 ? order : []) {
    const buckets = series[device] as Buckets;
    for (let at = 0; at < buckets.minute.length; at += 1) {
      const minute = buckets.minute[at] as number;
      if (best.get(minute) === null) best.set(minute, { device, buckets, at });
    }
  }
  return Array.from(minutes, (minute) => {
    const base = best.get(minute) ?? null;
    if (base === null) throw new Error('its rollup has a conflict without a device');
    return base;
  });
}

/** As if only the best devices survived. */
function masksOf(bases: readonly Base[], devices: number): Uint32Array {
  const words = wordsFor(devices);
  const masks = new Uint32Array(bases.length * words);
  for (const [i, { device }] of bases.entries()) addToMask(masks, words, i, device);
  return masks;
}

function allocate(length: number) {
  return {
    minute: new Uint16Array(length),
    count: new Int32Array(length),
    sum: new Int32Array(length),
    min: new Uint8Array(length),
    max: new Uint8Array(length),
  };
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** LEB128 of integers 0 to 2^32 - 1. */
function toVarints(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 5);
  let at = 0;
  for (let value of values) {
    while (value > 0x7f) {
      bytes[at] = (value & 0x7f) | 0x80;
      value >>>= 7;
      at += 1;
    }
    bytes[at] = value;
    at += 1;
  }
  return bytes.subarray(0, at);
}

function varintReader(bytes: Uint8Array): () => number {
  let at = 0;
  return () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined || shift > 28) throw new Error('its rollup is cut');
      at += 1;
      value = (value | ((byte & 0x7f) << shift)) >>> 0;
      if (byte < 0x80) return value;
    }
  };
}
