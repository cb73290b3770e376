import { DAY_MS, MAX_TIMESTAMP_MS } from './limits.js';

/**
 * Defaults that a setting and a function of the library have in common: whoever calls the function without the setting gets what the
 * server does. The settings that no function has are in `settings.ts` alone.
 */
export const DEFAULTS = {
  /** List of what is queued in Redis. */
  queueKey: 'heartbeat:queue',
  /** What the Redis keys of claims begin with. */
  processingKey: 'heartbeat:processing',
  /** Redis stream of the dead letters. */
  deadKey: 'heartbeat:dead',
  /** Readings in the queue from which on it takes no more: 600 MB of typical ones. */
  queueHighWater: 5_000_000,
  /** Readings of a batch. */
  batchMaxReadings: 50_000,
  /** Milliseconds that the oldest reading of a batch waits. */
  batchMaxAgeMs: 5_000,
  /** Milliseconds that a claim is a consumer's without a sign of life. */
  leaseMs: 30_000,
  /** Bytes of a local cache of objects in S3. */
  s3CacheBytes: 1024 ** 3,
  /** Milliseconds between two runs of a compacter. */
  compactEveryMs: 300_000,
  /** Milliseconds that superseded files stay for readers that still use them. */
  sweepAfterMs: 60_000,
  /** What to do with a timestamp without an offset. */
  naiveTimestamps: 'reject',
  /** Milliseconds that a reading may lie ahead of the clock. */
  maxFutureMs: DAY_MS,
  /** Milliseconds that a reading may lie behind the clock: it may be of 1970. */
  maxPastMs: MAX_TIMESTAMP_MS,
  /**
   * Devices that a user may have on one day: as many as a batch may have readings, so that no batch is refused for what is in it
   * alone. Answers about such a day take some tens of milliseconds more.
   */
  maxDevices: 10_000,
} as const;
