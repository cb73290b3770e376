/**
 * Alerts as a consumer runs them, beside its loop: it hears of each batch that was stored, judges who is to be judged by what is stored, and tells
 * what that comes to. Storing never waits for it, and nothing that fails in it fails a batch.
 *
 * What it knows of users is in memory, and says only whom to look at. A sweep over all users finds what a process that was killed had not judged
 * yet: at the start, and once an hour.
 */
import { attestedDay } from '../flow/files/attested-day.js';
import {
  ALERT_LIST_MS,
  ALERT_OWN_MS,
  ALERT_SETTLE_MS,
  ALERT_SWEEP_MS,
  ALERT_TICK_MS,
  LIVE_ALERT_SETTLE_MS,
  MINUTE_MS,
  WEBHOOK_RETRY,
  WEBHOOK_TRIED_MS,
} from '../limits.js';
import type { AlertPlace } from '../ports/alert-place.js';
import type { BatchObserver } from '../ports/batch-observer.js';
import { type Clock, systemClock } from '../ports/clock.js';
import type { Feed } from '../ports/feed.js';
import { type Random, systemRandom } from '../ports/random.js';
import type { Storage } from '../ports/storage.js';
import { type AlertRules, isAbout } from '../pure/alerts/rules.js';
import { observe, type SeenUsers } from '../pure/alerts/seen.js';
import { backoffMs } from '../pure/backoff.js';
import { isExpiredAt } from '../pure/erasure/retention.js';
import type { DevicePriority } from '../pure/merge.js';
import { inOnePiece } from '../steps.js';
import { pause } from '../waits.js';
import type { Bench } from './judge-user.js';
import { createListener, createPending } from './pending.js';
import { markName, type OpenMark, readOpen, removeExpiredAlerts } from './records.js';
import { judgeDue, judgeOthers, type Marks, type Round, sweep } from './rounds.js';
import type { RulesFile } from './rules-file.js';
import { overlay } from './stored-and-pending.js';
import { createTeller, type Send, type TellEvent, type Teller } from './tell.js';

/** What alerts are made with. */
export interface AlertComponents {
  readonly storage: Storage;
  readonly place: AlertPlace;
  readonly rules: RulesFile;
  /** Tells what was accepted, before it is stored; `null`: only what is stored is judged. */
  readonly feed?: Feed | null | undefined;
  /** Tells them; `null`: they are only kept. */
  readonly send: Send | null;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** How alerts are made; times in milliseconds. */
export interface AlertSettings {
  /** As of a query. */
  readonly devicePriority?: DevicePriority | undefined;
  /** Between two looks; default {@link ALERT_TICK_MS}. */
  readonly tickMs?: number | undefined;
  /** After a minute's end; default {@link ALERT_SETTLE_MS}, and {@link LIVE_ALERT_SETTLE_MS} while the feed is heard. */
  readonly settleMs?: number | undefined;
  /** Between two listings of what other processes opened; default {@link ALERT_LIST_MS}. */
  readonly listMs?: number | undefined;
  /** In which an alert is told only by who opened it; default {@link ALERT_OWN_MS}. */
  readonly ownMs?: number | undefined;
  /** For which telling is tried; default {@link WEBHOOK_TRIED_MS}. */
  readonly triedMs?: number | undefined;
  /** Waits between tries; default {@link WEBHOOK_RETRY}. */
  readonly retry?: { readonly minMs: number; readonly maxMs: number } | undefined;
}

/** What happened. None of it says whose alert it is, nor what of: a log may have it. */
export type AlertEvent =
  | { readonly type: 'opened' | 'ended'; readonly id: string }
  | TellEvent
  /** Judging or telling failed, and is tried again; `null`: the file of the rules is wrong, and is read again when it has changed. */
  | { readonly type: 'fault'; readonly error: unknown; readonly retryMs: number | null };

/** Alerts that run. */
export interface RunningAlerts {
  /** What a consumer tells of its batches. */
  readonly observer: BatchObserver;
  /** Resolves when the signal has ended it; never rejects. */
  readonly done: Promise<void>;
}

/** Waits after failures, milliseconds. */
const FAULT_RETRY = { minMs: 1_000, maxMs: 60_000 };

/**
 * Judges and tells alerts until `signal` fires.
 * @example
 * const { observer, done } = startAlerts({ storage, place, rules, send }, {}, { signal, onEvent: console.log });
 * await runConsumer({ queue, storage, observer }, {}, { signal });
 */
export function startAlerts(
  { storage, place, rules, feed = null, send, clock = systemClock, random = systemRandom }: AlertComponents,
  {
    devicePriority: priority = {},
    tickMs = ALERT_TICK_MS,
    settleMs,
    listMs = ALERT_LIST_MS,
    ownMs = ALERT_OWN_MS,
    triedMs = WEBHOOK_TRIED_MS,
    retry = WEBHOOK_RETRY,
  }: AlertSettings,
  { signal, onEvent }: { readonly signal: AbortSignal; readonly onEvent: (event: AlertEvent) => void },
): RunningAlerts {
  const seen: SeenUsers = { all: new Map(), due: new Set() };
  const marks: Marks = new Map();
  const pending = createPending(clock);
  const stored = overlay(storage);
  const teller: Teller | null =
    send === null ? null : createTeller({ place, clock, random, send }, { ownMs, triedMs, retry }, { signal, onEvent });
  const bench: Bench = {
    ...{ storage: stored.storage, place, priority, isTold: teller !== null, signal },
    markOf: (rule, userId) => marks.get(userId)?.get(rule),
    onPublished(message) {
      teller?.add(message);
      onEvent({ type: message.type === 'alert.opened' ? 'opened' : 'ended', id: message.data.id });
    },
    onState({ rule, userId }, state) {
      const own = marks.get(userId) ?? new Map<string, OpenMark>();
      own.delete(rule.name);
      if (state !== null && state.endMinute === null) own.set(rule.name, markOfState(rule.name, userId, state));
      if (own.size === 0) marks.delete(userId);
      else marks.set(userId, own);
    },
  };
  const round: Round = { bench, seen, marks, stored, pending };
  const listener =
    feed === null
      ? null
      : createListener(feed, (readings) => {
          const current = rules.current();
          pending.add(readings, (userId) => current.rules.some((rule) => isAbout(rule, userId)));
          inOnePiece(observe(seen, readings, current, clock.nowMs()));
        });
  const judge = judgeLoop();
  const tell = teller === null ? () => Promise.resolve() : tellLoop(teller);

  function judgeLoop() {
    let listedMs = Number.NEGATIVE_INFINITY;
    let sweptMs = Number.NEGATIVE_INFINITY;
    let sweptBy: AlertRules | null = null;
    let minute = -1;
    return async () => {
      const current = rules.current();
      const nowMs = clock.nowMs();
      if (nowMs - listedMs >= listMs) {
        await listOpen(place, marks);
        listedMs = nowMs;
      }
      const settledMs = settleMs ?? (listener?.isListening() === true ? LIVE_ALERT_SETTLE_MS : ALERT_SETTLE_MS);
      const span = {
        nowMs,
        toMinute: Math.floor((nowMs - settledMs) / MINUTE_MS),
        newsFromMinute: Math.floor(nowMs / MINUTE_MS) - current.late_minutes,
      };
      const sweepMs = Math.min(ALERT_SWEEP_MS, (current.late_minutes * MINUTE_MS) / 2);
      if (sweptBy !== current || nowMs - sweptMs >= sweepMs) {
        await sweep({ storage, seen, signal }, current, span);
        await removeOld({ storage, place, clock, signal });
        sweptMs = nowMs;
        sweptBy = current;
      }
      if (span.toMinute !== minute) {
        await judgeOthers(round, current, span);
        minute = span.toMinute;
      }
      await judgeDue(round, current, span);
    };
  }

  function tellLoop(one: Teller) {
    let lookedMs = Number.NEGATIVE_INFINITY;
    return async () => {
      const nowMs = clock.nowMs();
      if (nowMs - lookedMs >= listMs) {
        await one.look();
        lookedMs = nowMs;
      }
      await one.tell();
    };
  }

  /** Runs a step again and again. */
  async function repeat(step: () => Promise<void>, pauseMs = tickMs): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let waitMs = pauseMs;
      try {
        await step();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        waitMs = Math.max(tickMs, backoffMs(failures, FAULT_RETRY));
        failures += 1;
        onEvent({ type: 'fault', error, retryMs: waitMs });
      }
      await pause(waitMs, signal);
    }
  }

  const observer: BatchObserver = {
    stored: (readings) => observe(seen, readings, rules.current(), clock.nowMs()),
  };
  const loops = [repeat(judge), repeat(tell)];
  if (listener !== null) loops.push(repeat(() => listener.step(signal), 0));
  return { observer, done: Promise.all(loops).then(() => undefined) };
}

function markOfState(
  rule: string,
  userId: string,
  state: { readonly number: number; readonly startMinute: number },
): OpenMark {
  return { name: markName(userId, rule, state.number), rule, userId, ...state, markedMs: Number.POSITIVE_INFINITY };
}

/** What other processes opened and ended. */
async function listOpen(place: AlertPlace, marks: Marks): Promise<void> {
  const found = await readOpen(place);
  marks.clear();
  for (const mark of found) marks.set(mark.userId, (marks.get(mark.userId) ?? new Map()).set(mark.rule, mark));
}

/** Deletes alerts of days that are kept no longer: those of all of a user's devices, by the days of the user. */
async function removeOld({
  storage,
  place,
  clock,
  signal,
}: Pick<AlertComponents, 'storage' | 'place'> & {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { retention } = await storage.erasures.current();
  if (retention.isNone) return;
  const surely = await attestedDay(storage, clock, { signal });
  await removeExpiredAlerts(place, (userId, timestampMs) =>
    isExpiredAt(retention, { userId, deviceId: '', timestampMs }, surely),
  );
}
