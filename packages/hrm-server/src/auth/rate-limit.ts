/**
 * How many requests a key may make: a bucket of tokens that fills evenly, so that a minute's worth may come at once, and
 * then as many as flow in.
 */
import { type Clock, HrmError } from 'hrm-core';

/** Counts requests. */
export interface RateLimiter {
  /**
   * Counts one request of a key.
   * @returns the headers that tell what is left. @see draft-ietf-httpapi-ratelimit-headers-10
   * @throws HrmError code `rate_limited`, with {@link RateLimitError.headers}.
   */
  take(key: string): Readonly<Record<string, string>>;
}

/** An error that says when to come back. */
export interface RateLimitError extends HrmError {
  readonly headers: Readonly<Record<string, string>>;
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
  const policy = `"default";q=${limit};w=${WINDOW_SECONDS}`;

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
      const headers = {
        'RateLimit-Policy': policy,
        RateLimit: `"default";r=${Math.floor(bucket.tokens)};t=${untilFullSeconds}`,
      };
      if (isLeft) return headers;
      const waitSeconds = Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1_000));
      throw limitedError(limit, { ...headers, 'Retry-After': String(waitSeconds) });
    },
  };
}

function limitedError(limit: number, headers: Readonly<Record<string, string>>): RateLimitError {
  const message = `the API key may make ${limit} requests a minute: wait, or send more readings a request`;
  return Object.assign(new HrmError(message, { kind: 'invalid', code: 'rate_limited' }), { headers });
}
