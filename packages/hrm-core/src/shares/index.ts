/**
 * Everybody's share: whoever asks for much waits for himself and not for all. For a process that many use at once.
 * @module
 */

export type { RateLimitError } from './buckets.js';
export { createDayLimiter, type DayLimiter, type DayLimits } from './day-limit.js';
export { createQuota, createSemaphore, type Quota, type Semaphore, tooBusyError } from './quota.js';
export { createRateLimiter, type RateLimiter, type RateState, type RequestRateError } from './rate-limit.js';
export { createReadScheduler, type ReadSchedulerLimits, type ScheduleRead } from './read-scheduler.js';
export { createScheduler, type Scheduler } from './scheduler.js';
