/** Readings of a device on their way to the server: sent some at a time, and kept here while it cannot be reached. */
import { type HrmError, isHrmError } from 'hrm-core/client';
import { sendUntilAccepted, untilOnline } from '../send.js';

/** Readings that may wait: a day of one a second, some megabytes. */
export const MAX_WAITING = 86_400;

const MAX_SENT_AT_ONCE = 10_000;
/** Between two requests, ms: the live view is a second behind at most. */
const SEND_EVERY_MS = 1_000;

/** How it goes. */
export interface OutboxState {
  readonly accepted: number;
  readonly waiting: number;
  /** There was no room for them, or the server refused them. */
  readonly lost: number;
  /** Until the next try, ms, where the server did not take them; `null`: all goes well. */
  readonly retryMs: number | null;
}

/** Takes readings. */
export interface Outbox {
  /** @param atMs - epoch milliseconds; never twice the same. */
  add(atMs: number, heartRate: number): void;
  /** Takes no more; resolves when all is sent, or the signal has fired. */
  close(): Promise<void>;
}

/** What an outbox tells. */
interface OutboxEvents {
  onChange(state: OutboxState): void;
  /** Those readings are lost. */
  onRefused(error: HrmError): void;
}

/** Opens one for a user's device; it goes on until the signal fires. */
export function openOutbox(
  { userId, deviceId }: { readonly userId: string; readonly deviceId: string },
  events: OutboxEvents,
  signal: AbortSignal,
): Outbox {
  const waiting: { readonly atMs: number; readonly heartRate: number }[] = [];
  let [accepted, lost, lastMs] = [0, 0, 0];
  let retryMs: number | null = null;
  let isClosed = false;
  const running = run();

  function tell(): void {
    events.onChange({ accepted, waiting: waiting.length, lost, retryMs });
  }

  async function run(): Promise<void> {
    while (!signal.aborted && !(isClosed && waiting.length === 0)) {
      if (waiting.length > 0) await sendSome();
      if (!isClosed) await untilOnline(SEND_EVERY_MS, signal);
    }
  }

  async function sendSome(): Promise<void> {
    const some = waiting.slice(0, MAX_SENT_AT_ONCE);
    const timestamps = some.map(({ atMs }) => atMs);
    const heartRates = some.map(({ heartRate }) => heartRate);
    try {
      await sendUntilAccepted([{ userId, deviceId, timestamps, heartRates }], {
        signal,
        onWait(_, waitMs) {
          retryMs = waitMs;
          tell();
        },
      });
      accepted += some.length;
    } catch (error) {
      if (!isHrmError(error)) throw error;
      if (signal.aborted) return;
      lost += some.length;
      events.onRefused(error);
    }
    retryMs = null;
    waiting.splice(0, some.length);
    tell();
  }

  return {
    add(atMs, heartRate) {
      // Of two readings of one millisecond only one would be kept.
      lastMs = atMs === lastMs ? atMs + 1 : atMs;
      if (waiting.length >= MAX_WAITING) lost += 1;
      else waiting.push({ atMs: lastMs, heartRate });
      tell();
    },
    close() {
      isClosed = true;
      return running;
    },
  };
}
