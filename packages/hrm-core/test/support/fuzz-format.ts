/**
 * Damages files of a format at random, and holds the reader to its promises: it ends, it throws nothing, what it yields are values, and all that
 * stands before the damage is there.
 */
import { expect } from 'vitest';
import type { FileFormat, FormatContext } from '../../src/formats/file-format.js';
import { randomFrom } from './random.js';
import { readPieces } from './read-file-pieces.js';

/** Inputs of each format. */
const FUZZ_INPUTS = Number(process.env.HRM_FUZZ_INPUTS ?? 300);

/** How a file was damaged, and from which byte on it is another one. */
interface Damaged {
  readonly bytes: Uint8Array;
  readonly from: number;
}

/** Pieces as one array, which is no `Buffer`. */
function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** @param fraction - random, 0 <= f < 1. */
function damage(base: Uint8Array, fraction: () => number): Damaged {
  const at = Math.floor(fraction() * base.length);
  const kind = Math.floor(fraction() * 6);
  const bytes = Uint8Array.from(base);
  if (kind === 0) return { bytes: bytes.subarray(0, at), from: at };
  if (kind === 1) bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(fraction() * 8));
  else if (kind === 2) bytes[at] = Math.floor(fraction() * 256);
  else if (kind === 3) bytes.fill(fraction() < 0.5 ? 0xff : 0, at, at + 1 + Math.floor(fraction() * 8));
  else if (kind === 4) {
    const removed = 1 + Math.floor(fraction() * 16);
    return { bytes: joined(bytes.subarray(0, at), bytes.subarray(at + removed)), from: at };
  } else {
    const from = Math.floor(fraction() * base.length);
    const copied = bytes.subarray(from, from + 64);
    return { bytes: joined(bytes.subarray(0, at), copied, bytes.subarray(at)), from: at };
  }
  return { bytes, from: at };
}

type Values = Awaited<ReturnType<typeof readPieces>>['values'];

/** Values of some that others have not, as often. Devices may have other names where what names them is damaged. */
function missing(values: Values, among: Values): string[] {
  const counts = new Map<string, number>();
  for (const [, timeMs, heartRate] of among) {
    const key = `${timeMs} ${heartRate}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return values.flatMap(([, timeMs, heartRate]) => {
    const key = `${timeMs} ${heartRate}`;
    const left = counts.get(key) ?? 0;
    counts.set(key, left - 1);
    return left > 0 ? [] : [key];
  });
}

/** How a format is damaged. */
export interface FuzzOptions {
  readonly context?: Partial<FormatContext> | undefined;
  /** Values of the last row, which may be cut without a trace; default 0. */
  readonly rowValues?: number | undefined;
}

/** @param seed - of all choices. */
export async function fuzzFormat(
  format: FileFormat,
  bases: readonly Uint8Array[],
  seed: number,
  { context = {}, rowValues = 0 }: FuzzOptions = {},
): Promise<void> {
  const wholes = await Promise.all(bases.map(async (base) => (await readPieces(format, base, context)).values.length));
  // What is before a byte is read once, however often the damage begins there.
  const befores = bases.map(() => new Map<number, Values>());
  let readings = 0;
  for (let i = 0; i < FUZZ_INPUTS; i += 1) {
    const fraction = randomFrom(seed + i);
    const which = i % bases.length;
    const base = bases[which] as Uint8Array;
    const { bytes, from } = damage(base, fraction);
    const known = befores[which] as Map<number, Values>;
    const before = known.get(from) ?? (await readPieces(format, base.subarray(0, from), context)).values;
    known.set(from, before);
    const { values } = await readPieces(format, bytes, { ...context, pieceBytes: 1 + Math.floor(fraction() * 200) });
    const sure = before.slice(0, Math.max(0, before.length - rowValues));
    const faults = missing(sure, values).map((value) => `${value} is missing`);
    if (values.some(([id, ms, bpm]) => id === '' || Number.isNaN(ms) || Number.isNaN(bpm))) faults.push('no value');
    // A byte holds at most some values, whatever sizes are said.
    if (values.length > 2 * bytes.length + (wholes[which] as number)) faults.push(`${values.length} values`);
    // To expect something of each input costs as much as to read it.
    if (faults.length > 0) expect(faults, `input ${i} of seed ${seed}`).toEqual([]);
    readings += values.length;
  }
  expect(readings).toBeGreaterThan(FUZZ_INPUTS / 10);
}
