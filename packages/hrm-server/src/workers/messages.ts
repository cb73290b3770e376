import type { Fault, HrmErrorKind } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import type { MetricsReport } from '../metrics/merge.js';

/** From the primary to a worker. To stop, the primary closes the channel, as it does when it dies. */
export type ToWorker =
  | ToStart
  /** Answer with what you have counted. */
  | { readonly type: 'count'; readonly id: number }
  /** What the others have counted, in answer to `scraped`. */
  | { readonly type: 'gathered'; readonly id: number; readonly reports: readonly MetricsReport[] };

/**
 * Once, in answer to `here`. All workers have the primary's settings, also those that are started later.
 */
export interface ToStart {
  readonly type: 'start';
  readonly settings: Settings;
  /** Some worker has seen that API keys are needed: without their file this one must not start. */
  readonly keysNeeded: boolean;
}

/** From a worker to the primary. */
export type FromWorker =
  /** It listens now; what was said before that, it did not hear. */
  | { readonly type: 'here' }
  /** It does its work; `url` when that has an API. */
  | { readonly type: 'ready'; readonly url: string | null }
  /** It has seen that API keys are needed. */
  | { readonly type: 'keysNeeded' }
  /** Somebody asked it for the metrics of all; its own are with it. Ids are each sender's own. */
  | { readonly type: 'scraped'; readonly id: number; readonly report: MetricsReport }
  /** In answer to `count`. */
  | { readonly type: 'counted'; readonly id: number; readonly report: MetricsReport }
  /** What it has counted so far, in case that it ends without a word. */
  | { readonly type: 'counts'; readonly report: MetricsReport }
  /** It cannot start, and ends. */
  | { readonly type: 'failed'; readonly error: WireError };

/** An error as it crosses the channel. */
export interface WireError {
  readonly kind: HrmErrorKind;
  readonly code: string;
  readonly message: string;
  readonly faults: readonly Fault[];
}
