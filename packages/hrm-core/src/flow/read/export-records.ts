/**
 * One user's readings as records, day by day: of a day those of a device stand together. So it begins at once, and holds what a day's answer
 * may hold.
 */
import { DEFAULTS } from '../../defaults.js';
import { throwIfAborted } from '../../errors.js';
import { DAY_MS } from '../../limits.js';
import type { Storage } from '../../ports/storage.js';
import { parseQuestion, type Question } from '../../pure/answer/question.js';
import { dateStartMs } from '../../pure/partition.js';
import { type RecordForm, writeRecords } from '../../pure/records/form.js';
import { type RecordTable, recordsOfReadings } from '../../pure/records/table.js';
import { createYielder } from '../files/yielder.js';
import { type DayOptions, daysOf } from './days.js';
import type { ExportComponents, ExportInput, ExportOptions } from './export-readings.js';
import { readRange } from './range-readings.js';

/**
 * Writes one user's stored readings, of all devices, as rule 1 keeps them, in a form of records.
 * @throws HrmError kind `invalid`, code `invalid_query`, at once; kind `unavailable` when the storage cannot now; kind
 *   `closed` when aborted. A damaged file is no error: see `onDamage`.
 */
export function exportRecords(
  { storage }: ExportComponents,
  form: RecordForm,
  input: ExportInput,
  {
    signal,
    owner,
    naiveTimestamps = DEFAULTS.naiveTimestamps,
    wireNames = false,
    onDamage,
    onProgress,
  }: ExportOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const question = parseQuestion(input, { naiveTimestamps, wireNames });
  const yielder = createYielder({ owner });
  const tables = tablesOf(storage, question, { signal, owner, onDamage, yielder }, onProgress);
  const { userId, deviceId } = question;
  return writeRecords(form, { userId, deviceId, intervalMs: null }, tables, yielder);
}

async function* tablesOf(
  storage: Storage,
  question: Question,
  options: DayOptions,
  onProgress: ExportOptions['onProgress'],
): AsyncGenerator<RecordTable, void, undefined> {
  let readings = 0;
  for await (const partitions of daysOf(storage, question, options)) {
    throwIfAborted(options.signal, 'the export');
    const dayMs = dateStartMs(partitions[0]?.date ?? '') ?? 0;
    const fromMs = Math.max(question.fromMs, dayMs);
    const toMs = Math.min(question.toMs, dayMs + DAY_MS);
    for await (const columns of readRange(storage, partitions, { ...question, fromMs, toMs }, options)) {
      yield recordsOfReadings(columns);
      readings += columns.length;
      onProgress?.(readings);
    }
  }
  onProgress?.(readings);
}
