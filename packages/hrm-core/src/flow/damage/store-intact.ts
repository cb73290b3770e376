/**
 * What can be read of a file, stored as files of its own, where it belongs: before the file is set aside.
 */

import { throwIfAborted } from '../../errors.js';
import { MAX_INSPECTED_ROWS } from '../../limits.js';
import { readGroup } from '../../parquet/decode.js';
import { openFile } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage, StoredFile } from '../../ports/storage.js';
import { concatSteps, type ReadingColumns, takeRows } from '../../pure/columns.js';
import { mergeReadings } from '../../pure/merge.js';
import { judgeRows } from '../../pure/reading/check-readings.js';
import { inTurns } from '../../steps.js';
import { nullIfDamaged } from '../files/file-damage.js';
import { storePart, storeParts } from '../files/store-parts.js';
import { createYielder } from '../files/yielder.js';

/**
 * Stores the readings of the row groups that can be read; of a file whose end cannot be, nothing can. To store the same again, or what
 * is stored elsewhere too, is harmless.
 * @throws HrmError where it cannot be stored now, kind `closed` when aborted.
 */
export async function storeIntact(
  storage: Storage,
  partition: Partition,
  file: StoredFile,
  options: CallOptions = {},
): Promise<void> {
  for await (const table of intactTables(file, partition, options)) {
    const { here, elsewhere } = judgeRows(table, partition);
    if (here.length > 0) {
      await storePart(storage, partition, mergeReadings([takeRows(table, here)]), options);
    }
    if (elsewhere.length > 0) await storeByPartition(storage, takeRows(table, elsewhere), options);
  }
}

/** Stores readings in their users' partitions. @throws HrmError where one of them cannot be stored. */
export async function storeByPartition(storage: Storage, columns: ReadingColumns, options: CallOptions): Promise<void> {
  const { failed } = await storeParts(storage, columns, options);
  for (const { error } of failed) throw error;
}

/** Some row groups at a time. */
async function* intactTables(file: StoredFile, partition: Partition, { signal }: CallOptions) {
  const opened = await openFile(file, partition).catch(nullIfDamaged);
  const yielder = createYielder();
  let tables: ReadingColumns[] = [];
  let rows = 0;
  for (const group of opened?.footer.groups ?? []) {
    throwIfAborted(signal, 'storing what can be read');
    if (rows > 0 && rows + group.rows > MAX_INSPECTED_ROWS) {
      yield await inTurns(concatSteps(tables), yielder.yieldTurn);
      [tables, rows] = [[], 0];
    }
    const columns =
      opened === null ? null : await readGroup(file, partition, opened, group, yielder.yieldTurn).catch(nullIfDamaged);
    await yielder.yieldTurn();
    if (columns === null) continue;
    tables.push(columns);
    rows += group.rows;
  }
  if (rows > 0) yield await inTurns(concatSteps(tables), yielder.yieldTurn);
}
