/**
 * How many requests a key may make: a minute's worth may come at once, and then as many as flow in.
 */
import type { Clock } from '../ports/clock.js';
import { createBuckets, limitedError, type RateLimitError } from './buckets.js';

/** What is left of a rate. */
export interface RateState {
  /** Requests in a window. */
  readonly limit: number;
  readonly windowSeconds: number;
  /** Requests that may be made now. */
  readonly left: number;
  /** Until all may be made again. */
  readonly untilFullSeconds: number;
}

/** Counts requests. */
export interface RateLimiter {
  /**
   * Counts one request of a key.
   * @throws HrmError kind `invalid`, code `rate_limited`: a {@link RequestRateError}.
   */
  take(key: string): RateState;
}

/** The error of a key that has made all of its requests. */
export interface RequestRateError extends RateLimitError {
  readonly rate: RateState;
}

const WINDOW_SECONDS = 60;

/** @param limit - requests a minute, >= 1. */
export function createRateLimiter(limit: number, clock: Clock): RateLimiter {
  const size = { capacity: limit, perMs: limit / (WINDOW_SECONDS * 1_000) };
  const bucketOf = createBuckets(size, clock);
  return {
    take(key): RateState {
      const bucket = bucketOf(key);
      const isLeft = bucket.tokens >= 1;
      if (isLeft) bucket.tokens -= 1;
      const untilFullSeconds = Math.ceil((limit - bucket.tokens) / size.perMs / 1_000);
      const rate = { limit, windowSeconds: WINDOW_SECONDS, left: Math.floor(bucket.tokens), untilFullSeconds };
      if (isLeft) return rate;
      const message = `the API key may make ${limit} requests a minute: wait, or send more readings a request`;
      throw Object.assign(limitedError(message, 1 - bucket.tokens, size), { rate }) satisfies RequestRateError;
    },
  };
}
