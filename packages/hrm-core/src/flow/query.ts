import { HrmError, isHrmError, throwIfAborted } from '../errors.js';
import { MAX_SNAPSHOT_ATTEMPTS } from '../limits.js';
import { decodeFile } from '../parquet/decode.js';
import type { CallOptions } from '../ports/queue.js';
import { COMPACTED_NAME, type Partition, type Storage } from '../ports/storage.js';
import { answerRows, type Question, type Row, selectReadings } from '../pure/answer.js';
import type { ReadingColumns } from '../pure/columns.js';
import { mergeReadings } from '../pure/merge.js';
import { partitionDate, userDirectory } from '../pure/partition.js';
import { parseQuestion, type QuestionInput } from '../pure/question.js';
import type { NaiveTimestamps } from '../pure/timestamp.js';

/** What `query` works on. */
export interface QueryComponents {
  readonly storage: Storage;
}

/** How a question is taken. */
export interface QueryOptions extends CallOptions {
  /** What a `start` or `end` without an offset means; default `reject`. */
  readonly naiveTimestamps?: NaiveTimestamps | undefined;
  /** Faults name the fields as the wire spells them (`/user_id`); default false. */
  readonly wireNames?: boolean | undefined;
}

/**
 * Answers "what was this heart rate, minute by minute": one row an interval that has readings, ascending.
 *
 * Of one device's readings at one millisecond the latest received counts (rule 1); of different devices' at exactly the
 * same millisecond the one with the best priority (rule 2), unless `deviceId` asks for one device. Readings still queued
 * are not in the answer.
 *
 * @throws HrmError kind `invalid`, code `invalid_query`, with every fault; kind `data` when a file cannot be read;
 *   kind `unavailable` when the storage cannot now; kind `closed` when aborted.
 * @example
 * const rows = await query({ storage }, {
 *   userId: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z', interval: '1h',
 * });
 */
export async function query(
  components: QueryComponents,
  question: QuestionInput,
  options: QueryOptions = {},
): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const day of queryDays(components, question, options)) for (const row of day) rows.push(row);
  return rows;
}

/**
 * The same answer day by day, for ranges too long to hold: yields the rows of one UTC day at a time, ascending, and no
 * empty days. Nothing is read ahead, so a caller that stops early costs no more.
 *
 * @throws as {@link query}; an invalid question at once, not at the first row.
 */
export function queryDays(
  { storage }: QueryComponents,
  input: QuestionInput,
  { signal, naiveTimestamps = 'reject', wireNames = false }: QueryOptions = {},
): AsyncGenerator<readonly Row[], void, undefined> {
  return answerDays(storage, parseQuestion(input, { naiveTimestamps, wireNames }), { signal });
}

async function* answerDays(storage: Storage, question: Question, options: CallOptions) {
  throwIfAborted(options.signal, 'the query');
  if (question.fromMs === question.toMs) return;
  const range = {
    fromDate: partitionDate(question.fromMs),
    toDate: partitionDate(question.toMs - 1),
    directory: userDirectory(question.userId),
  };
  for await (const partition of storage.partitions(range, options)) {
    throwIfAborted(options.signal, 'the query');
    const rows = answerRows(await readPartition(storage, partition, question, options), question);
    if (rows.length > 0) yield rows;
  }
}

async function readPartition(storage: Storage, partition: Partition, question: Question, options: CallOptions) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readSnapshot(storage, partition, question, options);
    } catch (error) {
      // A storage that cannot hold a replaced file open says so; what replaced it is in the next snapshot.
      if (!isHrmError(error) || error.code !== 'file_gone') throw error;
      if (attempt === MAX_SNAPSHOT_ATTEMPTS) throw contendedError(error);
    }
  }
}

async function readSnapshot(storage: Storage, partition: Partition, question: Question, options: CallOptions) {
  const snapshot = await storage.snapshot(partition, options);
  try {
    const tables: ReadingColumns[] = [];
    const replaced = new Set<string>();
    for (const file of snapshot.files) {
      // The compacted file comes first, and names the parts whose readings are all in it.
      if (replaced.has(file.name)) continue;
      const { columns, replaces } = await decodeFile(file, partition);
      if (file.name === COMPACTED_NAME) for (const name of replaces) replaced.add(name);
      tables.push(selectReadings(columns, question));
    }
    return mergeReadings(tables);
  } finally {
    await snapshot.close();
  }
}

function contendedError(cause: unknown): HrmError {
  return new HrmError('the files of a partition were replaced faster than they could be read: try again', {
    kind: 'unavailable',
    code: 'snapshot_contended',
    cause,
  });
}
