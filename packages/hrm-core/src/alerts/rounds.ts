/** Whom a consumer judges, and when: users with something new, alerts that are open, and what depends on time. */
import { isHrmError } from '../errors.js';
import { listUsers } from '../flow/read/users/list-users.js';
import { MAX_ALERT_OPEN_MINUTES, MAX_LISTED_USERS, MINUTE_MS } from '../limits.js';
import type { Storage } from '../ports/storage.js';
import { type AlertRule, type AlertRules, isAbout, isLevel } from '../pure/alerts/rules.js';
import { markDue, markJudged, type SeenUsers, touch } from '../pure/alerts/seen.js';
import { type Bench, type Case, endUnruled, judgeDay, judgeLevels, judgeSilent, restingDayOf } from './judge-user.js';
import type { Pending } from './pending.js';
import type { OpenMark } from './records.js';
import type { StoredAndPending } from './stored-and-pending.js';

/** Alerts that may be open, by user and rule. */
export type Marks = Map<string, Map<string, OpenMark>>;

/** When it is judged. */
export type Now = Omit<Case, 'userId'>;

/** What is judged with. */
export interface Round {
  readonly bench: Bench;
  readonly seen: SeenUsers;
  readonly marks: Marks;
  /** What the bench reads, with what is perhaps not stored yet. */
  readonly stored: StoredAndPending;
  readonly pending: Pending;
}

/** Puts what is perhaps not stored yet of a user beside what is. */
async function withPending({ stored, pending }: Round, { userId, newsFromMinute }: Case): Promise<void> {
  await stored.put(pending.of(userId, (newsFromMinute - MAX_ALERT_OPEN_MINUTES) * MINUTE_MS));
}

/** Judges the minutes of those who have some to be judged. @throws the first failure, after all others were judged. */
export async function judgeDue(round: Round, rules: AlertRules, now: Now): Promise<void> {
  const { bench, seen } = round;
  await forEach([...seen.due], bench, async (userId) => {
    const user = seen.all.get(userId);
    if (user === undefined || user.dueMinute >= now.toMinute) return;
    const own = rules.rules.filter(isLevel).filter((rule) => isAbout(rule, userId));
    if (own.length > 0) {
      await withPending(round, { ...now, userId });
      await judgeLevels(bench, own, { ...now, userId });
    }
    markJudged(seen, userId, now.toMinute);
  });
}

/** Judges, once a minute, what depends on time: alerts that are open, silence, and days that are over. */
export async function judgeOthers(round: Round, { rules }: AlertRules, now: Now): Promise<void> {
  const { bench, seen, marks } = round;
  const open = [...marks.values()].flatMap((own) => [...own.values()]);
  await forEach(open, bench, async (mark) => {
    const rule = rules.find((one) => one.name === mark.rule && isAbout(one, mark.userId));
    if (rule === undefined) await endUnruled(bench, mark, { ...now, userId: mark.userId });
    else if (isLevel(rule)) markDue(seen, mark.userId, now.toMinute - 1);
  });
  const timed = rules.filter((rule) => !isLevel(rule));
  for (const rule of timed)
    await forEach([...seen.all.keys()], bench, (userId) => judgeTimed(round, rule, { ...now, userId }));
}

async function judgeTimed(round: Round, rule: AlertRule, at: Case): Promise<void> {
  const { bench, seen } = round;
  const user = seen.all.get(at.userId);
  if (user === undefined || user.newestMinute < 0 || !isAbout(rule, at.userId)) return;
  if (rule.kind === 'silent') {
    const mark = bench.markOf(rule.name, at.userId);
    const silentMinutes = at.toMinute - user.newestMinute - 1;
    const isDue = mark === undefined ? silentMinutes >= rule.minutes : user.newestMinute >= mark.startMinute;
    if (!isDue || user.judged.get(rule.name) === user.newestMinute) return;
    await withPending(round, at);
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
export async function sweep(
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
