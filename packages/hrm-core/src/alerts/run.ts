/**
 * Alerts as a consumer runs them, beside its loop: it hears of each batch that was stored, judges who is to be judged by what is stored, and tells
 * what that comes to. Storing never waits for it, and nothing that fails in it fails a batch.
 *
 * What it knows of users is in memory, and says only whom to look at. A sweep over all users finds what a process that was killed had not judged
 * yet: at the start, and once an hour.
 */
import { isHrmError } from '../errors.js';
import { attestedDay } from '../flow/files/attested-day.js';
import { listUsers } from '../flow/read/users/list-users.js';
import {
  ALERT_LIST_MS,
  ALERT_OWN_MS,
  ALERT_SETTLE_MS,
  ALERT_SWEEP_MS,
  ALERT_TICK_MS,
  MAX_LISTED_USERS,
  MINUTE_MS,
  WEBHOOK_RETRY,
  WEBHOOK_TRIED_MS,
} from '../limits.js';
import type { AlertPlace } from '../ports/alert-place.js';
import type { BatchObserver } from '../ports/batch-observer.js';
import { type Clock, systemClock } from '../ports/clock.js';
import { type Random, systemRandom } from '../ports/random.js';
import type { Storage } from '../ports/storage.js';
import { type AlertRule, type AlertRules, isAbout, isLevel } from '../pure/alerts/rules.js';
import { markDue, markJudged, observe, type SeenUsers, touch } from '../pure/alerts/seen.js';
import { backoffMs } from '../pure/backoff.js';
import { isExpiredAt } from '../pure/erasure/retention.js';
import type { DevicePriority } from '../pure/merge.js';
import { pause } from '../waits.js';
import { type Bench, type Case, endUnruled, judgeDay, judgeLevels, judgeSilent, restingDayOf } from './judge-user.js';
import { markName, type OpenMark, readOpen, removeExpiredAlerts } from './records.js';
import type { RulesFile } from './rules-file.js';
import { createTeller, type Send, type TellEvent, type Teller } from './tell.js';

/** What alerts are made with. */
export interface AlertComponents {
  readonly storage: Storage;
  readonly place: AlertPlace;
  readonly rules: RulesFile;
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
  /** After a minute's end; default {@link ALERT_SETTLE_MS}. */
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
  { storage, place, rules, send, clock = systemClock, random = systemRandom }: AlertComponents,
  {
    devicePriority: priority = {},
    tickMs = ALERT_TICK_MS,
    settleMs = ALERT_SETTLE_MS,
    listMs = ALERT_LIST_MS,
    ownMs = ALERT_OWN_MS,
    triedMs = WEBHOOK_TRIED_MS,
    retry = WEBHOOK_RETRY,
  }: AlertSettings,
  { signal, onEvent }: { readonly signal: AbortSignal; readonly onEvent: (event: AlertEvent) => void },
): RunningAlerts {
  const seen: SeenUsers = { all: new Map(), due: new Set() };
  const marks = new Map<string, Map<string, OpenMark>>();
  const teller: Teller | null =
    send === null ? null : createTeller({ place, clock, random, send }, { ownMs, triedMs, retry }, { signal, onEvent });
  const bench: Bench = {
    ...{ storage, place, priority, isTold: teller !== null, signal },
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
      const span = {
        nowMs,
        toMinute: Math.floor((nowMs - settleMs) / MINUTE_MS),
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
        await judgeOthers({ bench, seen, marks }, current, span);
        minute = span.toMinute;
      }
      await judgeDue({ bench, seen }, current, span);
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
  async function repeat(step: () => Promise<void>): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let waitMs = tickMs;
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
  return { observer, done: Promise.all([repeat(judge), repeat(tell)]).then(() => undefined) };
}

type Marks = Map<string, Map<string, OpenMark>>;

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

type Now = Omit<Case, 'userId'>;

/** Judges the minutes of those who have some to be judged. @throws the first failure, after all others were judged. */
async function judgeDue(
  { bench, seen }: { readonly bench: Bench; readonly seen: SeenUsers },
  rules: AlertRules,
  now: Now,
) {
  await forEach([...seen.due], bench, async (userId) => {
    const user = seen.all.get(userId);
    if (user === undefined || user.dueMinute >= now.toMinute) return;
    const own = rules.rules.filter(isLevel).filter((rule) => isAbout(rule, userId));
    if (own.length > 0) await judgeLevels(bench, own, { ...now, userId });
    markJudged(seen, userId, now.toMinute);
  });
}

/** Judges, once a minute, what depends on time: alerts that are open, silence, and days that are over. */
async function judgeOthers(
  { bench, seen, marks }: { readonly bench: Bench; readonly seen: SeenUsers; readonly marks: Marks },
  { rules }: AlertRules,
  now: Now,
): Promise<void> {
  const open = [...marks.values()].flatMap((own) => [...own.values()]);
  await forEach(open, bench, async (mark) => {
    const rule = rules.find((one) => one.name === mark.rule && isAbout(one, mark.userId));
    if (rule === undefined) await endUnruled(bench, mark, { ...now, userId: mark.userId });
    else if (isLevel(rule)) markDue(seen, mark.userId, now.toMinute - 1);
  });
  const timed = rules.filter((rule) => !isLevel(rule));
  for (const rule of timed)
    await forEach([...seen.all.keys()], bench, (userId) => judgeTimed({ bench, seen }, rule, { ...now, userId }));
}

async function judgeTimed(
  { bench, seen }: { readonly bench: Bench; readonly seen: SeenUsers },
  rule: AlertRule,
  at: Case,
): Promise<void> {
  const user = seen.all.get(at.userId);
  if (user === undefined || user.newestMinute < 0 || !isAbout(rule, at.userId)) return;
  if (rule.kind === 'silent') {
    const mark = bench.markOf(rule.name, at.userId);
    const silentMinutes = at.toMinute - user.newestMinute - 1;
    const isDue = mark === undefined ? silentMinutes >= rule.minutes : user.newestMinute >= mark.startMinute;
    if (!isDue || user.judged.get(rule.name) === user.newestMinute) return;
    user.newestMinute = await judgeSilent(bench, rule, at, user.newestMinute);
    user.judged.set(rule.name, user.newestMinute);
  } else if (rule.kind === 'resting') {
    const dayMs = restingDayOf(rule, at.newsFromMinute);
    if (user.newestMinute * MINUTE_MS < dayMs || user.judged.get(rule.name) === dayMs) return;
    await judgeDay(bench, rule, at, dayMs);
    user.judged.set(rule.name, dayMs);
  }
}

/** Finds all users that have readings of late, and what of them this process did not see. */
async function sweep(
  { storage, seen, signal }: { readonly storage: Storage; readonly seen: SeenUsers; readonly signal: AbortSignal },
  { rules, late_minutes: lateMinutes }: AlertRules,
  { nowMs, toMinute, newsFromMinute }: Now,
): Promise<void> {
  if (rules.length === 0) return;
  const minutes = Math.max(0, ...rules.map((rule) => (rule.kind === 'silent' ? rule.minutes : 0))) + lateMinutes;
  const since = new Date(nowMs - minutes * MINUTE_MS).toISOString().slice(0, 10);
  const named = rules.map(({ user_ids: userIds }) => userIds);
  const userIds = named.includes(undefined) ? null : [...new Set(named.flatMap((ids) => [...(ids ?? [])]))];
  let after: string | undefined;
  do {
    const page = await listUsers({ storage }, { since, after, userIds, limit: MAX_LISTED_USERS }, { signal });
    for (const { userId, latest } of page.users) {
      // One that lies ahead says nothing of now.
      const newestMinute = Math.min(
        Math.floor(Date.parse(latest.timestamp) / MINUTE_MS),
        Math.floor(nowMs / MINUTE_MS),
      );
      const user = touch(seen, userId);
      if (newestMinute <= user.newestMinute && user.judgedMinute >= 0) continue;
      user.newestMinute = Math.max(user.newestMinute, newestMinute);
      if (newestMinute >= newsFromMinute) markDue(seen, userId, newsFromMinute, toMinute - 1);
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
}

/** Does something for each, one after the other. @throws the first failure: at once where the service is at fault, else after the others. */
async function forEach<T>(all: readonly T[], { signal }: Bench, work: (one: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const one of all) {
    if (signal.aborted) return;
    try {
      await work(one);
    } catch (error) {
      if (!isHrmError(error) || error.kind === 'unavailable' || error.kind === 'closed') throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
