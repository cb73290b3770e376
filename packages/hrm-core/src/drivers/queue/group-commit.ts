/**
 * What drivers with a group commit share: the pushes that wait for it, and which of them go together.
 * @module
 */
import { abortedError, HrmError } from '../../errors.js';

/** A push that waits; its records are one step, all or none. */
export interface PendingPush {
  readonly records: readonly Buffer[];
  readonly byteLength: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The next commit, and what it leaves. */
export interface PushGroup {
  readonly group: readonly PendingPush[];
  /** Pushes whose signal has fired meanwhile: rejected, and not to be committed. */
  readonly aborted: readonly PendingPush[];
  /** For the commit after it. */
  readonly rest: PendingPush[];
}

/** Takes pushes, oldest first, up to `maxBytes`; one is taken whatever its size. */
export function takeGroup(pending: readonly PendingPush[], maxBytes: number): PushGroup {
  const group: PendingPush[] = [];
  const aborted: PendingPush[] = [];
  let byteLength = 0;
  for (const push of pending) {
    if (group.length > 0 && byteLength + push.byteLength > maxBytes) break;
    if (push.signal?.aborted) {
      push.reject(abortedError('pushing to the queue', push.signal.reason));
      aborted.push(push);
      continue;
    }
    byteLength += push.byteLength;
    group.push(push);
  }
  return { group, aborted, rest: pending.slice(group.length + aborted.length) };
}

/** @throws HrmError kind `invalid`, code `invalid_element`, for a number of readings that is none. */
export function requireReadings(readings: number): void {
  if (Number.isSafeInteger(readings) && readings >= 1) return;
  throw new HrmError(`An element has ${readings} readings: at least 1 is allowed`, {
    kind: 'invalid',
    code: 'invalid_element',
  });
}
