/** Readings to the server, for as long as it takes. */
import { type HrmError, isHrmError, type ReadingSeries } from 'hrm-core/client';
import { openClient } from './api.js';

/** Waits after a failure: doubled each time, with chance. */
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 15_000;

/** How readings are sent. */
export interface SendOptions {
  readonly signal: AbortSignal;
  /** The server does not take them now: they are sent again after so long, or as soon as the browser is online again. */
  onWait(error: HrmError, waitMs: number): void;
}

/**
 * Sends series until the server has accepted them, all or none; it may do so twice, which is harmless.
 * @throws HrmError as `Client.enqueue`, for what another try does not help; kind `closed` when the signal fires.
 */
export async function sendUntilAccepted(
  series: readonly ReadingSeries[],
  { signal, onWait }: SendOptions,
): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      await openClient().enqueue(series, { signal });
      return;
    } catch (error) {
      if (!isHrmError(error) || error.kind !== 'unavailable' || error.code === 'bad_answer') throw error;
      const most = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
      const waitMs = error.retryAfterMs ?? Math.round((most * (1 + Math.random())) / 2);
      onWait(error, waitMs);
      await untilOnline(waitMs, signal);
    }
  }
}

/** Resolves after a time, when the browser comes online, or when the signal fires. */
export function untilOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = new AbortController();
    function end(): void {
      clearTimeout(timer);
      done.abort();
      resolve();
    }
    const timer = setTimeout(end, ms);
    addEventListener('online', end, { signal: done.signal });
    signal.addEventListener('abort', end, { signal: done.signal });
    if (signal.aborted) end();
  });
}
