/**
 * One user's readings as one Parquet file of the contract's layout, made piece by piece.
 *
 * The file is sorted by device first, so its devices are found by a first pass over the days, and each is then read by
 * itself over the days that have it. So a range of any length takes the memory of some row groups; row groups of one
 * device, which all large files have, are read once.
 */
import { DEFAULTS } from '../../defaults.js';
import { throwIfAborted } from '../../errors.js';
import { DAY_MS, MAX_ANSWER_ROWS, MINUTE_MS } from '../../limits.js';
import { createEncoder } from '../../parquet/encode.js';
import type { RowGroup } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Snapshot, Storage } from '../../ports/storage.js';
import { isOfQuestion } from '../../pure/answer/plan-query.js';
import { parseQuestion, type Question } from '../../pure/answer/question.js';
import { concatSteps, narrowDictionaries, type ReadingColumns, takeRows } from '../../pure/columns.js';
import { mergeYielding } from '../../pure/merge.js';
import { dateStartMs } from '../../pure/partition.js';
import type { Instant, NaiveTimestamps } from '../../pure/reading/timestamp.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { inTurns } from '../../steps.js';
import type { OnDamage } from '../damage/damage.js';
import { readGroups } from '../files/load-file.js';
import { createYielder, type Yielder } from '../files/yielder.js';
import { type DayOptions, daysOf, overPartitions, type ReadContext } from './days.js';
import { findSources } from './load-day.js';

/** Rows that are encoded at once, at least, but for the last ones. */
const MIN_ENCODED_ROWS = 16_384;

/** What `exportReadings` works on. */
export interface ExportComponents {
  readonly storage: Storage;
}

/** Which readings: of one user, over a half-open range. */
export interface ExportInput {
  readonly userId: string;
  /** Inclusive; not before 1970. */
  readonly start: Instant;
  /** Exclusive; at most 3,660 days after `start`. */
  readonly end: Instant;
  /** Only this device's. */
  readonly deviceId?: string | undefined;
}

/** How an export is made. */
export interface ExportOptions extends CallOptions {
  /** What a `start` or `end` without an offset means; default `reject`. */
  readonly naiveTimestamps?: NaiveTimestamps | undefined;
  /** Hears of each file that could not be read, and that the export is therefore made without. */
  readonly onDamage?: OnDamage | undefined;
  /** Hears how many readings were written so far. */
  readonly onProgress?: ((readings: number) => void) | undefined;
}

/**
 * Exports one user's stored readings, of all devices, as rule 1 keeps them: yields the bytes of one Parquet file with the columns
 * and the order of the stored ones. Device priorities play no part. Readings still queued are not in it, and of those
 * stored while it runs some may be. A user of whom nothing is stored gives a file without rows.
 *
 * @throws HrmError kind `invalid`, code `invalid_query`, at once; kind `unavailable` when the storage cannot now; kind
 *   `closed` when aborted. A damaged file is no error: see `onDamage`.
 * @example
 * for await (const bytes of exportReadings({ storage }, { userId: 'ana', start: 0, end: Date.now() })) file.write(bytes);
 */
export function exportReadings(
  { storage }: ExportComponents,
  input: ExportInput,
  { signal, owner, naiveTimestamps = DEFAULTS.naiveTimestamps, onDamage, onProgress }: ExportOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const question = parseQuestion(input, { naiveTimestamps, wireNames: false });
  const yielder = createYielder({ owner });
  const tables = tablesOf(storage, question, { signal, owner, onDamage, yielder });
  return encodeTables(putTogether(tables, yielder), onProgress);
}

/** Each device has a table of its own, which is a row long where there are very many: to encode each by itself takes quadratic time. */
async function* putTogether(tables: AsyncIterable<ReadingColumns>, { yieldTurn }: Yielder) {
  let waiting: ReadingColumns[] = [];
  let rows = 0;
  for await (const table of tables) {
    waiting.push(table);
    rows += table.length;
    if (rows < MIN_ENCODED_ROWS) continue;
    yield await inTurns(concatSteps(waiting), yieldTurn);
    [waiting, rows] = [[], 0];
  }
  if (rows > 0) yield await inTurns(concatSteps(waiting), yieldTurn);
}

async function* encodeTables(tables: AsyncIterable<ReadingColumns>, onProgress: ExportOptions['onProgress']) {
  const encoder = createEncoder({});
  let readings = 0;
  for await (const table of tables) {
    for (const { columns } of encoder.write(table)) {
      readings += columns.length;
      yield encoder.drain();
      onProgress?.(readings);
    }
  }
  for (const { columns } of encoder.flush()) readings += columns.length;
  yield encoder.finish({});
  onProgress?.(readings);
}

/** All readings in the order of the file. */
async function* tablesOf(storage: Storage, question: Question, options: DayOptions) {
  const daysOfDevice = await findDevices(storage, question, options);
  for (const deviceId of [...daysOfDevice.keys()].sort(compareUtf8)) {
    for (const partitions of daysOfDevice.get(deviceId) ?? []) {
      throwIfAborted(options.signal, 'the export');
      const dayMs = dateStartMs(partitions[0]?.date ?? '') ?? 0;
      const fromMs = Math.max(question.fromMs, dayMs);
      const toMs = Math.min(question.toMs, dayMs + DAY_MS);
      yield* readRange(storage, partitions, { ...question, deviceId, fromMs, toMs }, options);
    }
  }
}

/** The devices that have readings in the range, and on which days. */
async function findDevices(storage: Storage, question: Question, options: DayOptions) {
  const daysOfDevice = new Map<string, (readonly Partition[])[]>();
  for await (const partitions of daysOf(storage, question, options)) {
    const devices = await overPartitions(storage, partitions, question, options, async (context, snapshots) => {
      const found = new Set<string>();
      for await (const one of readSources(context, snapshots, question)) {
        if (typeof one === 'string') found.add(one);
        else for (const device of new Set(one.device)) found.add(one.devices[device] as string);
      }
      return found;
    });
    for (const device of devices) {
      if (question.deviceId !== undefined && question.deviceId !== device) continue;
      const days = daysOfDevice.get(device) ?? [];
      daysOfDevice.set(device, days);
      days.push(partitions);
    }
  }
  return daysOfDevice;
}

/** What the sources of a day hold of the range, a row group at a time; where only devices are asked for, a name says all. */
async function* readSources(
  context: ReadContext,
  snapshots: readonly Snapshot[],
  question: Question,
): AsyncGenerator<ReadingColumns | string> {
  const { cache, damage, yielder } = context;
  for (const { file, partition, known } of await findSources(context, snapshots, question)) {
    for (const group of known.footer.groups.filter((one) => mayHave(one, question))) {
      await yielder.yieldTurn();
      const { userId, deviceId, fromMs, lastMs } = group;
      const isInside = fromMs >= question.fromMs && lastMs < question.toMs;
      if (question.deviceId === undefined && userId === question.userId && deviceId !== null && isInside) {
        yield deviceId;
        continue;
      }
      const tables = await damage.read(file, partition, () => readGroups(cache, file, partition, known, [group]));
      for (const table of tables ?? []) yield select(table, question);
    }
  }
}

/** One device's merged readings of a range of a day, in pieces small enough to hold; each has a look of its own. */
async function* readRange(
  storage: Storage,
  partitions: readonly Partition[],
  question: Question,
  options: DayOptions,
): AsyncGenerator<ReadingColumns> {
  const canSplit = question.toMs - question.fromMs > MINUTE_MS;
  const merged = await overPartitions(storage, partitions, question, options, async (context, snapshots) => {
    const tables: ReadingColumns[] = [];
    let rows = 0;
    for await (const table of readSources(context, snapshots, question)) {
      if (typeof table === 'string') continue;
      rows += table.length;
      if (rows > MAX_ANSWER_ROWS && canSplit) return null;
      tables.push(table);
    }
    return await mergeYielding(tables, context.yielder.yieldTurn);
  });
  if (merged !== null) {
    if (merged.length > 0) yield merged;
    return;
  }
  const middleMs = Math.floor((question.fromMs + question.toMs) / 2);
  yield* readRange(storage, partitions, { ...question, toMs: middleMs }, options);
  yield* readRange(storage, partitions, { ...question, fromMs: middleMs }, options);
}

function mayHave(group: RowGroup, question: Question): boolean {
  if (group.lastMs < question.fromMs || group.fromMs >= question.toMs) return false;
  return isOfQuestion(group, question);
}

/** The rows of the question's user, device and range. */
function select(columns: ReadingColumns, { userId, deviceId, fromMs, toMs }: Question): ReadingColumns {
  const user = columns.users.indexOf(userId);
  const device = deviceId === undefined ? null : columns.devices.indexOf(deviceId);
  const rows = new Uint32Array(columns.length);
  let count = 0;
  for (let row = 0; row < columns.length; row += 1) {
    const timestampMs = columns.timestampMs[row] as number;
    if (columns.user[row] !== user || (device !== null && columns.device[row] !== device)) continue;
    if (timestampMs < fromMs || timestampMs >= toMs) continue;
    rows[count] = row;
    count += 1;
  }
  // A row group may have very many devices: those of other rows would be sorted for each of them again.
  return narrowDictionaries(takeRows(columns, rows.subarray(0, count)));
}
