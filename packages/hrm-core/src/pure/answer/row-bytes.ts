/**
 * Texts and numbers as bytes, four at a time: by a call a few bytes cost more than they weigh, by a loop a nanosecond each. The last
 * word of a text may run up to three bytes beyond it, and what comes next is written over them.
 */
import { MINUTE_MS } from '../../limits.js';
import type { Zone } from '../time/time-zone.js';
import { clockText, createClock } from './row-instants.js';

/** Bytes to be written often. */
export interface Text {
  /** Little-endian, the last filled up with zeros. */
  readonly words: Int32Array;
  /** Bytes. */
  readonly length: number;
}

/** Bytes that a write may touch beyond its end. */
export const WORD_SLACK = 3;

/** @param text - any, in UTF-8. */
export function textOf(text: string): Text {
  const bytes = Buffer.from(text, 'utf8');
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  const whole = bytes.length >> 2;
  for (let w = 0; w < whole; w += 1) words[w] = bytes.readInt32LE(4 * w);
  for (let i = 4 * whole; i < bytes.length; i += 1)
    words[whole] = (words[whole] as number) | ((bytes[i] as number) << (8 * (i & 3)));
  return { words, length: bytes.length };
}

/** @returns where the text ends. */
export function writeText(out: DataView, at: number, { words, length }: Text): number {
  for (let i = 0; i < words.length; i += 1) out.setInt32(at + 4 * i, words[i] as number, true);
  return at + length;
}

const wordOf = (text: string): number => textOf(text).words[0] ?? 0;
const wordsOf = (count: number, text: (value: number) => string): Int32Array =>
  Int32Array.from({ length: count }, (_, value) => wordOf(text(value)));

/** `0` to `999`, and `000` to `999`. */
const SHORT = wordsOf(1_000, String);
const FILLED = wordsOf(1_000, (value) => String(value).padStart(3, '0'));

/** `.00` to `.99` as JSON writes them: without zeros at the end. */
const HUNDREDTHS = wordsOf(100, (value) => (value === 0 ? '' : String(value / 100).slice(1)));

/** Of a minute of the day the first and the last four of the eight characters `10:07:00`. */
const HOURS = wordsOf(1_440, (minute) => clockText(minute * MINUTE_MS).slice(0, 4));
const MINUTES = wordsOf(1_440, (minute) => clockText(minute * MINUTE_MS).slice(4));

/** Writes `10:07:00`. @param minute - of the day, 0 <= m < 1,440. */
function writeClock(out: DataView, at: number, minute: number): number {
  out.setInt32(at, HOURS[minute] as number, true);
  out.setInt32(at + 4, MINUTES[minute] as number, true);
  return at + 8;
}

/** @param value - an integer. */
export function writeInteger(out: DataView, at: number, value: number): number {
  if (value < 0 || value >= 1_000_000) return writeText(out, at, textOf(String(value)));
  if (value < 1_000) return writeShort(out, at, value);
  const thousands = Math.trunc(value / 1_000);
  const end = writeShort(out, at, thousands);
  out.setInt32(end, FILLED[value - 1_000 * thousands] as number, true);
  return end + 3;
}

/** Writes hundredths as JSON writes the number: `75.5`. @param hundredths - an integer. */
export function writeHundredths(out: DataView, at: number, hundredths: number): number {
  if (hundredths < 0) return writeText(out, at, textOf(String(hundredths / 100)));
  const whole = Math.trunc(hundredths / 100);
  const rest = hundredths - 100 * whole;
  const end = writeInteger(out, at, whole);
  if (rest === 0) return end;
  out.setInt32(end, HUNDREDTHS[rest] as number, true);
  return end + (rest % 10 === 0 ? 2 : 3);
}

/** @param value - 0 <= v < 1,000. */
function writeShort(out: DataView, at: number, value: number): number {
  out.setInt32(at, SHORT[value] as number, true);
  return at + (value < 10 ? 1 : value < 100 ? 2 : 3);
}

/** Writes the starts and ends of rows as `instantFormatter` formats them, and returns where they end. @param zone - `null`: UTC. */
export function instantWriter(zone: Zone | null): (out: DataView, at: number, epochMs: number) => number {
  const read = createClock(zone);
  let [date, offset] = ['', ''];
  let dateBytes = textOf(date);
  let offsetBytes = textOf(offset);
  return (out, at, epochMs) => {
    const shown = read(epochMs);
    if (shown.date !== date) {
      date = shown.date;
      dateBytes = textOf(date);
    }
    if (shown.offset !== offset) {
      offset = shown.offset;
      offsetBytes = textOf(offset);
    }
    const end = writeText(out, at, dateBytes);
    const { clockMs } = shown;
    const behind =
      clockMs % MINUTE_MS === 0
        ? writeClock(out, end, clockMs / MINUTE_MS)
        : writeText(out, end, textOf(clockText(clockMs)));
    return writeText(out, behind, offsetBytes);
  };
}
