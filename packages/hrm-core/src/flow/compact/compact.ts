import { DEFAULTS } from '../../defaults.js';
import { throwIfAborted } from '../../errors.js';
import { FILE_ROWS, MAX_DIRTY_PARTITIONS, MAX_LISTED_PARTITIONS, MAX_RUN_ROWS, QUIET_AFTER_MS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import { type Random, systemRandom } from '../../ports/random.js';
import type { Partition, PartitionFailure, Storage } from '../../ports/storage.js';
import { checkSettings } from '../../pure/check-settings.js';
import type { DevicePriority } from '../../pure/merge.js';
import { userDirectory } from '../../pure/partition.js';
import { type Candidate, orderWork } from '../../pure/plan-compaction.js';
import type { OnDamage } from '../damage/damage.js';
import { withoutDamaged } from '../damage/damage-watch.js';
import { sharedPartitions } from '../files/shared-partitions.js';
import { createYielder } from '../files/yielder.js';
import { compactPartition } from './compact-partition.js';
import { compactShared } from './compact-shared.js';
import {
  addSteps,
  type CompactionRun,
  NOTHING_DONE,
  type StepOptions,
  type StepSummary,
  stepFailed,
} from './compaction-run.js';

/** What `compact` works on. */
export interface CompactComponents {
  readonly storage: Storage;
  /** Tells which days are over; the machine's by default. */
  readonly clock?: Clock | undefined;
  /** Names replaced files, and picks where to begin; the machine's by default. */
  readonly random?: Random | undefined;
}

/** Which partitions, and how eagerly. */
export interface CompactSettings {
  /** Only this user's partitions, and the shared parts of dates where one may hold readings of this user: those as a whole. */
  readonly userId?: string | undefined;
  /** Only this UTC date, `YYYYMMDD`. */
  readonly date?: string | undefined;
  /** Merge every partition that has a part, whatever the policy says; default false. */
  readonly all?: boolean | undefined;
  /**
   * How old the youngest part of a day that is over must be before late readings are taken to have ended, and the day is brought to
   * one file, milliseconds by the storage's clock; default 600,000. Sooner, from 2,000 on, where a run finds nothing new since the
   * one before. Until then a trickle of them is merged in tiers.
   */
  readonly quietAfterMs?: number | undefined;
  /** How long replaced files stay after their replacement is durable, milliseconds; default 60,000. */
  readonly sweepAfterMs?: number | undefined;
  /**
   * Which device wins at equal milliseconds, as in the questions to come: minutes in which devices disagree are
   * rolled up under it. Under another one they are answered from the readings. Default: the smaller device_id.
   */
  readonly devicePriority?: DevicePriority | undefined;
}

/** How a run is watched and stopped. */
export interface CompactOptions extends CallOptions {
  /** Called after each partition, with how many are done of how many that were found until then. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  /** Called after each user that shared parts were split among: they are one partition, of tens of thousands of users. */
  readonly onAlive?: (() => void) | undefined;
  /** Hears of each file that could not be read, and that was therefore set aside, where the storage can. */
  readonly onDamage?: OnDamage | undefined;
}

/** What one run did. */
export interface CompactSummary {
  /** Partitions looked at. */
  readonly partitions: number;
  /** Partitions not looked at, since this run had rewritten enough: the next one is worth beginning at once. */
  readonly left: number;
  /** Partitions that got a new compacted file. */
  readonly compacted: number;
  /** Partitions where another compacter was first; nothing is lost, and there is nothing to do. */
  readonly skipped: number;
  /** Parts merged, a user's and shared ones. */
  readonly merged: number;
  /** Readings in the files made: rows rewritten. */
  readonly readings: number;
  /** Replaced files deleted. */
  readonly swept: number;
  /** Partitions of days that are over whose parts are too young, see `quietAfterMs`: a later run merges them, or one with `all`. */
  readonly waiting: number;
  /** Partitions that could not be compacted: a file is damaged, or cannot be read or written. Nothing of theirs was changed. */
  readonly failures: readonly PartitionFailure[];
}

/**
 * One run over the partitions that something was published to since they were cleaned: merges parts where that is worth it, by
 * rule 1 and keeping every device, into larger parts and each partition's compacted file; splits shared parts; and
 * deletes files replaced long enough ago. What is needed most comes first, and a run that has rewritten some millions
 * of readings ends and says what is left.
 *
 * Any number of processes may compact at once, and be killed at any moment: no reading is ever out of sight, and no
 * answer changes.
 *
 * @throws HrmError kind `invalid` for a user_id or date that is none, kind `unavailable` when the storage cannot now (a
 *   full disk), kind `closed` when aborted. What fails in one partition is no error but one of `failures`.
 * @example
 * const { compacted, swept } = await compact({ storage }, { all: true });
 */
export async function compact(
  { storage, clock = systemClock, random = systemRandom }: CompactComponents,
  {
    userId,
    date,
    all = false,
    sweepAfterMs = DEFAULTS.sweepAfterMs,
    quietAfterMs = QUIET_AFTER_MS,
    devicePriority: priority = {},
  }: CompactSettings = {},
  { signal, onProgress, onAlive, onDamage }: CompactOptions = {},
): Promise<CompactSummary> {
  checkSettings({ userId, date }, { sweepAfterMs, quietAfterMs });
  const run = { storage, clock, random, all, sweepAfterMs, quietAfterMs, priority };
  let total: StepSummary = NOTHING_DONE;
  const failures: PartitionFailure[] = [];
  let [done, found] = [0, 0];
  for await (const partitions of findWork(run, { userId, date }, { signal })) {
    found += partitions.length;
    for (const partition of partitions) {
      throwIfAborted(signal, 'compacting');
      if (!all && isLong(total)) break;
      try {
        total = addSteps(total, await compactFully(run, partition, { signal, onAlive, onDamage }));
      } catch (error) {
        total = addSteps(total, stepFailed(failures, partition, error));
      }
      done += 1;
      onProgress?.({ done, total: found });
    }
    if (done < found) break;
  }
  return { partitions: done, left: found - done, ...total, failures: [...total.failures, ...failures] };
}

/** Whether a run has done enough: of many days of few readings it is the files that take the time. */
function isLong({ readings, compacted }: StepSummary): boolean {
  return readings + compacted * FILE_ROWS >= MAX_RUN_ROWS;
}

/** Steps of one partition until nothing is merged, or somebody else merges it. */
async function compactFully(run: CompactionRun, partition: Partition, options: StepOptions): Promise<StepSummary> {
  const step = partition.directory === SHARED_DIRECTORY ? compactShared : compactPartition;
  let total: StepSummary = NOTHING_DONE;
  for (;;) {
    throwIfAborted(options.signal, 'compacting');
    const done = await withoutDamaged(run.storage, partition, options, () => step(run, partition, options));
    total = addSteps(total, done);
    if (done.merged === 0 || (!run.all && isLong(total))) return total;
  }
}

/**
 * Partitions to look at, in the order of a run; with `all`, or of one user or date, every one that exists. They are held and put in
 * order so many at a time, since a store may have any number; of what is dirty so many that mostly it is put in order as a whole, and
 * what is needed most comes first.
 */
async function* findWork(
  { storage, random, all }: CompactionRun,
  { userId, date }: Pick<CompactSettings, 'userId' | 'date'>,
  options: CallOptions,
): AsyncGenerator<readonly Partition[], void, undefined> {
  const dirty = !all && userId === undefined && date === undefined;
  const dates = { fromDate: date, toDate: date };
  const directories = userId === undefined ? undefined : [userDirectory(userId)];
  const yielder = createYielder();
  async function* listed(): AsyncGenerator<Partition, void, undefined> {
    if (!dirty) yield* sharedPartitions(storage, { ...dates, userId }, options);
    yield* storage.partitions({ ...dates, directories, dirty }, { ...options, yieldTurn: yielder.yieldTurn });
  }
  const atOnce = dirty ? MAX_DIRTY_PARTITIONS : MAX_LISTED_PARTITIONS;
  let candidates: Candidate<Partition>[] = [];
  for await (const partition of listed()) {
    const files = dirty ? (await storage.versions(partition, options)).length : 0;
    candidates.push({ partition, directory: partition.directory, files });
    await yielder.yieldTurn();
    if (candidates.length < atOnce) continue;
    yield await orderWork(candidates, () => random.fraction(), yielder.yieldTurn);
    candidates = [];
  }
  if (candidates.length > 0) yield await orderWork(candidates, () => random.fraction(), yielder.yieldTurn);
}
