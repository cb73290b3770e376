/**
 * Tells alerts: takes what waits in `untold/`, sends it, and removes it once it arrived. At least once, with the same id each time: who is killed
 * between the two, or has another consumer beside it, tells an alert twice, and the receiver drops the second by its id.
 */
import { isHrmError } from '../errors.js';
import { ALERT_ORPHAN_MS, MAX_TOLD_AT_ONCE } from '../limits.js';
import type { AlertPlace } from '../ports/alert-place.js';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import { type AlertMessage, messageId } from '../pure/alerts/message.js';
import { backoffMs } from '../pure/backoff.js';
import { FAILED, type QueuedMessage, queuedName, queuedText, readQueued, recordOf, UNTOLD } from './records.js';
import type { Outgoing } from './webhook.js';

/** Sends a message once. @throws HrmError code `webhook_failed`; kind `closed` when aborted. */
export type Send = (
  outgoing: Outgoing,
  options: { readonly nowMs: number; readonly signal: AbortSignal },
) => Promise<void>;

/** What became of a message. */
export type TellEvent =
  | { readonly type: 'told' | 'failed'; readonly id: string }
  | { readonly type: 'delayed'; readonly id: string; readonly error: unknown; readonly retryMs: number };

/** What alerts are told with. */
export interface TellComponents {
  readonly place: AlertPlace;
  readonly clock: Clock;
  readonly random: Random;
  readonly send: Send;
}

/** How patient a teller is, milliseconds. */
export interface TellSettings {
  readonly ownMs: number;
  readonly triedMs: number;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
}

/** Tells what waits. */
export interface Teller {
  /** A message of this process's own, to be told at once. */
  add(message: AlertMessage): void;
  /** Looks for messages of others. */
  look(): Promise<void>;
  /** Tells what is due; resolves when each was tried once. */
  tell(): Promise<void>;
}

interface Waiting {
  failures: number;
  nextMs: number;
  readonly isOwn: boolean;
}

/** @param onEvent - hears what became of each try. */
export function createTeller(
  { place, clock, random, send }: TellComponents,
  { ownMs, triedMs, retry }: TellSettings,
  { signal, onEvent }: { readonly signal: AbortSignal; readonly onEvent: (event: TellEvent) => void },
): Teller {
  const waiting = new Map<string, Waiting>();

  async function done(name: string): Promise<void> {
    await place.remove([UNTOLD + name]);
    waiting.delete(name);
  }

  /** Whether it is to be sent now; otherwise it waits on, or goes. */
  async function isReady(name: string, wait: Waiting, { message, queuedMs }: QueuedMessage): Promise<boolean> {
    const nowMs = clock.nowMs();
    const ownedMs = Date.parse(message.timestamp) + ownMs;
    if (!wait.isOwn && nowMs < ownedMs) {
      wait.nextMs = ownedMs;
      return false;
    }
    const record = await recordOf(place, message);
    if (record === null) {
      wait.nextMs = nowMs + ownMs;
      if (nowMs - queuedMs > ALERT_ORPHAN_MS) await done(name);
      return false;
    }
    if (record.data.id !== message.data.id) {
      await done(name);
      return false;
    }
    const before =
      message.type === 'alert.ended' ? waiting.get(queuedName({ ...message, type: 'alert.opened' })) : undefined;
    // First that it opened.
    if (before !== undefined) wait.nextMs = before.nextMs + 1;
    return before === undefined;
  }

  async function tellOne(name: string, wait: Waiting): Promise<void> {
    const queued = await readQueued(place, UNTOLD + name);
    if (queued === null) return await done(name);
    if (!(await isReady(name, wait, queued))) return;
    const { message, queuedMs } = queued;
    const { id } = message.data;
    try {
      await send({ id: messageId(message), body: JSON.stringify(message) }, { nowMs: clock.nowMs(), signal });
    } catch (error) {
      if (!isHrmError(error) || error.code !== 'webhook_failed') throw error;
      const nowMs = clock.nowMs();
      if (nowMs - queuedMs >= triedMs) {
        await place.put(FAILED + name, queuedText(queued));
        await done(name);
        onEvent({ type: 'failed', id });
        return;
      }
      // Half of it by chance: alerts that failed together do not come back together.
      const retryMs = Math.round(backoffMs(wait.failures, retry) * (0.5 + random.fraction() / 2));
      wait.failures += 1;
      wait.nextMs = nowMs + retryMs;
      onEvent({ type: 'delayed', id, error, retryMs });
      return;
    }
    await done(name);
    onEvent({ type: 'told', id });
  }

  return {
    add: (message) => void waiting.set(queuedName(message), { failures: 0, nextMs: 0, isOwn: true }),
    async look() {
      for (const path of await place.list(UNTOLD)) {
        const name = path.slice(UNTOLD.length);
        if (!waiting.has(name)) waiting.set(name, { failures: 0, nextMs: 0, isOwn: false });
      }
    },
    async tell() {
      const nowMs = clock.nowMs();
      const due = [...waiting].filter(([, { nextMs }]) => nextMs <= nowMs);
      let next = 0;
      async function run(): Promise<void> {
        for (let at = next; at < due.length && !signal.aborted; at = next) {
          next = at + 1;
          const [name, wait] = due[at] as [string, Waiting];
          await tellOne(name, wait);
        }
      }
      await Promise.all(Array.from({ length: MAX_TOLD_AT_ONCE }, run));
    },
  };
}
