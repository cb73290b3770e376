import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HrmError, isHrmError, throwIfAborted } from '../errors.js';
import { MAX_CONCURRENT_READS, MAX_SNAPSHOT_ATTEMPTS, MAX_TURN_MS } from '../limits.js';
import type { RowGroup } from '../parquet/footer.js';
import type { CallOptions } from '../ports/queue.js';
import { COMPACTED_NAME, type Partition, type Storage, type StoredFile } from '../ports/storage.js';
import { answerDay } from '../pure/answer.js';
import type { ReadingColumns } from '../pure/columns.js';
import { mergeReadings } from '../pure/merge.js';
import { dateStartMs, partitionDate, userDirectory } from '../pure/partition.js';
import { planDay, selectReadings } from '../pure/plan-query.js';
import { parseQuestion, type Question, type QuestionInput } from '../pure/question.js';
import { type Row, type RowTable, rowsOf } from '../pure/row-table.js';
import type { NaiveTimestamps } from '../pure/timestamp.js';
import { compareUtf8 } from '../pure/utf8.js';
import { cacheOf } from './file-cache.js';
import { type KnownFile, knowFile, readGroups } from './known-file.js';

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
  components: QueryComponents,
  input: QuestionInput,
  options: QueryOptions = {},
): AsyncGenerator<readonly Row[], void, undefined> {
  return rowsOfDays(queryTables(components, input, options));
}

async function* rowsOfDays(tables: AsyncIterable<RowTable>) {
  for await (const table of tables) yield rowsOf(table);
}

/**
 * The same answer day by day, as columns: what writing it out goes by, since a year of minutes is half a million rows.
 * @throws as {@link queryDays}.
 */
export function queryTables(
  { storage }: QueryComponents,
  input: QuestionInput,
  { signal, naiveTimestamps = 'reject', wireNames = false }: QueryOptions = {},
): AsyncGenerator<RowTable, void, undefined> {
  return answerDays(storage, parseQuestion(input, { naiveTimestamps, wireNames }), { signal });
}

/**
 * A tag of an answer: it changes whenever the files that the answer is made of, the question or its priorities do. By the
 * names and versions of the files alone; none is read. An answer that is read after its tag was taken may be made of more than
 * the tag says, never of less, so who keeps both is told to ask again rather than left with what is stale.
 * @returns 32 hex digits.
 * @throws as {@link queryDays}, a damaged file excepted.
 */
export async function queryTag(
  { storage }: QueryComponents,
  input: QuestionInput,
  { signal, naiveTimestamps = 'reject', wireNames = false }: QueryOptions = {},
): Promise<string> {
  const question = parseQuestion(input, { naiveTimestamps, wireNames });
  const { userId, deviceId, fromMs, toMs, intervalMs, priority } = question;
  const ranks = Object.entries(priority).sort(([a], [b]) => compareUtf8(a, b));
  const hash = createHash('sha256').update(JSON.stringify([userId, deviceId ?? null, fromMs, toMs, intervalMs, ranks]));
  for await (const partition of partitionsOf(storage, question, { signal })) {
    const files = await storage.versions(partition, { signal });
    hash.update(JSON.stringify([partition.date, files.map(({ name, version }) => [name, version])]));
  }
  return hash.digest('hex').slice(0, 32);
}

async function* answerDays(storage: Storage, question: Question, options: CallOptions) {
  for await (const partition of partitionsOf(storage, question, options)) {
    const table = await readPartition(storage, partition, question, options);
    if (table.length > 0) yield table;
  }
}

/** The partitions that a question is about, with a turn for everybody else in between. */
async function* partitionsOf(storage: Storage, question: Question, options: CallOptions) {
  throwIfAborted(options.signal, 'the query');
  if (question.fromMs === question.toMs) return;
  const range = {
    fromDate: partitionDate(question.fromMs),
    toDate: partitionDate(question.toMs - 1),
    directory: userDirectory(question.userId),
  };
  let turnMs = performance.now();
  for await (const partition of storage.partitions(range, options)) {
    throwIfAborted(options.signal, 'the query');
    yield partition;
    // What is known is answered without waiting for anything, and a year of it would hold up every other request.
    if (performance.now() - turnMs < MAX_TURN_MS) continue;
    await nextTurn();
    turnMs = performance.now();
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
  const cache = cacheOf(storage);
  const dayMs = dateStartMs(partition.date) ?? 0;
  const snapshot = await storage.snapshot(partition, options);
  try {
    const files = await knowFiles(snapshot.files, (file) => knowFile(cache, file, partition, question.priority));
    const plan = planDay<RowGroup>(
      files.map(({ known: { rollup, footer } }) => ({ rollup, groups: footer.groups })),
      question,
      dayMs,
    );
    const tables: ReadingColumns[] = [];
    for (const [f, { file, known }] of files.entries()) {
      for (const table of await readGroups(cache, file, partition, known, plan.reads[f] ?? [])) {
        tables.push(selectReadings(table, question, plan.source, dayMs));
      }
    }
    const rollups = files.map(({ known: { rollup } }) => ({ rollup }));
    return answerDay(rollups, plan, mergeReadings(tables), question, dayMs);
  } finally {
    await snapshot.close();
  }
}

/** What is known of the files that count: the compacted one names the parts whose readings are all in it. */
async function knowFiles(files: readonly StoredFile[], know: (file: StoredFile) => Promise<KnownFile>) {
  const [first] = files;
  if (first === undefined) return [];
  const compacted = first.name === COMPACTED_NAME ? [{ file: first, known: await know(first) }] : [];
  const replaced = new Set(compacted.flatMap(({ known }) => known.footer.replaces));
  const parts = files.filter(({ name }) => name !== COMPACTED_NAME && !replaced.has(name));
  const known = [];
  for (let from = 0; from < parts.length; from += MAX_CONCURRENT_READS) {
    const some = parts.slice(from, from + MAX_CONCURRENT_READS);
    known.push(...(await Promise.all(some.map(async (file) => ({ file, known: await know(file) })))));
  }
  return [...compacted, ...known];
}

function contendedError(cause: unknown): HrmError {
  return new HrmError('the files of a partition were replaced faster than they could be read: try again', {
    kind: 'unavailable',
    code: 'snapshot_contended',
    cause,
  });
}
