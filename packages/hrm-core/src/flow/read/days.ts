/**
 * A user's days, and the reading of one: from snapshots that are taken anew when files move or are set aside meanwhile.
 */
import { HrmError, isGone, throwIfAborted } from '../../errors.js';
import { MAX_SNAPSHOT_ATTEMPTS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Snapshot, Storage } from '../../ports/storage.js';
import type { Question } from '../../pure/answer/question.js';
import { partitionDate, userDirectory } from '../../pure/partition.js';
import type { OnDamage } from '../damage/damage.js';
import { type DamageWatch, watchDamage } from '../damage/damage-watch.js';
import { cacheOf, type FileCache } from '../files/file-cache.js';
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
}

/**
 * The days that a question is about, each as its two partitions: the shared one first, since what is split off is in the
 * user's own before it is gone there.
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
  if (question.fromMs === question.toMs) return;
  const directories = directoriesOf(question);
  const range = { fromDate: partitionDate(question.fromMs), toDate: partitionDate(question.toMs - 1), directories };
  let last = '';
  // Ten years of dates without the user are 50 ms of looking.
  const { yieldTurn } = createYielder(options);
  for await (const { date } of storage.partitions(range, { ...options, yieldTurn: yieldTurn })) {
    throwIfAborted(options.signal, 'the query');
    if (date === last) continue;
    last = date;
    yield directories.map((directory) => ({ date, directory }));
  }
}

/** A date's partitions, in the order of {@link daysOf}. */
export function partitionsOf(question: Pick<Question, 'userId'>, date: string): readonly Partition[] {
  return directoriesOf(question).map((directory) => ({ date, directory }));
}

function directoriesOf({ userId }: Pick<Question, 'userId'>): readonly string[] {
  return [SHARED_DIRECTORY, userDirectory(userId)];
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
  { yielder, onDamage, ...options }: DayOptions,
  step: (context: ReadContext, snapshots: readonly Snapshot[]) => Promise<Result>,
): Promise<Result> {
  const damage = watchDamage(storage, onDamage);
  const cache = cacheOf(storage);
  let cause: unknown;
  for (let attempt = 1; attempt <= MAX_SNAPSHOT_ATTEMPTS; attempt += 1) {
    const snapshots: Snapshot[] = [];
    try {
      for (const partition of partitions) {
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
