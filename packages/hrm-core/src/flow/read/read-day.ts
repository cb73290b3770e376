/**
 * The answer about one user's day: from rollups where they hold, else from readings, of which a bounded number is held at once.
 */
import { isGone } from '../../errors.js';
import { DAY_MS, MINUTE_MS } from '../../limits.js';
import type { RowGroup } from '../../parquet/footer.js';
import type { Storage } from '../../ports/storage.js';
import { answerDay } from '../../pure/answer/answer.js';
import type { DayPart } from '../../pure/answer/day-part.js';
import { countReads, type DayPlan, type PlannedFile, planDay, selectReadings } from '../../pure/answer/plan-query.js';
import type { Question } from '../../pure/answer/question.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { mergeYielding } from '../../pure/merge.js';
import { dateStartMs } from '../../pure/partition.js';
import { collectYielding } from '../../steps.js';
import { watchDamage } from '../damage/damage-watch.js';
import { cacheOf } from '../files/file-cache.js';
import { readGroups } from '../files/load-file.js';
import { type RememberedDay, type RememberedSource, recallSources, toRemember } from './day-memory.js';
import { type DayOptions, overPartitions, type ReadContext, type SeenDay } from './days.js';
import { findSources, type Source } from './load-day.js';

/** How a day is answered. */
export interface DaySettings {
  /** Readings held at once, about, but for those of one row group or minute. */
  readonly maxRows: number;
  /** Waits until so few others hold readings. */
  readonly inTurn: <T>(call: () => Promise<T>) => Promise<T>;
}

/** A day that is to be answered: its partitions, and what is known of it, which is remembered, or was seen a moment ago. */
export type DayToAnswer = RememberedDay<readonly RememberedSource[]> | SeenDay;

/**
 * Answers a question about one day: of files that are all known without opening one.
 * @throws HrmError kind `unavailable`; kind `closed` when aborted.
 */
export async function answerOneDay(
  storage: Storage,
  day: DayToAnswer,
  question: Question,
  { maxRows, inTurn, ...others }: DayOptions & DaySettings,
): Promise<readonly DayPart[]> {
  const { partitions } = day;
  const [remembered, seen] = 'seen' in day ? [undefined, day.seen] : [day.remembered, undefined];
  const options = { ...others, seen };
  const cache = cacheOf(storage);
  const dayMs = dateStartMs(partitions[0]?.date ?? '') ?? 0;
  const known = remembered?.value === undefined ? null : recallSources(cache, remembered.value);
  if (known !== null) {
    const context = { cache, damage: watchDamage(storage, options.onDamage), yielder: options.yielder };
    try {
      return await answerSources({ ...context, maxRows, inTurn, sources: known, dayMs }, question);
    } catch (error) {
      // Rows are wanted that are not remembered.
      if (!isGone(error)) throw error;
    }
  }
  const { parts, toKeep } = await overPartitions(storage, partitions, question, options, async (context, snapshots) => {
    const sources = await findSources(context, snapshots, question);
    const isWhole = snapshots.every(({ files, partition }) => context.damage.skipped(files, partition).length === 0);
    return {
      parts: await answerSources({ ...context, maxRows, inTurn, sources, dayMs }, question),
      toKeep: remembered !== undefined && isWhole && known === null ? toRemember(cache, sources, question) : null,
    };
  });
  if (toKeep !== null) await remembered?.keep(toKeep.sources, toKeep.bytes);
  return parts;
}

/** Answers from the files that count. */
async function answerSources(day: Omit<Day, 'files'>, question: Question): Promise<readonly DayPart[]> {
  const { sources, dayMs, yielder } = day;
  // Halves are of this day: of a question about a year most would be about other days.
  const fromMs = Math.max(question.fromMs, dayMs);
  const toMs = Math.min(question.toMs, dayMs + DAY_MS);
  const files = await collectYielding(
    sources,
    ({ known: { rollup, spans, footer } }) => ({ rollup, spans, groups: footer.groups }),
    yielder.yieldTurn,
  );
  return answerRange({ ...day, files }, { ...question, fromMs, toMs });
}

interface Day extends ReadContext, DaySettings {
  readonly sources: readonly Source[];
  /** The sources as planning sees them. */
  readonly files: readonly PlannedFile<RowGroup>[];
  readonly dayMs: number;
}

/** Answers a range of the day; one with too many readings in two halves, since minutes are apart from each other. */
async function answerRange(day: Day, question: Question): Promise<readonly DayPart[]> {
  const { files, dayMs, maxRows, inTurn, yielder } = day;
  const plan = await planDay(files, question, dayMs, yielder.yieldTurn);
  const middleMs = Math.floor((question.fromMs + question.toMs) / 2 / MINUTE_MS) * MINUTE_MS;
  const rows = countReads(plan, question);
  if (rows > maxRows && middleMs > question.fromMs) {
    const before = await answerRange(day, { ...question, toMs: middleMs });
    return [...before, ...(await answerRange(day, { ...question, fromMs: middleMs }))];
  }
  async function answer(): Promise<readonly DayPart[]> {
    const readings = await readPlanned(day, plan, question);
    await yielder.yieldTurn();
    return [await answerDay({ files, plan, readings, dayMs }, question, yielder.yieldTurn)];
  }
  return rows === 0 ? await answer() : await inTurn(answer);
}

async function readPlanned(
  { cache, damage, sources, dayMs, maxRows, yielder }: Day,
  plan: DayPlan<RowGroup>,
  question: Question,
): Promise<ReadingColumns> {
  let tables: ReadingColumns[] = [];
  let rows = 0;
  for (const [f, { file, partition, known }] of sources.entries()) {
    for (const some of together(plan.reads[f] ?? [], maxRows)) {
      const read = await damage.read(file, partition, () => readGroups(cache, file, partition, known, some));
      for (const table of read ?? []) {
        await yielder.yieldTurn();
        const own = selectReadings(table, question, plan.source, dayMs);
        tables.push(own);
        rows += own.length;
      }
      // Another writer's file may have the same reading any number of times.
      if (rows > 4 * maxRows) {
        tables = [await mergeYielding(tables, yielder.yieldTurn)];
        rows = 0;
      }
      await yielder.yieldTurn();
    }
  }
  return await mergeYielding(tables, yielder.yieldTurn);
}

/** Row groups that are read at once, so that neighbours are one read. */
function together(groups: readonly RowGroup[], maxRows: number): readonly (readonly RowGroup[])[] {
  const batches: RowGroup[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const group of groups) {
    rows += group.rows;
    if (rows > maxRows) {
      batches.push([]);
      rows = group.rows;
    }
    batches.at(-1)?.push(group);
  }
  return batches;
}
