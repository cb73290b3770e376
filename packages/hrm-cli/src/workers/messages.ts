import type { Fault, HrmErrorKind } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';

/** From the primary to a worker. That the channel closes means `stop`, too: the primary is gone. */
export type ToWorker =
  /** The answer to `here`. All workers have the primary's settings, also those that are started later. */
  { readonly type: 'start'; readonly settings: Settings; readonly json: boolean } | { readonly type: 'stop' };

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
