/**
 * One stored file, looked at whole, a row group at a time: what is wrong with it, and what of it can still be read.
 */

import { HrmError, throwIfAborted } from '../../errors.js';
import { DAY_MS, MAX_INSPECTED_ROWS, MINUTE_MS } from '../../limits.js';
import { COMPACTED_NAME, isCompacted } from '../../names.js';
import { readGroup } from '../../parquet/decode.js';
import { type OpenedFile, openFile, type RowGroup } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, StoredFile } from '../../ports/storage.js';
import { concatSteps, type ReadingColumns, sameReadings, takeRows } from '../../pure/columns.js';
import { mergeReadings } from '../../pure/merge.js';
import { dateStartMs, hashInName } from '../../pure/partition.js';
import { countDisorder, judgeRows, keyAt, type ReadingKey } from '../../pure/reading/check-readings.js';
import { priorityOf, sayTheSame } from '../../pure/rollup/compare-rollups.js';
import { rollUpSteps } from '../../pure/rollup/rollup.js';
import { MAX_ROLLUP_DEVICES, mustHaveRollup } from '../../pure/rollup/rollup-size.js';
import { userIn } from '../../pure/user-filter.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { inTurns } from '../../steps.js';
import { contentNameOf, hashFile } from '../files/content-hash.js';
import { isDamage, nullIfDamaged } from '../files/file-damage.js';
import { createYielder } from '../files/yielder.js';

/** Something that is not as it should be. */
interface Fault {
  /** See `VerifyFault`. */
  readonly code: string;
  /** Of the file, for people; without the user: "its rollup is …". */
  readonly message: string;
}

/** A file after a look at all of it. */
export interface Inspection {
  readonly file: StoredFile;
  /** The name by which others say that they hold it, as of a `PlannedFile`. */
  readonly contentName: string;
  readonly faults: readonly Fault[];
  /** `null` where its end cannot be read, and so nothing of it. */
  readonly opened: OpenedFile | null;
  /** Row groups that can be read. */
  readonly intact: readonly RowGroup[];
  /** Every row can be read and is a reading: nothing is lost with the file once they are stored elsewhere. */
  readonly isWhole: boolean;
  /** Rows that can be read. */
  readonly readings: number;
}

/** How a file is looked at. */
export interface InspectOptions extends CallOptions {
  /** Hears of the rows of each row group that count: readings of the partition's user and day; once. */
  readonly onRows?: ((columns: ReadingColumns) => void) | undefined;
}

/** Looks at a file. @throws HrmError where the storage cannot read, kind `closed` when aborted; damage is a fault. */
export async function inspectFile(
  file: StoredFile,
  partition: Partition,
  options: InspectOptions,
): Promise<Inspection> {
  const faults: Fault[] = [];
  const add = (code: string, message: string) => faults.push({ code, message });
  const opened = await openIntact(file, partition, add);
  if (opened === null) {
    return { file, contentName: file.name, faults, opened, intact: [], isWhole: false, readings: 0 };
  }
  if (!(await beginsRight(file))) add('file_damaged', 'it does not begin as a Parquet file');
  const named = await nameByBytes(file);
  const contentName = named ?? file.name;
  if (named !== file.name && hashInName(file.name) !== null) {
    add('wrong_name', 'its name has another hash than its bytes');
  }
  const walked = await walkGroups(file, partition, opened, options);
  const { damaged, invalid, misplaced, disorder, misstated } = walked;
  if (damaged > 0) add('file_damaged', `${damaged} of its ${opened.footer.groups.length} row groups cannot be read`);
  if (invalid > 0) add('invalid_readings', `${invalid} of its rows are no readings: ids or values out of bounds`);
  if (misplaced > 0) add('misplaced', `${misplaced} of its rows belong to another user or day than its path`);
  // Another writer's rows may be in any order, and there as often as it likes.
  const isForeign = opened.footer.checksumKind === 'foreign';
  if (disorder > 0 && !isForeign) add('unsorted', `${disorder} of its rows are out of order, or there twice`);
  if (misstated > 0) add('wrong_statistics', `${misstated} of its row groups have others than their statistics say`);
  const { users, devices, buckets } = walked;
  const isRolledUp = users.size === 1 && mustHaveRollup([...devices], buckets);
  if (faults.length === 0) {
    const fault = await checkRollup(file, partition, opened, isRolledUp, options);
    if (fault !== null) faults.push(fault);
  }
  const isWhole = damaged === 0 && invalid === 0;
  return { file, contentName, faults, opened, intact: walked.intact, isWhole, readings: walked.readings };
}

async function openIntact(
  file: StoredFile,
  partition: Partition,
  add: (code: string, message: string) => void,
): Promise<OpenedFile | null> {
  try {
    return await openFile(file, partition);
  } catch (error) {
    if (!isDamage(error)) throw error;
    add(error.code, error.cause instanceof Error ? error.cause.message : error.message);
    return null;
  }
}

async function beginsRight(file: StoredFile): Promise<boolean> {
  try {
    return Buffer.from(await file.read(0, Math.min(4, file.byteLength))).toString('latin1') === 'PAR1';
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}

/** `null` where not all of it can be read. */
async function nameByBytes(file: StoredFile): Promise<string | null> {
  if (file.name === COMPACTED_NAME) return file.name;
  const sha256 = await hashFile(file, createYielder().yieldTurn).catch(nullIfDamaged);
  return sha256 === null ? null : contentNameOf(file.name, sha256);
}

async function walkGroups(
  file: StoredFile,
  partition: Partition,
  opened: OpenedFile,
  { signal, onRows }: InspectOptions,
) {
  const found = { damaged: 0, invalid: 0, misplaced: 0, disorder: 0, misstated: 0, readings: 0 };
  const intact: RowGroup[] = [];
  const users = new Set<string>();
  const devices = new Set<string>();
  let buckets = 0;
  let last: ReadingKey | null = null;
  for (const group of opened.footer.groups) {
    throwIfAborted(signal, 'verifying');
    const columns = await readGroup(file, partition, opened, group, createYielder().yieldTurn).catch((error) => {
      if (isDamage(error)) return null;
      throw error;
    });
    if (columns === null) {
      found.damaged += 1;
      continue;
    }
    intact.push(group);
    if (columns.length === 0) continue;
    const { here, elsewhere, invalid } = judgeRows(columns, partition);
    onRows?.(here.length === columns.length ? columns : takeRows(columns, here));
    found.readings += columns.length;
    found.invalid += invalid;
    found.misplaced += elsewhere.length;
    found.disorder += countDisorder(columns, last);
    found.misstated += agrees(group, columns) && areIn(opened.footer.userFilter, columns) ? 0 : 1;
    buckets += countBuckets(columns);
    last = keyAt(columns, columns.length - 1);
    // More are as good as many, and ids take memory.
    for (const user of columns.users) if (users.size < 2) users.add(user);
    for (const device of columns.devices) if (devices.size <= MAX_ROLLUP_DEVICES) devices.add(device);
  }
  return { ...found, intact, users, devices, buckets };
}

/** Minutes of all devices that have readings in a row group; one that goes on in the next is counted twice. */
function countBuckets({ timestampMs, device, length }: ReadingColumns): number {
  let count = 0;
  let last = { device: -1, minute: -1 };
  for (let row = 0; row < length; row += 1) {
    const current = { device: device[row] as number, minute: Math.floor((timestampMs[row] as number) / MINUTE_MS) };
    if (current.device !== last.device || current.minute !== last.minute) count += 1;
    last = current;
  }
  return count;
}

/** Whether a row group's statistics, by which it is skipped, hold of its rows; another writer's are not looked at. */
function agrees(group: RowGroup, columns: ReadingColumns): boolean {
  if (group.foreign !== undefined) return true;
  const { fromMs, lastMs, userId, userBounds, deviceId } = group;
  const { timestampMs, users, devices } = columns;
  const [first, last] = userBounds ?? [];
  if (first !== undefined && compareUtf8(users[0] as string, first) < 0) return false;
  if (last !== undefined && compareUtf8(users.at(-1) as string, last) > 0) return false;
  if (userId !== null && (users.length > 1 || users[0] !== userId)) return false;
  if (deviceId !== null && (devices.length > 1 || devices[0] !== deviceId)) return false;
  return timestampMs.every((ms) => ms >= fromMs && ms <= lastMs);
}

/** Whether all users of some rows are in a filter, by which a shared part is skipped. */
function areIn(filter: Uint8Array | null, { users }: ReadingColumns): boolean {
  return filter === null || users.every((user) => userIn(user)(filter));
}

/** Compares a rollup with one made anew under its own order, some minutes at a time. */
async function checkRollup(
  file: StoredFile,
  partition: Partition,
  opened: OpenedFile,
  isRolledUp: boolean,
  { signal }: CallOptions,
): Promise<Fault | null> {
  const { rollup, rollupFault, groups, rows, hasFurtherColumns, isMasked } = opened.footer;
  // It is made anew, since it may have what is erased: its rollup says nothing.
  if (isMasked) return null;
  if (rollupFault !== null) return { code: 'wrong_rollup', message: rollupFault };
  if (rollup === null) {
    // To make one the file would be written anew, without its further columns.
    if (!isCompacted(file.name) || !isRolledUp || rows === 0 || hasFurtherColumns) return null;
    return { code: 'rollup_missing', message: 'it has no rollup' };
  }
  const dayMs = dateStartMs(partition.date) ?? 0;
  for (const range of slicesOf(rows)) {
    throwIfAborted(signal, 'verifying');
    const slice = await readSlice({ file, opened, intact: groups }, partition, range).catch(nullIfDamaged);
    if (slice === null)
      return { code: 'file_damaged', message: 'a row group was read well before, and is damaged now' };
    const merged = mergeReadings([slice]);
    const made = await inTurns(rollUpSteps(merged, dayMs, priorityOf(rollup)), createYielder().yieldTurn);
    if (!sayTheSame(rollup, made, range)) {
      return { code: 'wrong_rollup', message: 'its rollup does not agree with its readings' };
    }
  }
  return null;
}

/** Minutes of the day in ranges that have few enough rows to be held. */
function slicesOf(rows: number): { from: number; to: number }[] {
  const dayMinutes = DAY_MS / MINUTE_MS;
  const width = Math.max(1, Math.floor(dayMinutes / Math.ceil(Math.max(1, rows) / MAX_INSPECTED_ROWS)));
  const slices: { from: number; to: number }[] = [];
  for (let from = 0; from < dayMinutes; from += width) slices.push({ from, to: Math.min(dayMinutes, from + width) });
  return slices;
}

/** The readings of some minutes of the day. */
async function readSlice(
  { file, opened, intact }: Pick<Inspection, 'file' | 'intact'> & { readonly opened: OpenedFile },
  partition: Partition,
  { from, to }: { from: number; to: number },
): Promise<ReadingColumns> {
  const dayMs = dateStartMs(partition.date) ?? 0;
  const [fromMs, toMs] = [dayMs + from * MINUTE_MS, dayMs + to * MINUTE_MS];
  const tables: ReadingColumns[] = [];
  for (const group of intact) {
    if (group.lastMs < fromMs || group.fromMs >= toMs) continue;
    const columns = await readGroup(file, partition, opened, group, createYielder().yieldTurn);
    const rows: number[] = [];
    for (const [row, ms] of columns.timestampMs.entries()) if (ms >= fromMs && ms < toMs) rows.push(row);
    tables.push(rows.length === columns.length ? columns : takeRows(columns, Uint32Array.from(rows)));
  }
  return await inTurns(concatSteps(tables), createYielder().yieldTurn);
}

/**
 * Whether all readings of a file, by rule 1, are in another that says it replaces it.
 * @throws HrmError kind `internal` where either cannot be read: ask only of those that can.
 */
export async function isContained(old: Inspection, inside: Inspection, partition: Partition): Promise<boolean> {
  if (old.opened === null || inside.opened === null) {
    throw new HrmError('a file that cannot be read was to be compared', { kind: 'internal', code: 'unread_file' });
  }
  for (const range of slicesOf(old.readings + inside.readings)) {
    const ofOld = await readSlice({ ...old, opened: old.opened }, partition, range);
    if (ofOld.length === 0) continue;
    const own = mergeReadings([await readSlice({ ...inside, opened: inside.opened }, partition, range)]);
    if (!sameReadings(mergeReadings([own, ofOld]), own)) return false;
  }
  return true;
}
