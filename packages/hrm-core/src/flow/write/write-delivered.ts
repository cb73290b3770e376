import { isTotal, isUnstorable } from '../../errors.js';
import { BATCH_WRITE_MS, DAY_MS, MAX_BATCH_PARTS, MAX_HALVING_WRITES, MIN_BATCH_PARTS } from '../../limits.js';
import type { Partition, Storage } from '../../ports/storage.js';
import { type ReadingColumns, userOf } from '../../pure/columns.js';
import { mergeReadings } from '../../pure/merge.js';
import { columnsOfQueued, type QueuedReadings, takeQueued } from '../../pure/reading/queued-readings.js';
import { inOnePiece, inTurns } from '../../steps.js';
import { storePart, storeParts, type WriteOptions, type WrittenPart } from '../files/store-parts.js';
import { createYielder } from '../files/yielder.js';

/** Indices of readings of one user's day, or of the users of a shared part, in the order of their delivery. */
type Group = Uint32Array;

/** What became of a batch: every reading is in a part, or superseded by one that is (rule 1), or in one of the lists. */
export interface WrittenBatch {
  readonly written: readonly WrittenPart[];
  /** Each refused for what it holds when it was written alone. */
  readonly unstorable: readonly number[];
  /** Refused together with others, or not tried yet, when the step had spent its writes: of each partition its own. */
  readonly undecided: readonly Group[];
  /** Partitions that cannot be written now, for another reason than their readings. */
  readonly postponed: readonly PostponedPartition[];
  /** Of parts beyond {@link MAX_BATCH_PARTS}, in the order of their delivery. */
  readonly left: Group;
}

/** A partition that cannot be written now, and what was delivered of it. */
interface PostponedPartition {
  readonly partition: Partition;
  readonly group: Group;
  readonly error: unknown;
}

/**
 * Writes the readings of a batch, and finds those that make a write fail for what they hold.
 *
 * They are found by halving: a group that is refused (`isUnstorable`) is split in two, each is written, and so on down to
 * single readings; what is not refused is stored on the way. Only a reading that was refused alone is `unstorable`. The
 * first half is gone through to its end before the second is begun, so that any bound of more than the logarithm of the
 * batch decides something in every step.
 *
 * It is the readings as they were delivered that are halved, and not the merged ones: a bad reading may supersede a good
 * one of the same key, which must then be stored.
 *
 * A write that fails for another reason decides nothing: what is left of its partition is postponed, or the failure is
 * thrown where the storage itself cannot.
 *
 * @throws HrmError kind `unavailable` when nothing can be written, kind `closed` when aborted.
 */
export async function writeDelivered(
  storage: Storage,
  readings: QueuedReadings,
  options: WriteOptions,
): Promise<WrittenBatch> {
  const maxParts = partsAtOnce.get(storage) ?? MAX_BATCH_PARTS;
  const columns = await inTurns(columnsOfQueued(readings), createYielder().yieldTurn);
  const beganMs = performance.now();
  const { written, failed, left: leftParts } = await storeParts(storage, columns, { ...options, maxParts });
  if (leftParts.length > 0) partsAtOnce.set(storage, partsInTime(written.length, performance.now() - beganMs));
  const left = rowsIn(leftParts, readings);
  if (failed.length === 0) return { written, unstorable: [], undecided: [], postponed: [], left };
  const parts = [...written];
  const unstorable: number[] = [];
  const undecided: Group[] = [];
  const postponed: PostponedPartition[] = [];
  const groups = groupByPartition(readings);
  const refused: { partition: Partition; group: Group }[] = [];
  for (const { partition, columns: own, error } of failed) {
    const group = groupOf(own, groups);
    if (isUnstorable(error)) refused.push({ partition, group });
    else postponed.push({ partition, group, error });
  }
  await requirePassing(storage, postponed);
  const known = postponed.length;
  const budget = { writes: MAX_HALVING_WRITES };
  for (const { partition, group } of refused) {
    try {
      const found = await halve(storage, { partition, readings, group }, budget, options);
      parts.push(...found.written);
      unstorable.push(...found.unstorable);
      if (found.undecided.length > 0) undecided.push(found.undecided);
    } catch (error) {
      if (isTotal(error)) throw error;
      postponed.push({ partition, group, error });
    }
  }
  await requirePassing(storage, postponed.slice(known));
  return { written: parts, unstorable, undecided, postponed, left };
}

/** Parts of a step that leaves some, by how long the last such step took: a busy disk writes a tenth of what a quiet one does. */
const partsAtOnce = new WeakMap<Storage, number>();

function partsInTime(written: number, tookMs: number): number {
  return Math.max(MIN_BATCH_PARTS, Math.min(MAX_BATCH_PARTS, Math.floor((written * BATCH_WRITE_MS) / tookMs)));
}

/**
 * Decides which of a refused group are unstorable, and stores the others.
 * @param budget - the writes left for this step; counted down.
 * @throws the first failure that is not the readings' fault.
 */
async function halve(
  storage: Storage,
  {
    partition,
    readings,
    group,
  }: { readonly partition: Partition; readonly readings: QueuedReadings; readonly group: Group },
  budget: { writes: number },
  options: WriteOptions,
): Promise<{ written: WrittenPart[]; unstorable: number[]; undecided: Group }> {
  const written: WrittenPart[] = [];
  const unstorable: number[] = [];
  const undecided: number[] = [];
  async function search(refused: Group): Promise<void> {
    if (refused.length <= 1) {
      unstorable.push(...refused);
      return;
    }
    const middle = Math.ceil(refused.length / 2);
    for (const half of [refused.subarray(0, middle), refused.subarray(middle)]) {
      if (budget.writes === 0) {
        for (const row of half) undecided.push(row);
        continue;
      }
      budget.writes -= 1;
      try {
        const columns = mergeReadings([inOnePiece(columnsOfQueued(takeQueued(readings, half)))]);
        written.push(await storePart(storage, partition, columns, options));
      } catch (error) {
        if (!isUnstorable(error)) throw error;
        await search(half);
      }
    }
  }
  await search(group);
  return { written, unstorable, undecided: Uint32Array.from(undecided) };
}

/**
 * Tells partitions that cannot be written (somebody else's directory, a file in the way) from a storage that cannot: only
 * of the former may readings go to the end of the queue, so that they do not hold up everybody else's.
 * @throws the first failure, or why nothing can be written.
 */
async function requirePassing(storage: Storage, failed: readonly PostponedPartition[]): Promise<void> {
  if (failed.length === 0) return;
  for (const { error } of failed) if (isTotal(error)) throw error;
  await storage.check();
}

/** What was delivered of each user and day. */
function groupByPartition(readings: QueuedReadings): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < readings.length; row += 1) {
    const key = keyAt(readings, row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

/** What was delivered of the users and days of a part. */
function groupOf(columns: ReadingColumns, groups: ReadonlyMap<string, readonly number[]>): Group {
  return Uint32Array.from([...keysIn(columns)].flatMap((key) => groups.get(key) ?? []));
}

/** What was delivered of the users and days of some parts. */
function rowsIn(parts: readonly { readonly columns: ReadingColumns }[], readings: QueuedReadings): Group {
  const rows: number[] = [];
  const keys = new Set<string>();
  for (const { columns } of parts) for (const key of keysIn(columns)) keys.add(key);
  for (let row = 0; keys.size > 0 && row < readings.length; row += 1)
    if (keys.has(keyAt(readings, row))) rows.push(row);
  return Uint32Array.from(rows);
}

function keyAt(readings: QueuedReadings, row: number): string {
  return keyOf(readings.users[readings.user[row] as number] as string, readings.timestampMs[row] as number);
}

function keysIn(columns: ReadingColumns): ReadonlySet<string> {
  const keys = new Set<string>();
  for (let row = 0; row < columns.length; row += 1) {
    keys.add(keyOf(userOf(columns, row), columns.timestampMs[row] as number));
  }
  return keys;
}

function keyOf(userId: string, timestampMs: number): string {
  return `${Math.floor(timestampMs / DAY_MS)} ${userId}`;
}
