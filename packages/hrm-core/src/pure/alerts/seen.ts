/**
 * Who is to be judged: what a process remembers of the users whose batches it stored. It only says whom to look at, and decides nothing: what
 * is stored does. So it may be lost, and a sweep over all users finds again what was.
 *
 * A batch costs one look at each of its readings. Only a user with a reading beyond a rule's rate is looked up.
 */
import { MAX_ALERT_USERS, MINUTE_MS } from '../../limits.js';
import type { Steps } from '../../steps.js';
import { ROWS_A_STEP } from '../columns.js';
import type { QueuedReadings } from '../reading/queued-readings.js';
import { type AlertRules, isAbout, isLevel } from './rules.js';

/** What is remembered of a user. */
export interface SeenUser {
  /** The newest minute with a reading; -1: none was seen. */
  newestMinute: number;
  /** The earliest minute that is to be judged; infinite: none. */
  dueMinute: number;
  /** The latest of them. */
  latestDueMinute: number;
  /** All before it were judged. */
  judgedMinute: number;
  /** By rules of other kinds, what was judged last: a newest minute, or a day's start in epoch ms. */
  readonly judged: Map<string, number>;
}

/** Who was seen. */
export interface SeenUsers {
  /** By their ids; who sent something last is the last. */
  readonly all: Map<string, SeenUser>;
  /** Whose minutes are to be judged. */
  readonly due: Set<string>;
}

/** The rates beyond which a reading is to be looked at. */
interface Bounds {
  readonly above: number;
  readonly below: number;
}

/** The bounds for a user; `null`: no rule is about it. */
function boundsOf({ rules }: AlertRules, userId: string): Bounds | null {
  const own = rules.filter((rule) => isAbout(rule, userId));
  if (own.length === 0) return null;
  let [above, below] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const rule of own.filter(isLevel)) {
    if (rule.kind === 'above') above = Math.min(above, rule.bpm);
    else below = Math.max(below, rule.bpm);
  }
  return { above, below };
}

/** The entry of a user, which is the last now. */
export function touch({ all, due }: SeenUsers, userId: string): SeenUser {
  const known = all.get(userId) ?? {
    newestMinute: -1,
    dueMinute: Number.POSITIVE_INFINITY,
    latestDueMinute: -1,
    judgedMinute: -1,
    judged: new Map(),
  };
  all.delete(userId);
  all.set(userId, known);
  const [oldest] = all.size > MAX_ALERT_USERS ? all.keys() : [];
  if (oldest === undefined) return known;
  all.delete(oldest);
  due.delete(oldest);
  return known;
}

/** Notes that minutes of a user are to be judged. */
export function markDue(users: SeenUsers, userId: string, fromMinute: number, toMinute = fromMinute): void {
  const user = users.all.get(userId) ?? touch(users, userId);
  user.dueMinute = Math.min(user.dueMinute, fromMinute);
  user.latestDueMinute = Math.max(user.latestDueMinute, toMinute);
  users.due.add(userId);
}

/** Notes that a user's minutes were judged up to one, exclusive: what comes behind it stays to be judged. */
export function markJudged({ all, due }: SeenUsers, userId: string, toMinute: number): void {
  const user = all.get(userId);
  if (user === undefined) return;
  user.judgedMinute = toMinute;
  user.dueMinute = user.latestDueMinute >= toMinute ? toMinute : Number.POSITIVE_INFINITY;
  if (user.dueMinute === Number.POSITIVE_INFINITY) due.delete(userId);
}

/** Notes what a batch says. @param nowMs - what lies a minute ahead of it, or more, is of a clock that is wrong. */
export function* observe(users: SeenUsers, readings: QueuedReadings, rules: AlertRules, nowMs: number): Steps<void> {
  const bounds = readings.users.map((userId) => boundsOf(rules, userId));
  if (bounds.every((each) => each === null)) return;
  const newsFromMs = nowMs - rules.late_minutes * MINUTE_MS;
  const newest = new Float64Array(readings.users.length).fill(-1);
  const [first, last] = [new Float64Array(newest.length).fill(Number.POSITIVE_INFINITY), newest.slice()];
  for (let row = 0; row < readings.length; row += 1) {
    if (row % ROWS_A_STEP === ROWS_A_STEP - 1) yield;
    const user = readings.user[row] as number;
    const own = bounds[user];
    const timestampMs = readings.timestampMs[row] as number;
    if (own === null || own === undefined || timestampMs >= nowMs + MINUTE_MS) continue;
    if (timestampMs > (newest[user] as number)) newest[user] = timestampMs;
    const heartRate = readings.heartRate[row] as number;
    if (timestampMs < newsFromMs || (heartRate <= own.above && heartRate >= own.below)) continue;
    if (timestampMs < (first[user] as number)) first[user] = timestampMs;
    if (timestampMs > (last[user] as number)) last[user] = timestampMs;
  }
  for (const [user, userId] of readings.users.entries()) {
    if ((newest[user] as number) < 0) continue;
    const seen = touch(users, userId);
    seen.newestMinute = Math.max(seen.newestMinute, minuteOf(newest[user] as number));
    if ((last[user] as number) >= 0)
      markDue(users, userId, minuteOf(first[user] as number), minuteOf(last[user] as number));
  }
}

function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS);
}
