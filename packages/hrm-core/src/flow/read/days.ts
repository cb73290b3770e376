/**
 * A user's days, and the reading of one: from snapshots that are taken anew when files move or are set aside meanwhile.
 */
import { HrmError, isGone, throwIfAborted } from '../../errors.js';
import { DAY_MS, MAX_SNAPSHOT_ATTEMPTS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Snapshot, Storage } from '../../ports/storage.js';
import type { Question } from '../../pure/answer/question.js';
import { dateStartMs, partitionDate, userDirectory } from '../../pure/partition.js';
import type { OnDamage } from '../damage/damage.js';
import { type DamageWatch, watchDamage } from '../damage/damage-watch.js';
import { cacheOf, type FileCache } from '../files/file-cache.js';
import { readAhead } from '../files/read-ahead.js';
import { maySharedHold } from '../files/shared-users.js';
import { createYielder, type Yielder } from '../files/yielder.js';
import { knownParts } from './load-day.js';

/** What reading goes by. */
export interface ReadContext {
  readonly cache: FileCache;
  /** Hears of files that cannot be read, which are skipped: the answer is no good then. */
  readonly damage: DamageWatch;
  readonly yielder: Yielder;
}

/** How a day is read. */
export interface DayOptions extends CallOptions {
  readonly yielder: Yielder;
  /** Hears of each file that could not be read. */
  readonly onDamage?: OnDamage | undefined;
  /** Snapshots of all partitions that were taken before, and are opened again for the first try. */
  readonly seen?: readonly Snapshot[] | undefined;
}

/** A day, and what was seen of it when it was looked at before. */
export interface SeenDay {
  readonly partitions: readonly Partition[];
  /** A snapshot of each; `undefined` where they are to be taken. */
  readonly seen: readonly Snapshot[] | undefined;
}

/** What was found of a question before it is answered: for `QueryOptions.look` of the same question, within some seconds. */
export interface QueryLook {
  /** 32 hex digits. */
  readonly tag: string;
  /** The days that have something of the user's; `null` where the storage answers as soon without. */
  readonly days: readonly SeenDay[] | null;
}

/** Dates of a range whose shared parts are not looked into beforehand. In a longer one most may have nothing of the user. */
const MAX_DATES_LOOKED_FOR = 62;

/** Dates with shared parts that are looked at before the user's own up to there are: what is known of them is held meanwhile. */
const SHARED_AT_ONCE = 512;

/**
 * The days that a question is about, each as its partitions: the shared one, where its date has one that may have something of the user, and the
 * user's own.
 *
 * Shared parts are looked at before the user's own partitions are looked for: of a date whose shared parts had nothing of the user, what was
 * stored before that look is in the user's own, and stays there. Of a short range it is enough to know where there are any.
 *
 * Listing only finds the dates. Which files a day is made of is looked up when its turn comes: who takes the days may do so
 * slowly, and a partition that was not there when its date was listed may be where the readings are by then.
 */
export async function* daysOf(
  storage: Storage,
  question: Question,
  options: CallOptions,
): AsyncGenerator<readonly Partition[], void, undefined> {
  throwIfAborted(options.signal, 'the query');
  const { fromMs, toMs, userId } = question;
  if (fromMs === toMs) return;
  const range = { fromDate: partitionDate(fromMs), toDate: partitionDate(toMs - 1) };
  if (range.fromDate === range.toDate) {
    const both = partitionsOf({ userId }, range.fromDate);
    const directories = both.map(({ directory }) => directory);
    for await (const _ of storage.partitions({ ...range, directories }, options)) return yield both;
    return;
  }
  const isLong = toMs - fromMs > MAX_DATES_LOOKED_FOR * DAY_MS;
  yield* daysOfRange(storage, range, { userId, isLong }, options);
}

/** Dates, inclusive. */
interface DateRange {
  readonly fromDate: string;
  readonly toDate: string;
}

async function* daysOfRange(
  storage: Storage,
  range: DateRange,
  { userId, isLong }: { readonly userId: string; readonly isLong: boolean },
  options: CallOptions,
) {
  const own = userDirectory(userId);
  async function* joined(shared: readonly string[], some: DateRange) {
    let next = 0;
    for await (const date of datesWith(storage, some, own, options)) {
      for (; (shared[next] ?? date) < date; next += 1) yield partitionsOf({ userId }, shared[next] as string);
      const isShared = shared[next] === date;
      if (isShared) next += 1;
      yield isShared ? partitionsOf({ userId }, date) : [{ date, directory: own }];
    }
    for (const date of shared.slice(next)) yield partitionsOf({ userId }, date);
  }
  async function look(date: string) {
    return { date, isHeld: !isLong || (await maySharedHold(storage, date, userId, options)) };
  }
  let { fromDate } = range;
  let looked = 0;
  let held: string[] = [];
  const dates = datesWith(storage, range, SHARED_DIRECTORY, options);
  for await (const { date, isHeld } of readAhead(dates, look, storage.readAhead ?? 0)) {
    looked += 1;
    if (isHeld) held.push(date);
    if (looked % SHARED_AT_ONCE !== 0 || date === range.toDate) continue;
    yield* joined(held, { fromDate, toDate: date });
    held = [];
    fromDate = partitionDate((dateStartMs(date) ?? 0) + DAY_MS);
  }
  yield* joined(held, { fromDate, toDate: range.toDate });
}

/** Dates that have a directory. */
async function* datesWith(
  storage: Storage,
  range: DateRange,
  directory: string,
  options: CallOptions,
): AsyncGenerator<string, void, undefined> {
  // Ten years of dates without the user are 50 ms of looking.
  const { yieldTurn } = createYielder(options);
  for await (const { date } of storage.partitions({ ...range, directories: [directory] }, { ...options, yieldTurn })) {
    throwIfAborted(options.signal, 'the query');
    await yieldTurn();
    yield date;
  }
}

/** A date's partitions: the shared one first, since what is split off is in the user's own before it is gone there. */
export function partitionsOf({ userId }: Pick<Question, 'userId'>, date: string): readonly Partition[] {
  return [SHARED_DIRECTORY, userDirectory(userId)].map((directory) => ({ date, directory }));
}

/**
 * Runs what reads a day over snapshots of its partitions, and again where files moved or were set aside meanwhile.
 * @param partitions - of one date, as {@link daysOf} gives them.
 * @throws HrmError kind `unavailable`, code `snapshot_contended`.
 */
export async function overPartitions<Result>(
  storage: Storage,
  partitions: readonly Partition[],
  question: Question,
  { yielder, onDamage, seen = [], ...options }: DayOptions,
  step: (context: ReadContext, snapshots: readonly Snapshot[]) => Promise<Result>,
): Promise<Result> {
  const damage = watchDamage(storage, onDamage);
  const cache = cacheOf(storage);
  let cause: unknown;
  for (let attempt = 1; attempt <= MAX_SNAPSHOT_ATTEMPTS; attempt += 1) {
    const snapshots: Snapshot[] = [];
    try {
      for (const [p, partition] of partitions.entries()) {
        const before = attempt === 1 ? seen[p] : undefined;
        const again = before === undefined ? null : await storage.reopen?.(before);
        if (again != null) {
          snapshots.push(again);
          continue;
        }
        // What was known may be forgotten before it is used: then everything is opened.
        const isKnown = cause === undefined ? knownParts(cache, partition, question) : undefined;
        snapshots.push(await storage.snapshot(partition, { ...options, isKnown, yieldTurn: yielder.yieldTurn }));
      }
      const result = await step({ cache, damage, yielder }, snapshots);
      // Without what was damaged others count, which that said it replaces.
      if (!(await damage.setAside(snapshots))) return result;
    } catch (error) {
      // A storage that cannot hold a replaced file open says so; what replaced it is in the next snapshot.
      if (!isGone(error)) throw error;
      cause = error;
    } finally {
      for (const snapshot of snapshots) await snapshot.close();
    }
  }
  throw contendedError(cause);
}

function contendedError(cause: unknown): HrmError {
  return new HrmError('the files of a partition were replaced faster than they could be read: try again', {
    kind: 'unavailable',
    code: 'snapshot_contended',
    cause,
  });
}
