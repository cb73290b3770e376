/** Dates as people and spreadsheets write them, with the month before or behind the day. */
import { DAY_MS } from '../../limits.js';
import { asUtcMs, isLocalTime, parseInstant } from '../parse-instant.js';

/** A time of a table. */
export type TableTime =
  | { readonly kind: 'instant'; readonly epochMs: number }
  /** What a wall clock showed, as if it stood in Greenwich. */
  | { readonly kind: 'local'; readonly wallMs: number }
  /** The same where nobody knows yet which of two numbers is the month. */
  | {
      readonly kind: 'unordered';
      readonly first: number;
      readonly second: number;
      readonly year: number;
      readonly clockMs: number;
    };

/** `15.01.2024`, `1/15/24`, `15-01-2024`, and behind it anything. */
const DATE = /^(\d{1,2})([./-])(\d{1,2})[./-](\d{4}|\d{2})(?!\d)/;
const CLOCK = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?([ap])\.? ?m\.?)?$/i;
const EPOCH_SECONDS = /^\d{9,10}(?:\.\d{1,9})?$/;
const EPOCH_MS = /^\d{12,13}$/;

/** Longer texts are none. */
const MAX_LENGTH = 64;

/** Reads a time in one text, or a date and a time of day; `null` for what is none. */
export function parseTableTime(text: string): TableTime | null {
  const trimmed = text.trim();
  if (trimmed.length > MAX_LENGTH) return null;
  if (EPOCH_SECONDS.test(trimmed)) return { kind: 'instant', epochMs: Math.floor(Number(trimmed) * 1_000) };
  if (EPOCH_MS.test(trimmed)) return { kind: 'instant', epochMs: Number(trimmed) };
  const iso = parseInstant(trimmed);
  if (iso !== null)
    return 'epochMs' in iso ? { kind: 'instant', ...iso } : { kind: 'local', wallMs: asUtcMs(iso.local) };
  const match = DATE.exec(trimmed);
  if (match === null) return yearFirst(trimmed);
  const [date, first, separator, second, year = ''] = match;
  const clockMs = parseClock(
    trimmed
      .slice(date.length)
      .replace(/^[T, ]/, '')
      .trim(),
  );
  if (clockMs === null) return null;
  const written = {
    first: Number(first),
    second: Number(second),
    year: Number(year.length === 2 ? `20${year}` : year),
    clockMs,
  };
  // Where there are dots, the day stands first.
  return separator === '.' ? ordered(written, true) : { kind: 'unordered', ...written };
}

/** `2024/01/15 10:00`, and forms of it with a time of day that is not in 24 hours. */
function yearFirst(text: string): TableTime | null {
  const match = YEAR_FIRST.exec(text);
  if (match === null) return null;
  const clockMs = parseClock(
    text
      .slice(match[0].length)
      .replace(/^[T, ]/, '')
      .trim(),
  );
  if (clockMs === null) return null;
  return ordered({ first: Number(match[3]), second: Number(match[2]), year: Number(match[1]), clockMs }, true);
}

const YEAR_FIRST = /^(\d{4})[./-](\d{1,2})[./-](\d{1,2})\.?(?!\d)/;

/** Milliseconds since midnight of `10:00`, `10:00:00.250`, `10:00 pm`; `null` for what is no time of day. */
function parseClock(text: string): number | null {
  const match = CLOCK.exec(text);
  if (match === null) return null;
  const [, hourText, minute, second = '0', fraction = '', half] = match;
  const written = Number(hourText);
  if (half !== undefined && !(written >= 1 && written <= 12)) return null;
  const hour = half === undefined ? written : (written % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
  const seconds = hour * 3_600 + Number(minute) * 60 + Number(second);
  const isClock = hour <= 23 && Number(minute) <= 59 && Number(second) <= 59;
  return isClock ? seconds * 1_000 + Number(fraction.slice(0, 3).padEnd(3, '0')) : null;
}

/** The time whose numbers are put in order; `null` for a date that no calendar has. */
export function ordered(
  { first, second, year, clockMs }: Omit<Extract<TableTime, { kind: 'unordered' }>, 'kind'>,
  isDayFirst: boolean,
): Extract<TableTime, { kind: 'local' }> | null {
  const [day, month] = isDayFirst ? [first, second] : [second, first];
  const date = { year, month, day, hour: 0, minute: 0, second: 0 };
  return isLocalTime(date) && clockMs < DAY_MS ? { kind: 'local', wallMs: asUtcMs(date) + clockMs } : null;
}
