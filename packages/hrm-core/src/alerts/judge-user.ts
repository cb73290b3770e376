/** Judges one user by the rules, with what is stored, and publishes what that comes to. */
import { daily } from '../flow/read/daily.js';
import { queryTables } from '../flow/read/query.js';
import { ALERT_ORPHAN_MS, DAY_MS, MAX_ALERT_ATTEMPTS, MAX_ALERT_OPEN_MINUTES, MINUTE_MS } from '../limits.js';
import type { AlertPlace } from '../ports/alert-place.js';
import type { Storage } from '../ports/storage.js';
import {
  type AlertState,
  judgeLevel,
  judgeResting,
  judgeSilence,
  type MinuteMeans,
  type Span,
  type Transition,
} from '../pure/alerts/judge.js';
import type { AlertMessage, AlertOwner } from '../pure/alerts/message.js';
import type { LevelRule, RestingRule, SilentRule } from '../pure/alerts/rules.js';
import { meanOf } from '../pure/answer/row-table.js';
import type { DevicePriority } from '../pure/merge.js';
import { dayAt, findZone, firstAt, UTC } from '../pure/time/time-zone.js';
import { type OpenMark, publish, readState } from './records.js';

/** What a user is judged with. */
export interface Bench {
  readonly storage: Storage;
  readonly place: AlertPlace;
  readonly priority: DevicePriority;
  /** Whether there is somebody to tell. */
  readonly isTold: boolean;
  readonly signal: AbortSignal;
  readonly onPublished: (message: AlertMessage) => void;
  /** What says that an alert of a rule and a user may be open. */
  readonly markOf: (rule: string, userId: string) => OpenMark | undefined;
  /** Hears that an alert is open, whoever opened it, or that none is. */
  readonly onState: (owner: AlertOwner, state: AlertState | null) => void;
}

/** Whom and when. */
export interface Case extends Span {
  readonly userId: string;
  readonly nowMs: number;
}

/** Judges minutes above or below a rate, by all rules about that; they are read once. */
export async function judgeLevels(bench: Bench, rules: readonly LevelRule[], at: Case): Promise<void> {
  const before = Math.max(...rules.map((rule) => rule.minutes + rule.calm_minutes + rule.gap_minutes));
  let fromMinute = Math.max(0, at.newsFromMinute - before);
  let means = await readMeans(bench, at, fromMinute);
  for (const rule of rules) {
    await settle(bench, rule, at, async (last) => {
      if (last?.endMinute === null && last.startMinute < fromMinute) {
        fromMinute = Math.max(0, last.startMinute, at.toMinute - MAX_ALERT_OPEN_MINUTES - 1);
        means = await readMeans(bench, at, fromMinute);
      }
      return judgeLevel(rule, means, last, at);
    });
  }
}

/** Judges silence. @param newestMinute - the newest one known; what is stored may have a newer one. @returns the newest. */
export async function judgeSilent(bench: Bench, rule: SilentRule, at: Case, newestMinute: number): Promise<number> {
  const { minute } = await readMeans(bench, { ...at, toMinute: at.toMinute + 2 }, Math.max(0, newestMinute));
  const newest = Math.max(newestMinute, minute.at(-1) ?? 0);
  await settle(bench, rule, at, async (last) => judgeSilence(rule, newest, last, at));
  return newest;
}

/** The newest day that is over, and of which nothing is late any more, in a rule's time zone: its start, epoch ms. */
export function restingDayOf(rule: RestingRule, newsFromMinute: number): number {
  const zone = findZone(rule.time_zone) ?? UTC;
  return firstAt(zone, (dayAt(zone, newsFromMinute * MINUTE_MS) - 1) * DAY_MS);
}

/** Judges the resting rate of a day. @param dayMs - as {@link restingDayOf} tells it. */
export async function judgeDay(bench: Bench, rule: RestingRule, at: Case, dayMs: number): Promise<void> {
  const day = dayAt(findZone(rule.time_zone) ?? UTC, dayMs);
  const [start = '', end = ''] = [day, day + 1].map((one) => new Date(one * DAY_MS).toISOString().slice(0, 10));
  const { storage, priority, signal } = bench;
  const input = { userId: at.userId, start, end, timeZone: rule.time_zone, priority };
  const [figures] = await daily({ storage }, input, { signal });
  if (figures === undefined) return;
  const found = { ...figures, startMinute: dayMs / MINUTE_MS };
  await settle(bench, rule, at, async (last) => judgeResting(rule, found, last));
}

async function readMeans(
  { storage, priority, signal }: Bench,
  { userId, toMinute }: Pick<Case, 'userId' | 'toMinute'>,
  fromMinute: number,
): Promise<MinuteMeans> {
  const [minute, bpm]: [number[], number[]] = [[], []];
  if (toMinute <= fromMinute) return { minute, bpm };
  const question = { userId, start: fromMinute * MINUTE_MS, end: toMinute * MINUTE_MS, priority };
  for await (const { length, startMs, sum, count } of queryTables({ storage }, question, { signal })) {
    for (let row = 0; row < length; row += 1) {
      minute.push((startMs[row] as number) / MINUTE_MS);
      bpm.push(meanOf(sum[row] as number, count[row] as number));
    }
  }
  return { minute, bpm };
}

/** Ends an alert whose rule is gone, or is no longer about its user. */
export async function endUnruled(bench: Bench, mark: OpenMark, at: Case): Promise<void> {
  const rule = { name: mark.rule, kind: 'above' } as const;
  await settle(bench, rule, at, async (last) => {
    if (last === null || last.endMinute !== null) return [];
    return [
      { type: 'ended', startMinute: last.startMinute, endMinute: Math.max(at.toMinute, last.startMinute), bpm: null },
    ];
  });
}

/**
 * Publishes what is judged, one after the other. The state is read only where something would happen to a user without any alert, or one may be
 * open. Where another consumer was first, it is judged anew by what that one published.
 */
async function settle(
  { place, isTold, onPublished, markOf, onState }: Bench,
  rule: AlertOwner['rule'],
  { userId, nowMs }: Case,
  judge: (last: AlertState | null) => Promise<readonly Transition[]>,
): Promise<void> {
  const mark = markOf(rule.name, userId);
  if (mark === undefined && (await judge(null)).length === 0) return;
  const owner = { rule, userId };
  for (let attempt = 0; attempt < MAX_ALERT_ATTEMPTS; attempt += 1) {
    let last = await readState(place, owner);
    if (mark !== undefined && isSpent(mark, last, nowMs)) await place.remove([mark.name]);
    let isOverrun = false;
    for (const transition of await judge(last)) {
      const message = await publish(place, owner, { last, transition }, { nowMs, isTold });
      isOverrun = message === null;
      if (message === null) break;
      onPublished(message);
      const endMinute = transition.type === 'ended' ? transition.endMinute : null;
      const openedMinute = transition.type === 'opened' ? Math.floor(nowMs / MINUTE_MS) : (last?.openedMinute ?? 0);
      last = { number: message.data.number, startMinute: transition.startMinute, endMinute, openedMinute };
    }
    onState(owner, last);
    if (!isOverrun) return;
  }
}

/** Whether a mark says nothing any more: its alert is over, or was never opened, since who meant to was killed. */
function isSpent({ number, markedMs }: OpenMark, last: AlertState | null, nowMs: number): boolean {
  if (last === null || last.number < number) return nowMs - markedMs > ALERT_ORPHAN_MS;
  return last.number > number || last.endMinute !== null;
}
