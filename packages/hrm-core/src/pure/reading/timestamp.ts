import { MAX_TIMESTAMP_LENGTH, MAX_TIMESTAMP_MS, MINUTE_MS } from '../../limits.js';

/** An instant as a caller may give it: ISO 8601 as in a reading, a Date, or epoch milliseconds. */
export type Instant = string | Date | number;

/** What to do with a timestamp that carries no offset. */
export type NaiveTimestamps = 'reject' | 'utc';

/** Epoch milliseconds UTC, or what is wrong and what would be right. */
export type ParsedTimestamp = { readonly timestampMs: number } | { readonly fault: string };

const FORM = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:(Z)|([+-])(\d{2}):(\d{2}))?$/;
const EXAMPLE = '2024-01-15T10:00:00Z or 2024-01-15T11:00:00.250+01:00';

/**
 * Reads `YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm)`: a real date of the proleptic Gregorian calendar, fraction digits cut (not
 * rounded) to the millisecond. `24:00`, leap seconds and instants before 1970 are faults, and so is what is longer than
 * {@link MAX_TIMESTAMP_LENGTH}.
 * @see RFC 3339, of which this is the subset that leaves nothing to guess.
 */
export function parseTimestamp(text: string, naive: NaiveTimestamps): ParsedTimestamp {
  const plainMs = parsePlainly(text);
  if (plainMs !== null) return { timestampMs: plainMs };
  if (text.length > MAX_TIMESTAMP_LENGTH) return { fault: `must have at most ${MAX_TIMESTAMP_LENGTH} characters` };
  const match = FORM.exec(text);
  if (match === null) return { fault: explainForm(text) };
  const [, year, month, day, hour, minute, second, fraction, zulu, sign, offsetHour, offsetMinute] = match;
  if (Number(hour) > 23) return { fault: 'the hour must be 00 to 23; midnight is 00:00 of the next day' };
  if (Number(minute) > 59) return { fault: 'the minute must be 00 to 59' };
  if (Number(second) > 59) return { fault: 'the second must be 00 to 59; leap seconds are not accepted' };
  const dayMs = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const date = new Date(dayMs);
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) {
    return { fault: 'the date must be one of the calendar' };
  }
  if (zulu === undefined && sign === undefined && naive === 'reject') {
    return {
      fault: `an offset is missing: end it with Z for UTC, or with one like +01:00 (${EXAMPLE}); HRM_NAIVE_TIMESTAMPS=utc takes such timestamps as UTC`,
    };
  }
  if (Number(offsetHour ?? 0) > 23 || Number(offsetMinute ?? 0) > 59) {
    return { fault: 'the offset must be between -23:59 and +23:59' };
  }
  const offsetMinutes = (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * (sign === '-' ? -1 : 1);
  const millisecond = fraction === undefined ? 0 : Number(fraction.slice(0, 3).padEnd(3, '0'));
  const timeMs = (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1000 + millisecond;
  const timestampMs = dayMs + timeMs - offsetMinutes * MINUTE_MS;
  // `Date.UTC` takes the years 0 to 99 for 1900 to 1999.
  if (Number(year) < 100 || timestampMs < 0) return { fault: 'must not be before 1970-01-01T00:00:00Z' };
  if (timestampMs > MAX_TIMESTAMP_MS) return { fault: 'must be before the year 10000 in UTC' };
  return { timestampMs };
}

/** Of the text that is looked at; made once, since a text is read a million times a second. */
const PLAIN_BYTES = Buffer.alloc(24);

function parsePlainly(text: string): number | null {
  if (text.length !== 20 && text.length !== 24) return null;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return null;
    PLAIN_BYTES[i] = code;
  }
  return plainInstant(PLAIN_BYTES, 0, text.length);
}

/**
 * Reads what most clients send, `YYYY-MM-DDThh:mm:ssZ` with no fraction or three digits of one, from ASCII; `null` for anything else,
 * and for anything wrong, which the regular expression then judges. It halves the cost of `enqueue`.
 * @param length - 20 or 24.
 */
export function plainInstant(bytes: Buffer, at: number, length: number): number | null {
  const isWhole = length === 20;
  if (!isWhole && bytes[at + 19] !== 0x2e) return null;
  if (bytes[at + length - 1] !== 0x5a || bytes[at + 10] !== 0x54) return null;
  if (bytes[at + 4] !== 0x2d || bytes[at + 7] !== 0x2d) return null;
  if (bytes[at + 13] !== 0x3a || bytes[at + 16] !== 0x3a) return null;
  const year = digits(bytes, at, 4);
  const month = digits(bytes, at + 5, 2);
  const day = digits(bytes, at + 8, 2);
  const hour = digits(bytes, at + 11, 2);
  const minute = digits(bytes, at + 14, 2);
  const second = digits(bytes, at + 17, 2);
  const millisecond = isWhole ? 0 : digits(bytes, at + 20, 3);
  const isDate = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  if (!isDate || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return null;
  if (millisecond < 0) return null;
  return ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * MINUTE_MS + second * 1000 + millisecond;
}

/** The decimal number of so many digits; negative where there is anything but digits. */
function digits(bytes: Buffer, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i += 1) {
    const digit = (bytes[i] as number) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function daysInMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/**
 * Days from 1970-01-01 to a date of the Gregorian calendar, years counted from March.
 * @see Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil
 */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * (month <= 2 ? month + 9 : month - 3) + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}

/**
 * The instant as rows show it: to the second, in UTC, `2024-01-15T10:00:00Z`.
 * @param timestampMs - epoch milliseconds, years 1970 to 9999.
 */
export function formatTimestamp(timestampMs: number): string {
  return `${new Date(timestampMs).toISOString().slice(0, 19)}Z`;
}

/**
 * The instant of a reading: to the millisecond where it has any, in UTC, `2024-01-15T10:00:00.250Z`.
 * @param timestampMs - epoch milliseconds, years 1970 to 9999.
 */
export function formatInstant(timestampMs: number): string {
  return new Date(timestampMs).toISOString().replace('.000Z', 'Z');
}

/** No repetition here may take what the one behind it takes: the text is a stranger's. */
const SPACE_FOR_PLUS = /^[\d-]+T[\d:.]+ \d{2}:\d{2}$/;
const SPACE_FOR_T = /^\d{4}-\d{2}-\d{2} +\d/;
const LONG_YEAR = /^\d{5,}-/;

function explainForm(text: string): string {
  if (SPACE_FOR_PLUS.test(text)) {
    return `has a space where a + belongs: write the + of an offset as %2B in a URL (${EXAMPLE})`;
  }
  if (SPACE_FOR_T.test(text)) return `has a space where a T belongs, between date and time: ${EXAMPLE}`;
  if (LONG_YEAR.test(text)) return `the year must have four digits: ${EXAMPLE}`;
  return `must have the form YYYY-MM-DDThh:mm:ss[.fff] with Z or an offset: ${EXAMPLE}`;
}
