/**
 * One user's readings as one Parquet file of the contract's layout, made piece by piece.
 *
 * The file is sorted by device first, so its devices are found by a first pass over the days, and each is then read by
 * itself over the days that have it. So a range of any length takes the memory of some row groups; row groups of one
 * device, which all large files have, are read once.
 */
import { DEFAULTS } from '../../defaults.js';
import { throwIfAborted } from '../../errors.js';
import { DAY_MS } from '../../limits.js';
import { createEncoder } from '../../parquet/encode.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage } from '../../ports/storage.js';
import { parseQuestion, type Question } from '../../pure/answer/question.js';
import { concatSteps, type ReadingColumns } from '../../pure/columns.js';
import { dateStartMs } from '../../pure/partition.js';
import type { Instant, NaiveTimestamps } from '../../pure/reading/timestamp.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { inTurns } from '../../steps.js';
import type { OnDamage } from '../damage/damage.js';
import { createYielder, type Yielder } from '../files/yielder.js';
import { type DayOptions, daysOf, overPartitions } from './days.js';
import { groupsOf, readRange } from './range-readings.js';

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
  /** Faults name the fields as the wire spells them (`/user_id`); default false. */
  readonly wireNames?: boolean | undefined;
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
  {
    signal,
    owner,
    naiveTimestamps = DEFAULTS.naiveTimestamps,
    wireNames = false,
    onDamage,
    onProgress,
  }: ExportOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const question = parseQuestion(input, { naiveTimestamps, wireNames });
  const yielder = createYielder({ owner });
  const tables = tablesOf(storage, question, { signal, owner, onDamage, yielder });
  return encodeTables(putTogether(tables, yielder), yielder, onProgress);
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

async function* encodeTables(
  tables: AsyncIterable<ReadingColumns>,
  { yieldTurn }: Yielder,
  onProgress: ExportOptions['onProgress'],
) {
  const encoder = createEncoder({});
  let readings = 0;
  for await (const table of tables) {
    await yieldTurn();
    for (const group of encoder.write(table)) {
      await yieldTurn();
      if (group === undefined) continue;
      readings += group.columns.length;
      yield encoder.drain();
      onProgress?.(readings);
    }
  }
  for (const group of encoder.flush()) {
    await yieldTurn();
    readings += group?.columns.length ?? 0;
  }
  yield await inTurns(encoder.finish({}), yieldTurn);
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
      for await (const { group, read } of groupsOf(context, snapshots, question)) {
        const { userId, deviceId, fromMs, lastMs } = group;
        const isInside = fromMs >= question.fromMs && lastMs < question.toMs;
        if (userId === question.userId && deviceId !== null && isInside) {
          found.add(deviceId);
          continue;
        }
        for (const { device, devices } of await read())
          for (const d of new Set(device)) found.add(devices[d] as string);
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
