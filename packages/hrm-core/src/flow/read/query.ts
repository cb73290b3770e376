import { createHash } from 'node:crypto';
import { DEFAULTS } from '../../defaults.js';
import { MAX_ANSWER_ROWS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Snapshot, Storage } from '../../ports/storage.js';
import { type DayPart, tablesOf } from '../../pure/answer/day-part.js';
import { parseQuestion, type Question, type QuestionInput } from '../../pure/answer/question.js';
import { type Row, type RowTable, rowsOf } from '../../pure/answer/row-table.js';
import { mergeYielding } from '../../pure/merge.js';
import type { NaiveTimestamps } from '../../pure/reading/timestamp.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { collectYielding } from '../../steps.js';
import type { OnDamage } from '../damage/damage.js';
import { createYielder } from '../files/yielder.js';
import { type DayOptions, daysOf, overPartitions } from './days.js';
import { findShares } from './load-day.js';
import { readDay } from './read-day.js';

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
  /**
   * Hears of each file that could not be read, and that the answer was therefore made without. Where the storage can, the
   * file was set aside.
   */
  readonly onDamage?: OnDamage | undefined;
  /**
   * How many readings are held at once, about; default 131,072. A day of which more have to be read is answered in pieces: what
   * is answered does not depend on it.
   */
  readonly maxHeldReadings?: number | undefined;
}

/**
 * Answers "what was this heart rate, minute by minute": one row an interval that has readings, ascending.
 *
 * Of one device's readings at one millisecond the latest received counts (rule 1); of different devices' at exactly the
 * same millisecond the one with the best priority (rule 2), unless `deviceId` asks for one device. Readings still queued
 * are not in the answer.
 *
 * @throws HrmError kind `invalid`, code `invalid_query`, with every fault; kind `unavailable` when the
 *   storage cannot now; kind `closed` when aborted. A damaged file is no error: see `onDamage`.
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
  return rowsOfDays(daysOfAnswer(components, input, options), options);
}

async function* rowsOfDays(
  days: AsyncIterable<readonly DayPart[]>,
  options: CallOptions,
): AsyncGenerator<readonly Row[], void, undefined> {
  const yielder = createYielder(options);
  for await (const parts of days) {
    const rows: Row[] = [];
    for (const table of tablesOf(parts)) {
      for (const row of rowsOf(table)) rows.push(row);
      await yielder.yieldTurn();
    }
    if (rows.length > 0) yield rows;
  }
}

/**
 * The same answer as columns, a day at a time, or less of one whose rows name very many devices: what writing it out goes by, since a
 * year of minutes is half a million rows.
 * @throws as {@link queryDays}.
 */
export function queryTables(
  components: QueryComponents,
  input: QuestionInput,
  options: QueryOptions = {},
): AsyncGenerator<RowTable, void, undefined> {
  return tablesOfDays(daysOfAnswer(components, input, options), options);
}

async function* tablesOfDays(
  days: AsyncIterable<readonly DayPart[]>,
  options: CallOptions,
): AsyncGenerator<RowTable, void, undefined> {
  const yielder = createYielder(options);
  for await (const parts of days) {
    for (const table of tablesOf(parts)) {
      yield table;
      await yielder.yieldTurn();
    }
  }
}

/** @throws HrmError kind `invalid`, at once. */
function daysOfAnswer(
  { storage }: QueryComponents,
  input: QuestionInput,
  {
    signal,
    owner,
    naiveTimestamps = DEFAULTS.naiveTimestamps,
    wireNames = false,
    onDamage,
    maxHeldReadings,
  }: QueryOptions,
): AsyncGenerator<readonly DayPart[], void, undefined> {
  const question = parseQuestion(input, { naiveTimestamps, wireNames });
  return answerDays(storage, question, { signal, owner, onDamage, maxHeldReadings });
}

/**
 * A tag of an answer: it changes whenever the files that the answer is made of, the question or its priorities do. By the
 * names and versions of the user's own files, which are not read, and by what shared parts hold of the user: their names would
 * tell when others send something. An answer that is read after its tag was taken may be made of more than the tag says, never of
 * less, so who keeps both is told to ask again rather than left with what is stale.
 * @returns 32 hex digits.
 * @throws as {@link queryDays}.
 */
export async function queryTag(
  { storage }: QueryComponents,
  input: QuestionInput,
  { signal, owner, naiveTimestamps = DEFAULTS.naiveTimestamps, wireNames = false }: QueryOptions = {},
): Promise<string> {
  const question = parseQuestion(input, { naiveTimestamps, wireNames });
  const { userId, deviceId, fromMs, toMs, intervalMs, priority } = question;
  const ranks = Object.entries(priority).sort(([a], [b]) => compareUtf8(a, b));
  const hash = createHash('sha256').update(JSON.stringify([userId, deviceId ?? null, fromMs, toMs, intervalMs, ranks]));
  const yielder = createYielder({ owner });
  for await (const partitions of daysOf(storage, question, { signal, owner })) {
    await yielder.yieldTurn();
    // In this order: what is split off meanwhile is in the user's own before it is gone from the shared one.
    for (const partition of partitions) {
      const isShared = partition.directory === SHARED_DIRECTORY;
      const facts = isShared
        ? await sharesOf(storage, partition, question, { signal, yielder })
        : await versionsOf(storage, partition, { signal, yielder });
      // A day on which only others have something is none of the answer's.
      if (facts.length === 0) continue;
      hash.update(`[${JSON.stringify(partition.date)},${isShared},[`);
      for (let from = 0; from < facts.length; from += FACTS_A_PIECE) {
        const some = facts.slice(from, from + FACTS_A_PIECE).map((fact) => JSON.stringify(fact));
        hash.update(`${from === 0 ? '' : ','}${some.join()}`);
        await yielder.yieldTurn();
      }
      hash.update(']]');
    }
  }
  return hash.digest('hex').slice(0, 32);
}

/** Names or readings that a tag is made of before others have a turn: a millisecond's work or two. */
const FACTS_A_PIECE = 1_024;

/** Names and versions of the user's own files. */
async function versionsOf(storage: Storage, partition: Partition, { signal, yielder }: DayOptions): Promise<unknown[]> {
  const { yieldTurn } = yielder;
  const versions = await storage.versions(partition, { signal, yieldTurn });
  return await collectYielding(versions, ({ name, version }) => [name, version], yieldTurn);
}

/** The readings that shared parts hold of the question's user, however they are spread over them, and names of those that cannot be read. */
async function sharesOf(
  storage: Storage,
  partition: Partition,
  question: Question,
  options: DayOptions,
): Promise<unknown[]> {
  const { yieldTurn } = options.yielder;
  const slices = await overPartitions(storage, [partition], question, options, ({ cache }, snapshots) =>
    findShares(cache, snapshots[0] as Snapshot, question),
  );
  const { length, devices, device, timestampMs, heartRate, receivedMinute } = await mergeYielding(
    slices.flatMap(({ columns }) => columns ?? []),
    yieldTurn,
  );
  const facts: unknown[] = slices.flatMap(({ name, columns }) => (columns === null ? name : []));
  for (let row = 0; row < length; row += 1) {
    if (row % FACTS_A_PIECE === 0) await yieldTurn();
    facts.push([devices[device[row] as number], timestampMs[row], heartRate[row], receivedMinute[row]]);
  }
  return facts;
}

/** A call's options, who hears of damage, and what may be held. */
type AnswerOptions = CallOptions & Pick<QueryOptions, 'onDamage' | 'maxHeldReadings'>;

async function* answerDays(
  storage: Storage,
  question: Question,
  { maxHeldReadings = MAX_ANSWER_ROWS, ...options }: AnswerOptions,
): AsyncGenerator<readonly DayPart[], void, undefined> {
  const yielder = createYielder(options);
  for await (const partitions of daysOf(storage, question, options)) {
    await yielder.yieldTurn();
    const dayOptions = { ...options, yielder };
    yield await overPartitions(storage, partitions, question, dayOptions, (context, snapshots) =>
      readDay(context, snapshots, question, { maxRows: maxHeldReadings }),
    );
  }
}
