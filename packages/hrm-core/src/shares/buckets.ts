/**
 * Buckets of tokens that fill evenly, one of each client: what has gathered may be taken at once, and then as much as flows in.
 */
import { HrmError } from '../errors.js';
import type { Clock } from '../ports/clock.js';

/** How much a bucket holds, and how fast it fills. */
export interface BucketSize {
  readonly capacity: number;
  readonly perMs: number;
}

/** What a client has left. */
export interface Bucket {
  /** Below 0 is a debt, which is paid off by what flows in. */
  tokens: number;
  filledMs: number;
}

/** An error that says when to come back. */
export interface RateLimitError extends HrmError {
  readonly waitSeconds: number;
}

/** Clients that have a bucket at once; the longest unused one goes. A full bucket is what a client without one has. */
const MAX_BUCKETS = 10_000;

/** @returns what gives a client's bucket, filled up to now. Its tokens are the caller's to take. */
export function createBuckets({ capacity, perMs }: BucketSize, clock: Clock): (client: string) => Bucket {
  const buckets = new Map<string, Bucket>();
  return (client) => {
    const nowMs = clock.nowMs();
    const bucket = buckets.get(client) ?? { tokens: capacity, filledMs: nowMs };
    // A clock that was set back fills nothing.
    bucket.tokens = Math.min(capacity, bucket.tokens + Math.max(0, nowMs - bucket.filledMs) * perMs);
    bucket.filledMs = nowMs;
    buckets.delete(client);
    buckets.set(client, bucket);
    if (buckets.size > MAX_BUCKETS) {
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    }
    return bucket;
  };
}

/** Seconds that a client is told to wait, at most: `hrm-core/client` gives up where it is more. It may be told so again. */
const MAX_WAIT_SECONDS = 60;

/** The error of a client whose bucket has not enough. @param missing - tokens that must flow in before it may come back. */
export function limitedError(message: string, missing: number, { perMs }: BucketSize): RateLimitError {
  const waitSeconds = Math.min(MAX_WAIT_SECONDS, Math.max(1, Math.ceil(missing / perMs / 1_000)));
  return Object.assign(new HrmError(message, { kind: 'invalid', code: 'rate_limited' }), { waitSeconds });
}
