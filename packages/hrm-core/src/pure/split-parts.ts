/**
 * Which parts a batch becomes: one of each user's day, and one for all of a day's users with few readings where there are very
 * many of them; and which of those parts are written first, where a batch would make more files than a step may take.
 *
 * A file costs a sync or several, whatever it holds. Readings that each lie on a day of their own make a file each, and
 * 50,000 of them took a minute, in which nobody else's were stored. So a step writes a bounded number, every user's first
 * part before anybody's second, and the rest goes to the end of the queue.
 */
import { CROWDED_SMALL_PARTS, DAY_MS, MAX_BATCH_PARTS, MIN_PART_ROWS } from '../limits.js';
import { SHARED_DIRECTORY } from '../names.js';
import type { Partition } from '../ports/storage.js';
import type { Steps } from '../steps.js';
import { type ReadingColumns, ROWS_A_STEP, takeRows } from './columns.js';
import { partitionDate, userDirectory } from './partition.js';

/** Readings that are written as one part. */
export interface PartitionedReadings {
  readonly partition: Partition;
  readonly columns: ReadingColumns;
}

/** How a batch is split. */
export interface SplitLimits {
  /** As in `DrainSettings`. */
  readonly maxSmallParts: number;
  /** Parts to write now, >= 1; the others are left. */
  readonly maxParts: number;
}

/** The parts of a batch. */
interface SplitParts {
  readonly parts: readonly PartitionedReadings[];
  /** For a later step. */
  readonly left: readonly PartitionedReadings[];
}

/** One user's day. */
interface UserDay {
  readonly day: number;
  readonly user: number;
  readonly rows: number[];
}

/** Rows of one part, and how soon its turn is. */
interface PlannedPart {
  readonly day: number;
  /** -1: of several. */
  readonly user: number;
  readonly rows: number[];
  /** Of the users in it, the least number of parts that one of them has before this. */
  rank: number;
}

/** Splits merged readings; each part's rows are still sorted. Partitions of one user stand together. */
export function* splitPartsSteps(columns: ReadingColumns, { maxSmallParts, maxParts }: SplitLimits): Steps<SplitParts> {
  const userDays = yield* groupUserDays(columns);
  const ranks = userDays.length > maxParts ? yield* rankUserDays(userDays) : null;
  const planned = yield* joinSmall(userDays, maxSmallParts, ranks);
  const chosen = planned.length > maxParts ? yield* chooseFirst(columns, planned, maxParts) : null;
  const parts: PartitionedReadings[] = [];
  const left: PartitionedReadings[] = [];
  for (const [p, part] of planned.entries()) {
    if (p % PARTS_A_STEP === 0) yield;
    const directory = part.user < 0 ? SHARED_DIRECTORY : userDirectory(columns.users[part.user] as string);
    (chosen === null || chosen.has(part) ? parts : left).push({
      partition: { date: partitionDate(part.day * DAY_MS), directory },
      columns: takeRows(columns, Uint32Array.from(part.rows)),
    });
  }
  return { parts, left };
}

/** Of a part a hash or an id may have to be made. */
const PARTS_A_STEP = 256;

function* groupUserDays(columns: ReadingColumns): Steps<readonly UserDay[]> {
  const byKey = new Map<number, UserDay>();
  const users = columns.users.length;
  for (let row = 0; row < columns.length; row += 1) {
    if (row % ROWS_A_STEP === 0) yield;
    const day = Math.floor((columns.timestampMs[row] as number) / DAY_MS);
    const user = columns.user[row] as number;
    const found = byKey.get(day * users + user);
    if (found === undefined) byKey.set(day * users + user, { day, user, rows: [row] });
    else found.rows.push(row);
  }
  return [...byKey.values()];
}

/** Small parts of a day become one where there are many; and sooner where the whole batch has very many. */
function* joinSmall(
  userDays: readonly UserDay[],
  maxSmallParts: number,
  ranks: ReadonlyMap<UserDay, number> | null,
): Steps<readonly PlannedPart[]> {
  const smallByDay = new Map<number, number>();
  let small = 0;
  for (const { day, rows } of userDays) {
    if (rows.length >= MIN_PART_ROWS) continue;
    smallByDay.set(day, (smallByDay.get(day) ?? 0) + 1);
    small += 1;
  }
  yield;
  const limit = small > MAX_BATCH_PARTS ? Math.min(maxSmallParts, CROWDED_SMALL_PARTS) : maxSmallParts;
  const parts: PlannedPart[] = [];
  const shared = new Map<number, PlannedPart>();
  for (const [d, userDay] of userDays.entries()) {
    if (d % ROWS_A_STEP === 0) yield;
    const { day, user, rows } = userDay;
    const rank = ranks?.get(userDay) ?? 0;
    if (rows.length >= MIN_PART_ROWS || (smallByDay.get(day) ?? 0) <= limit) {
      parts.push({ day, user, rows, rank });
      continue;
    }
    const together = shared.get(day) ?? { day, user: -1, rows: [], rank };
    for (const row of rows) together.rows.push(row);
    together.rank = Math.min(together.rank, rank);
    shared.set(day, together);
  }
  return [...parts, ...shared.values()];
}

/** Of each user's days the one with the most readings is the first, and of alike ones the latest. */
function* rankUserDays(userDays: readonly UserDay[]): Steps<ReadonlyMap<UserDay, number>> {
  const byUser = new Map<number, UserDay[]>();
  for (const [d, userDay] of userDays.entries()) {
    if (d % ROWS_A_STEP === 0) yield;
    const own = byUser.get(userDay.user);
    if (own === undefined) byUser.set(userDay.user, [userDay]);
    else own.push(userDay);
  }
  const ranks = new Map<UserDay, number>();
  for (const own of byUser.values()) {
    own.sort((a, b) => b.rows.length - a.rows.length || b.day - a.day);
    for (const [rank, userDay] of own.entries()) {
      if (ranks.size % ROWS_A_STEP === 0) yield;
      ranks.set(userDay, rank);
    }
  }
  return ranks;
}

/**
 * By rank. Of one rank half of them are what was received first: so whoever goes on sending keeps nobody's from being written. The others are the
 * latest days: those of now are waited for, and those of somebody's past are not.
 */
function* chooseFirst(
  { receivedMinute }: ReadingColumns,
  parts: readonly PlannedPart[],
  maxParts: number,
): Steps<ReadonlySet<PlannedPart>> {
  const since = new Map<PlannedPart, number>();
  for (const [p, part] of parts.entries()) {
    if (p % ROWS_A_STEP === 0) yield;
    let minute = Number.POSITIVE_INFINITY;
    for (const row of part.rows) minute = Math.min(minute, receivedMinute[row] as number);
    since.set(part, minute);
  }
  const bySince = [...parts].sort((a, b) => a.rank - b.rank || (since.get(a) ?? 0) - (since.get(b) ?? 0));
  yield;
  const byDay = [...parts].sort((a, b) => a.rank - b.rank || b.day - a.day);
  yield;
  const chosen = new Set(bySince.slice(0, Math.ceil(maxParts / 2)));
  for (const part of byDay) {
    if (chosen.size === maxParts) break;
    chosen.add(part);
  }
  return chosen;
}
