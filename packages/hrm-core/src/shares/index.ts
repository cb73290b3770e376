/**
 * Everybody's share: whoever asks for much waits for himself and not for all. For a process that many use at once.
 * @module
 */

export { createQuota, createSemaphore, type Quota, type Semaphore, tooBusyError } from './quota.js';
export { createRateLimiter, type RateLimitError, type RateLimiter, type RateState } from './rate-limit.js';
export { createReadScheduler, type ReadSchedulerLimits, type ScheduleRead } from './read-scheduler.js';
export { createScheduler, type Scheduler } from './scheduler.js';
