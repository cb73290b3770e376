/**
 * How many requests a key may make: a bucket of tokens that fills evenly, so that a minute's worth may come at once, and
 * then as many as flow in.
 */
import { HrmError } from '../errors.js';
import type { Clock } from '../ports/clock.js';

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
   * @throws HrmError kind `invalid`, code `rate_limited`: a {@link RateLimitError}.
   */
  take(key: string): RateState;
}

/** An error that says when to come back. */
export interface RateLimitError extends HrmError {
  readonly rate: RateState & { readonly waitSeconds: number };
}

const WINDOW_SECONDS = 60;

/** Keys that have a bucket at once; the longest unused one goes. A full bucket is what a key without one has. */
const MAX_BUCKETS = 10_000;

interface Bucket {
  tokens: number;
  filledMs: number;
}

/** @param limit - requests a minute, >= 1. */
export function createRateLimiter(limit: number, clock: Clock): RateLimiter {
  const buckets = new Map<string, Bucket>();
  const perMs = limit / (WINDOW_SECONDS * 1_000);

  function filled(key: string): Bucket {
    const nowMs = clock.nowMs();
    const { tokens, filledMs } = buckets.get(key) ?? { tokens: limit, filledMs: nowMs };
    // A clock that was set back fills nothing.
    const added = Math.max(0, nowMs - filledMs) * perMs;
    const bucket = { tokens: Math.min(limit, tokens + added), filledMs: nowMs };
    buckets.delete(key);
    buckets.set(key, bucket);
    if (buckets.size > MAX_BUCKETS) {
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    }
    return bucket;
  }

  return {
    take(key) {
      const bucket = filled(key);
      const isLeft = bucket.tokens >= 1;
      if (isLeft) bucket.tokens -= 1;
      const untilFullSeconds = Math.ceil((limit - bucket.tokens) / perMs / 1_000);
      const rate = { limit, windowSeconds: WINDOW_SECONDS, left: Math.floor(bucket.tokens), untilFullSeconds };
      if (isLeft) return rate;
      throw limitedError({ ...rate, waitSeconds: Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1_000)) });
    },
  };
}

function limitedError(rate: RateLimitError['rate']): RateLimitError {
  const message = `the API key may make ${rate.limit} requests a minute: wait, or send more readings a request`;
  return Object.assign(new HrmError(message, { kind: 'invalid', code: 'rate_limited' }), { rate });
}
