import { type Fault, HrmError, isHrmError, isTotal, throwIfAborted } from '../errors.js';
import { DAY_MS, MAX_COMPACTION_FAILURES } from '../limits.js';
import { decodeBytes, decodeFile } from '../parquet/decode.js';
import { encodeReadings } from '../parquet/encode.js';
import { openFile } from '../parquet/footer.js';
import { type Clock, systemClock } from '../ports/clock.js';
import type { CallOptions } from '../ports/queue.js';
import { type Random, systemRandom } from '../ports/random.js';
import {
  COMPACTED_NAME,
  type Partition,
  type PartitionFailure,
  type Storage,
  type StoredFile,
} from '../ports/storage.js';
import { type ReadingColumns, sameReadings } from '../pure/columns.js';
import { type DevicePriority, mergeReadings } from '../pure/merge.js';
import { dateStartMs, retiredName, userDirectory } from '../pure/partition.js';
import { planCompaction } from '../pure/plan-compaction.js';
import type { Rollup } from '../pure/rollup.js';
import { rollUp } from '../pure/rollup.js';
import { encodeRollup } from '../pure/rollup-codec.js';
import { isId } from '../reading.js';

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
  /** Only this user's partitions. */
  readonly userId?: string | undefined;
  /** Only this UTC date, `YYYYMMDD`. */
  readonly date?: string | undefined;
  /** Merge every partition that has a part, whatever the policy says; default false. */
  readonly all?: boolean | undefined;
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
  /** Called after each partition, with how many are done of how many. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** What one run did. */
export interface CompactSummary {
  /** Partitions looked at. */
  readonly partitions: number;
  /** Partitions that got a new compacted file. */
  readonly compacted: number;
  /** Partitions where another compacter was first; nothing is lost, and there is nothing to do. */
  readonly skipped: number;
  /** Parts merged. */
  readonly merged: number;
  /** Readings in the new compacted files. */
  readonly readings: number;
  /** Replaced files deleted. */
  readonly swept: number;
  /** Partitions that could not be compacted: a file is damaged, or cannot be read or written. Nothing of theirs was changed. */
  readonly failures: readonly PartitionFailure[];
}

/**
 * One run over the partitions: merges parts into each partition's compacted file where that is worth it, by rule 1 and
 * keeping every device, and deletes files replaced long enough ago.
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
  { userId, date, all = false, sweepAfterMs = 60_000, devicePriority: priority = {} }: CompactSettings = {},
  { signal, onProgress }: CompactOptions = {},
): Promise<CompactSummary> {
  checkSettings({ userId, date, sweepAfterMs });
  const directory = userId === undefined ? undefined : userDirectory(userId);
  const partitions: Partition[] = [];
  for await (const partition of storage.partitions({ fromDate: date, toDate: date, directory }, { signal })) {
    partitions.push(partition);
  }
  const total = { compacted: 0, skipped: 0, merged: 0, readings: 0, swept: 0 };
  const failures: PartitionFailure[] = [];
  // Compacters that take partitions in the same order get into each other's way at every one.
  const offset = Math.floor(random.fraction() * partitions.length);
  for (let i = 0; i < partitions.length; i += 1) {
    throwIfAborted(signal, 'compacting');
    const partition = partitions[(i + offset) % partitions.length] as Partition;
    try {
      const done = await compactPartition(
        { storage, clock, random },
        partition,
        { all, sweepAfterMs, priority },
        { signal },
      );
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += done[key];
    } catch (error) {
      if (!isHrmError(error) || isTotal(error)) throw error;
      // A storage that cannot hold a replaced file open: another compacter was here.
      if (error.code === 'file_gone') total.skipped += 1;
      else if (failures.length === MAX_COMPACTION_FAILURES) throw error;
      else failures.push({ partition, code: error.code, message: error.message });
    }
    onProgress?.({ done: i + 1, total: partitions.length });
  }
  return { partitions: partitions.length, ...total, failures };
}

async function compactPartition(
  { storage, clock, random }: { storage: Storage; clock: Clock; random: Random },
  partition: Partition,
  { all, sweepAfterMs, priority }: { all: boolean; sweepAfterMs: number; priority: DevicePriority },
  options: CallOptions,
) {
  const summary = { compacted: 0, skipped: 0, merged: 0, readings: 0, swept: 0 };
  // Open to the end: the file system gives a deleted file's number to the next one at once, and `replace` tells the
  // compacted file that it knows from a newer one by that number.
  const snapshot = await storage.snapshot(partition, options);
  try {
    const compacted = snapshot.files.find((file) => file.name === COMPACTED_NAME) ?? null;
    const parts = snapshot.files.filter((file) => file.name !== COMPACTED_NAME);
    const replaces =
      compacted === null || parts.length === 0 ? [] : (await openFile(compacted, partition)).footer.replaces;
    const dayMs = dateStartMs(partition.date) ?? 0;
    const dayOver = clock.nowMs() >= dayMs + DAY_MS;
    const graceOver = compacted !== null && compacted.ageMs >= sweepAfterMs;
    const plan = planCompaction({ compacted, replaces, parts, dayOver, graceOver }, all);
    let replaced = plan.replaced;
    let proved: ReadingColumns | undefined;
    if (graceOver && replaced.length > 0) {
      // Whole, not only its footer: what it replaces may be the only good copy of what is damaged in it.
      proved = (await decodeFile(compacted, partition)).columns;
      summary.swept = await storage.remove(partition, replaced);
      replaced = [];
    }
    if (plan.merge.length === 0) return summary;
    const inputs = parts.filter((part) => plan.merge.includes(part.name));
    const retired = retiredName(random.id());
    const unread = compacted === null || proved !== undefined ? inputs : [compacted, ...inputs];
    const merged = await mergeFiles(proved, unread, partition);
    const replacing = [...plan.merge, ...replaced, ...(compacted === null ? [] : [retired])];
    const rollup = rollUp(merged, dayMs, priority);
    const bytes = encodeReadings(merged, { replaces: replacing, rollup });
    await verifyEncoded(bytes, merged, (decoded) => rollUp(decoded, dayMs, priority));
    const outcome = await storage.replace({ snapshot, retiredName: retired, bytes });
    if (outcome === 'conflict') return { ...summary, skipped: 1 };
    return { ...summary, compacted: 1, merged: inputs.length, readings: merged.length };
  } finally {
    await snapshot.close();
  }
}

/** The readings of the files, and of the one that was decoded already. */
async function mergeFiles(
  decoded: ReadingColumns | undefined,
  files: readonly StoredFile[],
  partition: Partition,
): Promise<ReadingColumns> {
  const tables = decoded === undefined ? [] : [decoded];
  for (const file of files) tables.push((await decodeFile(file, partition)).columns);
  return mergeReadings(tables);
}

/** What is published here lets its inputs be deleted, and its rollup answers for its readings: so both are read back first. */
async function verifyEncoded(
  bytes: Uint8Array<ArrayBuffer>,
  merged: ReadingColumns,
  rollUpAgain: (columns: ReadingColumns) => Rollup | null,
): Promise<void> {
  const { columns, rollup } = await decodeBytes(bytes);
  if (sameReadings(columns, merged) && sameRollup(rollup, rollUpAgain(columns))) return;
  throw new HrmError('a compacted file does not read back as it was written; it was not published', {
    kind: 'internal',
    code: 'encoding_failed',
  });
}

function sameRollup(left: Rollup | null, right: Rollup | null): boolean {
  if (left === null || right === null) return left === right;
  return Buffer.compare(encodeRollup(left), encodeRollup(right)) === 0;
}

function checkSettings({ userId, date, sweepAfterMs }: CompactSettings): void {
  const faults: Fault[] = [];
  if (userId !== undefined && !isId(userId)) faults.push({ path: '/userId', message: 'must be a user_id' });
  if (date !== undefined && dateStartMs(date) === null) {
    faults.push({ path: '/date', message: 'must be YYYYMMDD, a day of the calendar' });
  }
  if (!(Number(sweepAfterMs) >= 0)) faults.push({ path: '/sweepAfterMs', message: 'must be milliseconds, from 0' });
  if (faults.length === 0) return;
  const message = faults.map((fault) => `${fault.path.slice(1)} ${fault.message}`).join('; ');
  throw new HrmError(message, { kind: 'invalid', code: 'invalid_settings', faults });
}
