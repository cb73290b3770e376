import type { Fault, HrmErrorKind } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';

/**
 * From the primary to a worker, once, in answer to `here`. All workers have the primary's settings, also those that are
 * started later. To stop, the primary closes the channel, as it does when it dies.
 */
export interface ToWorker {
  readonly settings: Settings;
  readonly json: boolean;
}

/** From a worker to the primary. */
export type FromWorker =
  /** It listens now; what was said before that, it did not hear. */
  | { readonly type: 'here' }
  /** It does its work; `url` when that has an API. */
  | { readonly type: 'ready'; readonly url: string | null }
  /** It cannot start, and ends. */
  | { readonly type: 'failed'; readonly error: WireError };

/** An error as it crosses the channel. */
interface WireError {
  readonly kind: HrmErrorKind;
  readonly code: string;
  readonly message: string;
  readonly faults: readonly Fault[];
}
