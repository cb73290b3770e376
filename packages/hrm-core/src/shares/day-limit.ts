/**
 * How many days a client may begin. Readings of many users of one day share a few files, and each day more is a file more, which costs a
 * consumer some milliseconds whatever it holds: readings that each lie on a day of their own held up everybody's for minutes.
 *
 * So a day costs a client one, unless it is of now or of those that the client sent last: what devices send at once, and what they
 * kept for some weeks, costs nothing. A batch is taken whole as long as the client has anything left, and goes into debt for the rest, so
 * that each that is valid is taken at some time.
 */
import type { Clock } from '../ports/clock.js';
import { type Bucket, createBuckets, limitedError } from './buckets.js';

/** How many days. */
export interface DayLimits {
  /** Days that may be begun at once, >= 1. */
  readonly burstDays: number;
  /** Days that flow in, a second, > 0. */
  readonly daysPerSecond: number;
}

/** Counts days. */
export interface DayLimiter {
  /**
   * Counts the days that readings of one request lie on.
   * @param days - UTC days, in days from 1970 on.
   * @returns what gives them back, for a request that was not taken in the end.
   * @throws HrmError kind `invalid`, code `rate_limited`, a `RateLimitError`, where some cost something and the client has nothing
   *   left; nothing is counted then.
   */
  take(client: string, days: ReadonlySet<number>): () => void;
}

/** Days that a client sent last, which cost nothing: so many files in a batch hold up nobody. */
const FREE_DAYS = 32;

/** Yesterday, today and tomorrow: somewhere it is each of them. */
const DAYS_AROUND_NOW = 1;

const DAY_MS = 86_400_000;

/** Counts days of any number of clients. */
export function createDayLimiter({ burstDays, daysPerSecond }: DayLimits, clock: Clock): DayLimiter {
  const size = { capacity: burstDays, perMs: daysPerSecond / 1_000 };
  const bucketOf = createBuckets(size, clock);
  /** By bucket, and gone with it; those sent last at the end. */
  const sentLast = new WeakMap<Bucket, Set<number>>();

  return {
    take(client, days) {
      const bucket = bucketOf(client);
      const today = Math.floor(clock.nowMs() / DAY_MS);
      const sent = sentLast.get(bucket) ?? new Set<number>();
      const counted = [...days].filter((day) => Math.abs(day - today) > DAYS_AROUND_NOW);
      // Nearly all requests.
      if (counted.length === 0) return () => undefined;
      const cost = counted.filter((day) => !sent.has(day)).length;
      if (cost > 0 && bucket.tokens <= 0) {
        const message =
          'this client has sent readings of very many days, each of which costs a file: wait, and send the readings of one day together';
        throw limitedError(message, 1 - bucket.tokens, size);
      }
      bucket.tokens -= cost;
      for (const day of counted) {
        sent.delete(day);
        sent.add(day);
      }
      sentLast.set(bucket, new Set([...sent].slice(-FREE_DAYS)));
      return () => {
        bucket.tokens += cost;
      };
    },
  };
}
