/** Digits, and a decimal point or comma. No group of thousands: no heart rate has one. */
const DECIMAL = /^[+-]?\d{1,18}(?:[.,]\d{1,30})?(?:[eE][+-]?\d{1,3})?$/;

/** A number as JSON or as text has it, `70.0` or `70,0`; `null` where there is none, NaN for what is no number. */
export function toNumber(value: unknown): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return Number.NaN;
  const text = value.trim();
  if (text === '') return null;
  return DECIMAL.test(text) ? Number(text.replace(',', '.')) : Number.NaN;
}

/** Digits of a day in nanoseconds are more than a double holds: its error is less than this many milliseconds. */
const NANOS_ERROR_MS = 0.0005;

/** Epoch milliseconds of nanoseconds, as text or as a number over 2^53; `null` for neither. */
export function nanosToMs(value: unknown): number | null {
  if (typeof value === 'number' && Number.isFinite(value)) return Math.floor(value / 1e6 + NANOS_ERROR_MS);
  if (typeof value !== 'string' || !NANOS.test(value)) return null;
  return Number(value.slice(0, -6));
}

const NANOS = /^\d{7,22}$/;
