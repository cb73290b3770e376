import { DEFAULTS } from '../../defaults.js';
import { MAX_ANSWER_ROWS, MAX_DAYS_HELD } from '../../limits.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import { joinCutRows } from '../../pure/answer/cut-rows.js';
import { type DayPart, tablesOf } from '../../pure/answer/day-part.js';
import { parseQuestion, type Question, type QuestionInput } from '../../pure/answer/question.js';
import { type Row, type RowTable, rowsOf } from '../../pure/answer/row-table.js';
import type { NaiveTimestamps } from '../../pure/reading/timestamp.js';
import { atMost } from '../../steps.js';
import type { OnDamage } from '../damage/damage.js';
import { cacheOf } from '../files/file-cache.js';
import { readAhead } from '../files/read-ahead.js';
import { createYielder, type Yielder } from '../files/yielder.js';
import { type RememberedSource, rememberedDaysOf } from './day-memory.js';
import type { QueryLook } from './days.js';
import { answerOneDay, type DayToAnswer } from './read-day.js';

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
  /**
   * Days of a longer range that are read before the one in hand was taken; default as the storage says, see {@link Storage.readAhead}. Of
   * them at most {@link MAX_DAYS_HELD} hold `maxHeldReadings` at once.
   */
  readonly maxDaysAhead?: number | undefined;
  /** What {@link queryLook} found of this very question: what it listed is not listed again. */
  readonly look?: QueryLook | undefined;
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
 * empty days. Rows that go on into the next day, as those of a time zone, come when they are complete. A caller that stops early costs the days that were read ahead.
 *
 * @throws as {@link query}; an invalid question at once, not at the first row.
 */
export function queryDays(
  components: QueryComponents,
  input: QuestionInput,
  options: QueryOptions = {},
): AsyncGenerator<readonly Row[], void, undefined> {
  const question = questionOf(input, options);
  const days = answerDays(components.storage, question, options);
  return question.grid.isWithinDays
    ? rowsOfDays(days, options)
    : rowsOfTables(tablesOfDays(days, question, options), question);
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

async function* rowsOfTables(
  tables: AsyncIterable<RowTable>,
  { grid }: Question,
): AsyncGenerator<readonly Row[], void, undefined> {
  for await (const table of tables) yield rowsOf(table, grid);
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
  const question = questionOf(input, options);
  return tablesOfDays(answerDays(components.storage, question, options), question, options);
}

function tablesOfDays(
  days: AsyncIterable<readonly DayPart[]>,
  { grid }: Question,
  options: CallOptions,
): AsyncGenerator<RowTable, void, undefined> {
  const yielder = createYielder(options);
  const tables = tablesOfParts(days, yielder);
  return grid.isWithinDays ? tables : joinCutRows(tables, yielder.yieldTurn);
}

async function* tablesOfParts(
  days: AsyncIterable<readonly DayPart[]>,
  yielder: Yielder,
): AsyncGenerator<RowTable, void, undefined> {
  for await (const parts of days) {
    for (const table of tablesOf(parts)) {
      yield table;
      await yielder.yieldTurn();
    }
  }
}

/** @throws HrmError kind `invalid`, at once. */
function questionOf(
  input: QuestionInput,
  { naiveTimestamps = DEFAULTS.naiveTimestamps, wireNames = false }: QueryOptions,
): Question {
  return parseQuestion(input, { naiveTimestamps, wireNames });
}

/** A call's options, who hears of damage, and what may be held. */
type AnswerOptions = CallOptions & Pick<QueryOptions, 'onDamage' | 'maxHeldReadings' | 'maxDaysAhead' | 'look'>;

function answerDays(
  storage: Storage,
  question: Question,
  { maxHeldReadings = MAX_ANSWER_ROWS, maxDaysAhead = storage.readAhead ?? 0, look, ...options }: AnswerOptions,
): AsyncGenerator<readonly DayPart[], void, undefined> {
  const yielder = createYielder(options);
  const settings = { maxRows: maxHeldReadings, inTurn: atMost(MAX_DAYS_HELD) };
  async function answer(day: DayToAnswer): Promise<readonly DayPart[]> {
    await yielder.yieldTurn();
    return await answerOneDay(storage, day, question, { ...options, yielder, ...settings });
  }
  const days = rememberedDaysOf<readonly RememberedSource[]>(storage, cacheOf(storage), question, 'sources', options);
  return readAhead<DayToAnswer, readonly DayPart[]>(look?.days ?? days, answer, maxDaysAhead);
}
