import { DEFAULTS } from '../../defaults.js';
import {
  MAX_DIRTY_PARTITIONS,
  MAX_LISTED_PARTITIONS,
  MAX_PIECE_ROWS,
  MAX_RUN_ROWS,
  QUIET_AFTER_MS,
} from '../../limits.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import { type Random, systemRandom } from '../../ports/random.js';
import type { Partition, Storage } from '../../ports/storage.js';
import { checkSettings } from '../../pure/check-settings.js';
import { createRegister } from '../../pure/erasure/register.js';
import type { DevicePriority } from '../../pure/merge.js';
import { type Candidate, type OrderedWork, orderWork } from '../../pure/order-work.js';
import { userDirectory } from '../../pure/partition.js';
import { readAhead } from '../files/read-ahead.js';
import { sharedPartitions } from '../files/shared-partitions.js';
import { sureView } from '../files/sure-view.js';
import { createYielder } from '../files/yielder.js';
import type { CompactOptions, CompactSummary } from './compact-summary.js';
import type { CompactionRun } from './compaction-run.js';
import { beginExpiryPass, expiringPartitions } from './expiring.js';
import { runOver } from './run-over.js';

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
  /** Only partitions that an erasure is of which has no report yet. Default false. */
  readonly erased?: boolean | undefined;
  /** The clock is right, whatever else says so: as for `removeExpired`. Default false. */
  readonly trustClock?: boolean | undefined;
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

/**
 * One run over the partitions that something was published to since they were cleaned: merges parts where that is worth it, by
 * rule 1 and keeping every device, into larger parts and each partition's compacted file; splits shared parts; and
 * deletes files replaced long enough ago. What is needed most comes first, and a run that has rewritten some millions
 * of readings ends and says what is left. Shared parts and users' partitions take turns, and a split of very many users is done in pieces.
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
    erased = false,
    trustClock = false,
    all = false,
    sweepAfterMs = DEFAULTS.sweepAfterMs,
    quietAfterMs = QUIET_AFTER_MS,
    devicePriority: priority = {},
  }: CompactSettings = {},
  { signal, onProgress, onAlive, onDamage }: CompactOptions = {},
): Promise<CompactSummary> {
  checkSettings({ userId, date }, { sweepAfterMs, quietAfterMs });
  const sure = trustClock ? storage : await sureView(storage, clock, { signal });
  const run = { storage: sure, clock, random, all, sweepAfterMs, quietAfterMs, priority, bounds: BOUNDS };
  return await runOver(run, findWork(run, { userId, date, erased }, { signal }), {
    signal,
    onProgress,
    onAlive,
    onDamage,
  });
}

const BOUNDS = { runRows: MAX_RUN_ROWS, pieceRows: MAX_PIECE_ROWS };

/**
 * Partitions to look at, in the order of a run; with `all`, or of one user or date, every one that exists. They are held and put in
 * order so many at a time, since a store may have any number; of what is dirty so many that mostly it is put in order as a whole, and
 * what is needed most comes first.
 */
async function* findWork(
  { storage, random, all }: CompactionRun,
  { userId, date, erased }: Pick<CompactSettings, 'userId' | 'date' | 'erased'>,
  options: CallOptions,
): AsyncGenerator<OrderedWork<Partition>, void, undefined> {
  const dirty = !all && !erased && userId === undefined && date === undefined;
  const dates = { fromDate: date, toDate: date };
  const directories = userId === undefined ? undefined : [userDirectory(userId)];
  const yielder = createYielder();
  const pass = dirty ? await beginExpiryPass(storage) : null;
  async function* listed(): AsyncGenerator<Partition, void, undefined> {
    if (!dirty) yield* sharedPartitions(storage, { ...dates, userId }, options);
    yield* storage.partitions({ ...dates, directories, dirty }, { ...options, yieldTurn: yielder.yieldTurn });
    if (pass !== null) yield* expiringPartitions(storage, pass, { ...options, yieldTurn: yielder.yieldTurn });
  }
  const atOnce = dirty ? MAX_DIRTY_PARTITIONS : MAX_LISTED_PARTITIONS;
  let candidates: Candidate<Partition>[] = [];
  async function look(partition: Partition) {
    await yielder.yieldTurn();
    return { partition, files: dirty ? (await storage.versions(partition, options)).length : 0 };
  }
  for await (const { partition, files } of readAhead(
    erased ? erasedOf(storage, listed()) : listed(),
    look,
    storage.readAhead ?? 0,
  )) {
    candidates.push({ partition, directory: partition.directory, files });
    if (candidates.length < atOnce) continue;
    yield await orderWork(candidates, () => random.fraction(), yielder.yieldTurn);
    candidates = [];
  }
  if (candidates.length > 0) yield await orderWork(candidates, () => random.fraction(), yielder.yieldTurn);
  // Not where the run was ended before.
  pass?.done();
}

/** Those of some partitions that an erasure is of which has no report yet. */
async function* erasedOf(
  storage: Storage,
  partitions: AsyncIterable<Partition>,
): AsyncGenerator<Partition, void, undefined> {
  const { maskOf } = createRegister(await storage.erasures.open());
  const { yieldTurn } = createYielder();
  for await (const partition of partitions) {
    await yieldTurn();
    if (maskOf(partition) !== null) yield partition;
  }
}
