import { DAY_MS, MINUTE_MS } from '../../limits.js';
import { parseTimestamp } from '../reading/timestamp.js';

/** What a date of a search allows of an Observation of a minute: the minutes from one on, inclusive, and up to one, exclusive; epoch milliseconds. */
export interface DateBounds {
  readonly fromMs?: number;
  readonly toMs?: number;
}

const DATE =
  /^(eq|ge|gt|le|lt|sa|eb)?(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

const PREFIXES: Readonly<Record<string, (fromMs: number, untilMs: number) => DateBounds>> = {
  // Each minute that has something on the asked side.
  ge: (fromMs) => ({ fromMs: floor(fromMs) }),
  gt: (_, untilMs) => ({ fromMs: floor(untilMs) }),
  lt: (fromMs) => ({ toMs: ceil(fromMs) }),
  le: (_, untilMs) => ({ toMs: ceil(untilMs) }),
  // Each minute that is on it as a whole.
  sa: (_, untilMs) => ({ fromMs: ceil(untilMs) }),
  eb: (fromMs) => ({ toMs: floor(fromMs) }),
  eq: (fromMs, untilMs) => ({ fromMs: ceil(fromMs), toMs: floor(untilMs) }),
};

/**
 * Reads a date of a search: a prefix, and a date of any precision, which means all of it: `2024-01` is a month. Without an offset it is UTC.
 * @returns `null` for what is none, or is before 1970.
 * @see https://hl7.org/fhir/R4/search.html#date
 */
export function parseSearchDate(text: string): DateBounds | null {
  const match = DATE.exec(text);
  if (match === null) return null;
  const [, prefix = 'eq', year = '', month, day, clock, second, zone = 'Z'] = match;
  const full = `${year}-${month ?? '01'}-${day ?? '01'}T${clock ?? '00:00'}${second ?? ':00'}${zone}`;
  const parsed = parseTimestamp(full, 'utc');
  if ('fault' in parsed) return null;
  const fromMs = parsed.timestampMs;
  return PREFIXES[prefix]?.(fromMs, endOf(fromMs, { month, day, clock, second })) ?? null;
}

/** Where what a date means is over. */
function endOf(fromMs: number, { month, day, clock, second }: Readonly<Record<string, string | undefined>>): number {
  const start = new Date(fromMs);
  if (month === undefined) return Date.UTC(start.getUTCFullYear() + 1, 0);
  if (day === undefined) return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1);
  if (clock === undefined) return fromMs + DAY_MS;
  if (second === undefined) return fromMs + MINUTE_MS;
  return fromMs + (second.includes('.') ? 1 : 1_000);
}

function floor(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}

function ceil(ms: number): number {
  return Math.ceil(ms / MINUTE_MS) * MINUTE_MS;
}
