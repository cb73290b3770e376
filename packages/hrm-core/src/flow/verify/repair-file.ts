/**
 * Mending a stored file: what can be read of it is stored first, then it is set aside. So whatever stops it, every reading is
 * there at least once, and nothing is deleted.
 */

import { HrmError, throwIfAborted } from '../../errors.js';
import { COMPACTED_NAME, isCompacted, SHARED_DIRECTORY } from '../../names.js';
import { readGroup } from '../../parquet/decode.js';
import { type OpenedFile, openFile } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Random } from '../../ports/random.js';
import type { Partition, QuarantinedFile, Snapshot, Storage, StoredFile } from '../../ports/storage.js';
import { type ReadingColumns, takeRows } from '../../pure/columns.js';
import { mergeReadings } from '../../pure/merge.js';
import { dateStartMs, supersededBy } from '../../pure/partition.js';
import { judgeRows, keyAt, rowsByPartition } from '../../pure/reading/check-readings.js';
import { priorityOf } from '../../pure/rollup/compare-rollups.js';
import { confirmDamage, misreadError } from '../damage/confirm-damage.js';
import { setFileAside } from '../damage/damage.js';
import { storeByPartition, storeIntact } from '../damage/store-intact.js';
import { buildFile } from '../files/build-file.js';
import { pinFile } from '../files/content-hash.js';
import { isLeftInPlace, nullIfDamaged } from '../files/file-damage.js';
import { mergeFiles } from '../files/merge-files.js';
import { overSnapshot } from '../files/over-snapshot.js';
import { createYielder } from '../files/yielder.js';
import { type Inspection, inspectFile } from './inspect-file.js';

/** What became of a file with faults. `set_aside`: what could not be read of it is stored nowhere else, as far as is known. */
export type Mended = 'found' | 'repaired' | 'set_aside';

/** What a repair works on. */
export interface RepairComponents {
  readonly storage: Storage;
  readonly random: Random;
}

/** Faults of a compacted file whose readings are all well. */
const DERIVED: readonly string[] = ['wrong_rollup', 'rollup_missing', 'not_contained'];

/**
 * Mends a file.
 * @param others - of the same snapshot, which the file says it replaces.
 */
export async function repairFile(
  { storage, random }: RepairComponents,
  snapshot: Snapshot,
  inspection: Inspection,
  others: readonly Inspection[],
  options: CallOptions,
): Promise<Mended> {
  const { file, faults, opened, isWhole } = inspection;
  const [first] = faults;
  if (first === undefined || isLeftInPlace(first)) return 'found';
  const look = async (again: StoredFile, partition: Partition) =>
    (await inspectFile(again, partition, options)).faults.length === 0;
  // Of files that do not have what they say they have, the readings were compared, and not this one's alone.
  const isCompared = faults.some(({ code }) => code === 'not_contained');
  const confirmation = isCompared ? 'damaged' : await confirmDamage(storage, snapshot, file, look);
  if (confirmation === 'misread') throw misreadError(file.name, snapshot.partition);
  if (confirmation === 'gone') return 'found';
  const isDerived = isCompacted(file.name) && faults.every(({ code }) => DERIVED.includes(code));
  if (opened !== null && isDerived) {
    return rewriteCompacted({ storage, random }, snapshot, { ...inspection, opened }, others, options);
  }
  if (opened !== null && staysForItsColumns(inspection, opened)) {
    await storeMisplaced(storage, snapshot.partition, { ...inspection, opened }, options);
    return 'found';
  }
  await storeIntact(storage, snapshot.partition, file, options);
  const message = `${file.name} of ${snapshot.partition.date}: ${reasonsOf(inspection)}`;
  const error = new HrmError(message, { kind: 'data', code: first.code });
  const outcome = await setFileAside(storage, snapshot, file.name, error);
  if (outcome === 'skipped') return 'found';
  // Gone: the part that was written of it has its name, and gave it up to quarantine.
  return isWhole ? 'repaired' : 'set_aside';
}

/** Whether a file that can be read has columns that would leave the data with it, and are nowhere else. */
function staysForItsColumns({ faults }: Inspection, { footer }: OpenedFile): boolean {
  return footer.hasFurtherColumns && faults.every(({ code }) => code !== 'file_damaged');
}

/** Stores the rows that count nowhere, since they are another user's or day's. */
async function storeMisplaced(
  storage: Storage,
  partition: Partition,
  { file, opened, intact }: Inspection & { readonly opened: OpenedFile },
  options: CallOptions,
): Promise<void> {
  for (const group of intact) {
    throwIfAborted(options.signal, 'storing misplaced readings');
    const columns = await insist(() => readGroup(file, partition, opened, group, createYielder().yieldTurn));
    if (columns === null) throw misreadError(file.name, partition);
    const { elsewhere } = judgeRows(columns, partition);
    if (elsewhere.length > 0) await storeByPartition(storage, takeRows(columns, elsewhere), options);
  }
}

/** The same readings, and those of files that it should have had, with a rollup of them. */
async function rewriteCompacted(
  { storage, random }: RepairComponents,
  snapshot: Snapshot,
  inspection: Inspection & { readonly opened: OpenedFile },
  others: readonly Inspection[],
  options: CallOptions,
): Promise<Mended> {
  const { partition } = snapshot;
  const { rollup, replaces } = inspection.opened.footer;
  const { yieldTurn } = createYielder();
  const compacted = await pinFile(inspection.file, partition, yieldTurn);
  const superseded = supersededBy(compacted, random.id());
  const inputs = [compacted];
  for (const { file } of others) inputs.push(await pinFile(file, partition, yieldTurn));
  // Proved before it is there, as a compacter's are.
  const { bytes } = await buildFile(mergeFiles(inputs, options), {
    ...options,
    replaces: [...new Set([...replaces, ...inputs.slice(1).map(({ contentName }) => contentName), superseded])],
    rollup: { dayMs: dateStartMs(partition.date) ?? 0, priority: rollup === null ? {} : priorityOf(rollup) },
  });
  const outcome = await storage.replace({ snapshot, supersededName: superseded, bytes }, options);
  // Another process has replaced it meanwhile; the next run tells whether that one is well.
  if (outcome === 'conflict') return 'found';
  // One that only lacks a rollup answers right, and is swept like any that a compaction replaced.
  if (inspection.faults.some(({ code }) => code !== 'rollup_missing')) {
    await quarantineSuperseded(storage, partition, superseded, inspection, options);
  }
  return 'repaired';
}

/** Until it is swept it would answer for what replaced it, should that be damaged; with its wrong rollup. */
async function quarantineSuperseded(
  storage: Storage,
  partition: Partition,
  superseded: string,
  inspection: Inspection,
  options: CallOptions,
): Promise<void> {
  const snapshot = await storage.snapshot(partition, options);
  try {
    // A storage that replaces in place keeps no old file.
    if (!snapshot.files.some(({ name }) => name === superseded)) return;
    const reason = reasonsOf(inspection);
    await storage.quarantine(snapshot, superseded, `${COMPACTED_NAME} of ${partition.date}: ${reason}`);
  } finally {
    await snapshot.close();
  }
}

/** What is wrong with a file, in one line. */
function reasonsOf({ faults }: Inspection): string {
  return faults.map(({ message }) => message).join('; ');
}

/** What is in a file in quarantine. */
export interface Salvage {
  /** Readings that are stored nowhere else. */
  readonly readings: number;
  /** What of it cannot be read, for people; `null`: nothing. */
  readonly lost: string | null;
}

/** Looks for readings in a file in quarantine that are stored nowhere, and stores them where asked. The file stays. */
export async function salvage(
  storage: Storage,
  { partition, file }: QuarantinedFile,
  repair: boolean,
  options: CallOptions,
): Promise<Salvage> {
  const inspection = await inspectAside(file, partition, options);
  const { opened, isWhole } = inspection;
  const lost = isWhole ? null : reasonsOf(inspection);
  if (opened === null) return { readings: 0, lost };
  let count = 0;
  for (const group of inspection.intact) {
    throwIfAborted(options.signal, 'looking into the quarantine');
    const columns = await insist(() => readGroup(file, partition, opened, group, createYielder().yieldTurn));
    if (columns === null) throw misreadError(file.name, partition);
    const { here, elsewhere } = judgeRows(columns, partition);
    const readings = mergeReadings([takeRows(columns, Uint32Array.from([...here, ...elsewhere]))]);
    const missing = await missingOf(storage, readings, options);
    count += missing.length;
    if (repair && missing.length > 0) await storeByPartition(storage, takeRows(readings, missing), options);
  }
  return { readings: count, lost };
}

/** A file in quarantine is known to be damaged: of two looks the one counts that can read more. */
async function inspectAside(file: StoredFile, partition: Partition, options: CallOptions): Promise<Inspection> {
  const first = await inspectFile(file, partition, options);
  if (first.faults.length === 0) return first;
  const second = await inspectFile(file, partition, options);
  return second.intact.length > first.intact.length || second.faults.length === 0 ? second : first;
}

/** Reads once more what cannot be read, before it counts as damaged. @returns `null` where it is. */
async function insist<T>(read: () => Promise<T>): Promise<T | null> {
  return (await read().catch(nullIfDamaged)) ?? (await read().catch(nullIfDamaged));
}

/** The rows of merged readings that are stored neither in their own partitions nor in parts of several users. */
async function missingOf(storage: Storage, readings: ReadingColumns, options: CallOptions): Promise<Uint32Array> {
  const missing = new Map<string, number>();
  for (let row = 0; row < readings.length; row += 1) missing.set(textOf(readings, row), row);
  const homes = rowsByPartition(readings, Uint32Array.from(missing.values())).map(({ partition }) => partition);
  const dates = [...new Set(homes.map(({ date }) => date))];
  const shared = dates.map((date) => ({ date, directory: SHARED_DIRECTORY }));
  const times = readings.timestampMs;
  const [fromMs, lastMs] = times.reduce(([low, high], ms) => [Math.min(low, ms), Math.max(high, ms)], [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as [number, number]);
  for (const partition of [...shared, ...homes]) {
    if (missing.size === 0) break;
    await overSnapshot(storage, partition, options, async (snapshot) => {
      for await (const columns of storedTables(snapshot, { fromMs, lastMs })) {
        for (let row = 0; row < columns.length; row += 1) {
          const key = textOf(columns, row);
          const at = missing.get(key);
          if (at !== undefined && isAtLeast(columns, row, readings, at)) missing.delete(key);
        }
      }
    });
  }
  return Uint32Array.from(missing.values());
}

/** What is stored in a partition and can be read, a row group at a time. */
async function* storedTables(
  { partition, files }: Snapshot,
  { fromMs, lastMs }: { fromMs: number; lastMs: number },
): AsyncGenerator<ReadingColumns> {
  for (const file of files) {
    const inspection = await openReadable(file, partition);
    for (const group of inspection?.footer.groups ?? []) {
      if (inspection === null || group.lastMs < fromMs || group.fromMs > lastMs) continue;
      const columns = await insist(() => readGroup(file, partition, inspection, group, createYielder().yieldTurn));
      if (columns !== null) yield columns;
    }
  }
}

function openReadable(file: Snapshot['files'][number], partition: Partition): Promise<OpenedFile | null> {
  return insist(() => openFile(file, partition));
}

/** Ids have no control characters. */
function textOf(columns: ReadingColumns, row: number): string {
  const { user, device, timestampMs } = keyAt(columns, row);
  return `${user}\n${device}\n${timestampMs}`;
}

/** Whether a stored reading stands for another of its key, by rule 1. */
function isAtLeast(stored: ReadingColumns, row: number, readings: ReadingColumns, at: number): boolean {
  const minutes = (stored.receivedMinute[row] as number) - (readings.receivedMinute[at] as number);
  const bpm = (stored.heartRate[row] as number) - (readings.heartRate[at] as number);
  return minutes > 0 || (minutes === 0 && bpm >= 0);
}
