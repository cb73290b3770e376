/** The tag of an answer: what tells it from every other, without making it. */
import { createHash } from 'node:crypto';
import { DEFAULTS } from '../../defaults.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { Partition, Snapshot, Storage } from '../../ports/storage.js';
import { parseQuestion, type Question, type QuestionInput } from '../../pure/answer/question.js';
import { mergeYielding } from '../../pure/merge.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { collectYielding } from '../../steps.js';
import { cacheOf } from '../files/file-cache.js';
import { readAhead } from '../files/read-ahead.js';
import { createYielder } from '../files/yielder.js';
import { type RememberedDay, rememberedDaysOf } from './day-memory.js';
import { type DayOptions, overPartitions } from './days.js';
import { findShares } from './load-day.js';
import type { QueryComponents, QueryOptions } from './query.js';

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
  const { userId, deviceId, fromMs, toMs, grid, priority, resolve } = question;
  const ranks = Object.entries(priority).sort(([a], [b]) => compareUtf8(a, b));
  // The rules of a zone change with the release of them that this process has.
  const zone = grid.zone === null ? null : [grid.zone.name, process.versions.tz];
  const asked = [userId, deviceId ?? null, fromMs, toMs, grid.interval, zone, ranks, resolve];
  const hash = createHash('sha256').update(JSON.stringify(asked));
  const yielder = createYielder({ owner });
  const cache = cacheOf(storage);
  async function look(day: RememberedDay<string>) {
    await yielder.yieldTurn();
    const facts = day.remembered.value ?? (await factsOf(storage, day, question, { signal, yielder }));
    return { date: day.partitions[0]?.date, facts };
  }
  const days = rememberedDaysOf<string>(storage, cache, question, 'facts', { signal, owner });
  for await (const { date, facts } of readAhead(days, look, storage.readAhead ?? 0)) {
    // A day on which only others have something is none of the answer's.
    if (facts !== '') hash.update(`${date} ${facts}\n`);
  }
  return hash.digest('hex').slice(0, 32);
}

/** A digest of what a day's part of an answer is made of; `''` where there is nothing of the user's. */
async function factsOf(
  storage: Storage,
  { partitions, remembered }: RememberedDay<string>,
  question: Question,
  options: DayOptions,
): Promise<string> {
  const hash = createHash('sha256');
  let isAny = false;
  let isRead = true;
  // In this order: what is split off meanwhile is in the user's own before it is gone from the shared one.
  for (const partition of partitions) {
    const isShared = partition.directory === SHARED_DIRECTORY;
    const facts = isShared
      ? await sharesOf(storage, partition, question, options)
      : await versionsOf(storage, partition, options);
    if (facts.length === 0) continue;
    isAny = true;
    hash.update(`${isShared}`);
    for (let from = 0; from < facts.length; from += FACTS_A_PIECE) {
      const some = facts.slice(from, from + FACTS_A_PIECE);
      // What could not be read is told by its name, and may be read the next time.
      isRead &&= !(isShared && some.some((fact) => typeof fact === 'string'));
      hash.update(`,${JSON.stringify(some)}`);
      await options.yielder.yieldTurn();
    }
  }
  const facts = isAny ? hash.digest('base64url') : '';
  if (isRead) await remembered.keep(facts, facts.length);
  return facts;
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
