/**
 * One user's readings of a range of a day, merged, in pieces small enough to hold.
 */
import { MAX_ANSWER_ROWS, MINUTE_MS } from '../../limits.js';
import type { RowGroup } from '../../parquet/footer.js';
import type { Partition, Snapshot, Storage } from '../../ports/storage.js';
import { isOfQuestion } from '../../pure/answer/plan-query.js';
import type { Question } from '../../pure/answer/question.js';
import { narrowDictionaries, type ReadingColumns, takeRows } from '../../pure/columns.js';
import { mergeYielding } from '../../pure/merge.js';
import { readGroups } from '../files/load-file.js';
import { type DayOptions, overPartitions, type ReadContext } from './days.js';
import { findSources } from './load-day.js';

/** A row group that may have readings of a question. */
export interface AskedGroup {
  readonly group: RowGroup;
  /** Its readings of the question's user, device and range; nothing of a file that is damaged. */
  read(): Promise<readonly ReadingColumns[]>;
}

/** The row groups of a day that may have readings of a question. */
export async function* groupsOf(
  context: ReadContext,
  snapshots: readonly Snapshot[],
  question: Question,
): AsyncGenerator<AskedGroup> {
  const { cache, damage, yielder } = context;
  for (const { file, partition, known } of await findSources(context, snapshots, question)) {
    for (const group of known.footer.groups.filter((one) => mayHave(one, question))) {
      await yielder.yieldTurn();
      yield {
        group,
        async read() {
          const tables = await damage.read(file, partition, () => readGroups(cache, file, partition, known, [group]));
          return (tables ?? []).map((table) => select(table, question));
        },
      };
    }
  }
}

/** The merged readings of a range of a day, of one device or of all, in pieces small enough to hold; each has a look of its own. */
export async function* readRange(
  storage: Storage,
  partitions: readonly Partition[],
  question: Question,
  options: DayOptions,
): AsyncGenerator<ReadingColumns> {
  const canSplit = question.toMs - question.fromMs > MINUTE_MS;
  const merged = await overPartitions(storage, partitions, question, options, async (context, snapshots) => {
    const tables: ReadingColumns[] = [];
    let rows = 0;
    for await (const { read } of groupsOf(context, snapshots, question)) {
      for (const table of await read()) {
        rows += table.length;
        tables.push(table);
      }
      if (rows > MAX_ANSWER_ROWS && canSplit) return null;
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
