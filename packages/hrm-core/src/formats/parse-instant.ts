import type { LocalTime } from './file-format.js';

/** An instant, or what a wall clock showed where the text has no zone. */
export type ParsedInstant = { readonly epochMs: number } | { readonly local: LocalTime };

const FORM =
  /^(\d{4})-?(\d{2})-?(\d{2})[T ]?(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?(?: ?(?:(Z|UTC)|(?:UTC)?([+-])(\d{2})(?::?(\d{2}))?))?$/;

/** Longer texts are none. */
const MAX_LENGTH = 48;

/**
 * Reads the times of exports: `2024-01-15T10:00:00.250Z`, `2024-01-15 10:00:00 +0200`, `2024-01-15 10:00`. A fraction is cut to the millisecond.
 * @returns `null` for what is no time.
 */
export function parseInstant(text: string): ParsedInstant | null {
  const match = text.length > MAX_LENGTH ? null : FORM.exec(text.trim());
  if (match === null) return null;
  const [, year, month, day, hour, minute, second = '0', fraction = '', zulu, sign, offsetHour, offsetMinute] = match;
  const millisecond = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const local: LocalTime = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    millisecond,
  };
  if (!isLocalTime(local)) return null;
  if (zulu === undefined && sign === undefined) return { local };
  const offsetMinutes = (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * (sign === '-' ? -1 : 1);
  return { epochMs: asUtcMs(local) - offsetMinutes * 60_000 };
}

/** Whether there is such a date and such a time of day; a leap second is none. */
export function isLocalTime({ year, month, day, hour, minute, second }: LocalTime): boolean {
  if (!(hour <= 23 && minute <= 59 && second <= 59 && month >= 1 && month <= 12 && day >= 1 && year >= 100))
    return false;
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

/** A wall clock's time as if the clock stood in Greenwich, epoch milliseconds. */
export function asUtcMs({ year, month, day, hour, minute, second, millisecond = 0 }: LocalTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
}
