/** The tag of an answer: what tells it from every other, without making it. */
import { createHash } from 'node:crypto';
import { DEFAULTS } from '../../defaults.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { FileVersion, Partition, Snapshot, Storage } from '../../ports/storage.js';
import { parseQuestion, type Question, type QuestionInput } from '../../pure/answer/question.js';
import { mergeYielding } from '../../pure/merge.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { collectYielding } from '../../steps.js';
import { cacheOf, type FileCache } from '../files/file-cache.js';
import { readAhead } from '../files/read-ahead.js';
import { createYielder } from '../files/yielder.js';
import { type RememberedDay, rememberedDaysOf } from './day-memory.js';
import { type DayOptions, overPartitions, type QueryLook, type ReadContext, type SeenDay } from './days.js';
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
  components: QueryComponents,
  input: QuestionInput,
  options: QueryOptions = {},
): Promise<string> {
  return (await queryLook(components, input, options)).tag;
}

/**
 * The tag as {@link queryTag} has it, and what was listed for it: so that it need not be listed again for the answer, which over a network is most
 * of the time that both take.
 * @throws as {@link queryDays}.
 */
export async function queryLook(
  { storage }: QueryComponents,
  input: QuestionInput,
  { signal, owner, naiveTimestamps = DEFAULTS.naiveTimestamps, wireNames = false }: QueryOptions = {},
): Promise<QueryLook> {
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
    const { partitions, remembered } = day;
    const options = { signal, yielder };
    if (remembered.value !== undefined) return { partitions, facts: remembered.value, seen: undefined };
    return { partitions, ...(await factsOf(storage, day, question, options)) };
  }
  const days: SeenDay[] = [];
  let files = 0;
  const looked = rememberedDaysOf<string>(storage, cache, question, 'facts', { signal, owner });
  for await (const { partitions, facts, seen } of readAhead(looked, look, storage.readAhead ?? 0)) {
    // A day on which only others have something is none of the answer's.
    if (facts === '') continue;
    hash.update(`${partitions[0]?.date} ${facts}\n`);
    files += seen?.reduce((sum, snapshot) => sum + snapshot.files.length, 0) ?? 0;
    days.push({ partitions, seen: files <= MAX_SEEN_FILES ? seen : undefined });
  }
  return { tag: hash.digest('hex').slice(0, 32), days: storage.reopen === undefined ? null : days };
}

/** Files whose listing is kept from the tag to the answer: some megabytes. Of the days beyond them they are listed again. */
const MAX_SEEN_FILES = 16_384;

/** A digest of what a day's part of an answer is made of, `''` where there is nothing of the user's, and what was seen of it. */
async function factsOf(
  storage: Storage,
  { partitions, remembered }: RememberedDay<string>,
  question: Question,
  options: DayOptions,
) {
  const hash = createHash('sha256');
  let isAny = false;
  let isRead = true;
  const { found, seen } = await lookAt(storage, partitions, question, options);
  for (const { isShared, facts } of found) {
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
  return { facts, seen };
}

/** Names or readings that a tag is made of before others have a turn: a millisecond's work or two. */
const FACTS_A_PIECE = 1_024;

/** What a partition has that tells an answer from others. */
interface Facts {
  readonly isShared: boolean;
  readonly facts: readonly unknown[];
}

/**
 * The facts of a day's partitions, one after the other: what is split off meanwhile is in the user's own before it is gone from the shared one.
 * Where a snapshot is no more than a listing, the day is seen in one of each, and these are kept.
 */
async function lookAt(
  storage: Storage,
  partitions: readonly Partition[],
  question: Question,
  options: DayOptions,
): Promise<{ readonly found: readonly Facts[]; readonly seen: readonly Snapshot[] | undefined }> {
  const { yieldTurn } = options.yielder;
  const factsIn = async ({ cache }: ReadContext, snapshot: Snapshot): Promise<Facts> =>
    isShared(snapshot.partition)
      ? { isShared: true, facts: await sharesIn(cache, snapshot, question, yieldTurn) }
      : { isShared: false, facts: await versionsOf(snapshot.files, yieldTurn) };
  if (storage.reopen !== undefined)
    return await overPartitions(storage, partitions, question, options, async (context, seen) => {
      const found: Facts[] = [];
      for (const snapshot of seen) found.push(await factsIn(context, snapshot));
      return { found, seen };
    });
  const found: Facts[] = [];
  for (const partition of partitions) {
    if (isShared(partition)) {
      const over = [partition];
      found.push(
        await overPartitions(storage, over, question, options, (context, [shared]) =>
          factsIn(context, shared as Snapshot),
        ),
      );
      continue;
    }
    const versions = await storage.versions(partition, { signal: options.signal, yieldTurn });
    found.push({ isShared: false, facts: await versionsOf(versions, yieldTurn) });
  }
  return { found, seen: undefined };
}

const isShared = ({ directory }: Partition): boolean => directory === SHARED_DIRECTORY;

/** Names and versions of the user's own files. */
async function versionsOf(versions: readonly FileVersion[], yieldTurn: () => Promise<void>): Promise<unknown[]> {
  return await collectYielding(versions, ({ name, version }) => [name, version], yieldTurn);
}

/** The readings that shared parts hold of the question's user, however they are spread over them, and names of those that cannot be read. */
async function sharesIn(
  cache: FileCache,
  snapshot: Snapshot,
  question: Question,
  yieldTurn: () => Promise<void>,
): Promise<unknown[]> {
  const slices = await findShares(cache, snapshot, question);
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
