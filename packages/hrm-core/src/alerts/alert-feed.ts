/**
 * Alerts for those who watch a user: looked for in their place, since whoever opened one may be another process. All who watch share one look.
 *
 * What is open is listed often, and that is one listing for everybody. A user's own alerts are listed when something of his is new or gone
 * there, and once a minute: an alert that opened and ended between two looks was never seen open.
 */
import { ALERT_FEED_MS, ALERT_RECALL_MS } from '../limits.js';
import type { AlertPlace } from '../ports/alert-place.js';
import { type AlertMessage, alertUserKey, messageId } from '../pure/alerts/message.js';
import { onAbort, pause } from '../waits.js';
import { OPEN, storedAlerts } from './records.js';

/** Tells those who watch a user. */
export interface AlertFeed {
  /**
   * What is told of a user's alerts: those that are open or were told within the last hour, and then each that opens or ends, some seconds
   * later. Each is told once, and again to whoever comes again: drop what you have had, by alert and type. Ends with the signal.
   */
  watch(userId: string, signal: AbortSignal): WatchedAlerts;
}

/** What is to be told of a user's alerts. */
export interface WatchedAlerts {
  /** Resolves when there is something, also if that is there already; one at a time is waited for. */
  wait(): Promise<'alert'>;
  /** Takes the first of it, which is gone then; `null`: there is nothing. */
  take(): AlertMessage | null;
}

/** Of who tells no alerts. */
export const NO_ALERTS: AlertFeed = {
  watch: () => ({ wait: () => new Promise(() => undefined), take: () => null }),
};

interface Watcher {
  readonly userId: string;
  /** Those that were told, by message. */
  told: ReadonlySet<string>;
  /** What of the user was open at the last look. */
  open: string;
  listedMs: number;
  readonly waiting: AlertMessage[];
  wake: () => void;
}

/** How a feed looks, milliseconds. */
interface AlertFeedSettings {
  /** Default {@link ALERT_FEED_MS}. */
  readonly lookMs?: number | undefined;
  /** Default {@link ALERT_RECALL_MS}. */
  readonly recallMs?: number | undefined;
}

/** @param openPlace - opens where alerts are; a look that fails is taken again, and nobody hears of it. */
export function createAlertFeed(
  openPlace: () => Promise<AlertPlace>,
  { lookMs = ALERT_FEED_MS, recallMs = ALERT_RECALL_MS }: AlertFeedSettings = {},
): AlertFeed {
  const watchers = new Set<Watcher>();
  let place: AlertPlace | null = null;
  let looking: AbortController | null = null;

  async function look({ signal }: AbortController): Promise<void> {
    while (!signal.aborted) {
      // The health check says what is wrong with the storage.
      await lookOnce().catch(() => undefined);
      await pause(lookMs, signal);
    }
  }

  async function lookOnce(): Promise<void> {
    place ??= await openPlace();
    const names = await place.list(OPEN);
    for (const watcher of watchers) {
      const before = `${OPEN}${alertUserKey(watcher.userId)}.`;
      const open = names.filter((name) => name.startsWith(before)).join();
      if (open === watcher.open && performance.now() - watcher.listedMs < 12 * lookMs) continue;
      await tell(watcher, place);
      watcher.open = open;
      watcher.listedMs = performance.now();
    }
  }

  async function tell(watcher: Watcher, from: AlertPlace): Promise<void> {
    const told = new Set<string>();
    for await (const { opened, ended } of storedAlerts(from, watcher.userId)) {
      const isOld = ended !== null && Date.now() - Date.parse(ended.timestamp) > recallMs;
      for (const message of ended === null ? [opened] : [opened, ended]) {
        const id = messageId(message);
        told.add(id);
        if (!isOld && !watcher.told.has(id)) watcher.waiting.push(message);
      }
    }
    // Of those that are kept: the oldest go, and are not told again.
    watcher.told = told;
    if (watcher.waiting.length > 0) watcher.wake();
  }

  return {
    watch(userId, signal) {
      const waiting: AlertMessage[] = [];
      const watcher: Watcher = {
        ...{ userId, waiting, told: new Set<string>(), open: '', listedMs: Number.NEGATIVE_INFINITY },
        wake: () => undefined,
      };
      if (!signal.aborted) watchers.add(watcher);
      onAbort(signal, () => {
        watchers.delete(watcher);
        if (watchers.size === 0) looking?.abort();
      });
      // Who comes is looked for at once.
      looking?.abort();
      looking = new AbortController();
      if (watchers.size > 0) void look(looking);
      return {
        wait: () =>
          new Promise((resolve) => {
            watcher.wake = () => resolve('alert');
            if (waiting.length > 0) resolve('alert');
          }),
        take: () => waiting.shift() ?? null,
      };
    },
  };
}
