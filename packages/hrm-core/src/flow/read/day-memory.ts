/**
 * What was found out about a user's day, remembered for as long as the storage tells the same state of the day's partitions: then
 * nothing of it is listed, opened or hashed again.
 *
 * The state is told before the day is looked into and again after it; only where both are equal it is what was looked into. Who finds
 * the same state later has the files of that moment, as if a snapshot had been taken then.
 */
import { goneError, throwIfAborted } from '../../errors.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage, StoredFile } from '../../ports/storage.js';
import type { Question } from '../../pure/answer/question.js';
import { datesOf } from '../../pure/partition.js';
import { type FileCache, versionKey } from '../files/file-cache.js';
import type { LoadedFile } from '../files/load-file.js';
import { sliceKey } from '../files/load-slice.js';
import { createYielder } from '../files/yielder.js';
import { daysOf, partitionsOf } from './days.js';
import type { Source } from './load-day.js';

/** Something of a day that is remembered: found, or to be found out. */
interface Remembered<T> {
  /** `undefined` where it is not known. */
  readonly value: T | undefined;
  /** Keeps what was found out since, unless the day has changed meanwhile. @param bytes - that it takes in memory, about. */
  keep(value: T, bytes: number): Promise<void>;
}

/**
 * Looks whether something about a user's day is remembered, and holds.
 * @param what - tells it from other things that are remembered of the day.
 * @throws HrmError kind `unavailable`.
 */
async function rememberedOf<T>(
  storage: Storage,
  cache: FileCache,
  partitions: readonly Partition[],
  { userId }: Pick<Question, 'userId'>,
  what: 'facts' | 'sources',
): Promise<Remembered<T>> {
  const state = await storage.state(partitions);
  // No key of a file begins like this: those begin with a date.
  const key = `${what}\n${partitions[0]?.date}\n${userId}`;
  const known =
    state === null ? undefined : (cache.get(key) as { readonly state: string; readonly value: T } | undefined);
  return {
    value: known?.state === state ? known?.value : undefined,
    async keep(value, bytes) {
      if (state === null || (await storage.state(partitions)) !== state) return;
      cache.set(key, { state, value }, bytes + KEPT_BYTES + key.length + state.length);
    },
  };
}

/** A day of a question, and what is remembered of it. */
export interface RememberedDay<T> {
  readonly partitions: readonly Partition[];
  readonly remembered: Remembered<T>;
}

/** Dates of a question whose days are looked at before it is listed which of them there are. */
const MAX_DATES_LOOKED_AT = 62;

/**
 * The days that a question is about, as {@link daysOf} gives them. Where all of a short range is remembered, the dates are not listed: what
 * is remembered was there, and its state says that it still is.
 */
export async function* rememberedDaysOf<T>(
  storage: Storage,
  cache: FileCache,
  question: Question,
  what: 'facts' | 'sources',
  options: CallOptions,
): AsyncGenerator<RememberedDay<T>, void, undefined> {
  throwIfAborted(options.signal, 'the query');
  const days = datesOf(question, MAX_DATES_LOOKED_AT).reverse();
  const looked = new Map<string, RememberedDay<T>>();
  let isAll = days.length > 0;
  const { yieldTurn } = createYielder(options);
  // The newest first: it has changed, if one has.
  for (const date of days) {
    await yieldTurn();
    const partitions = partitionsOf(question, date);
    const remembered = await rememberedOf<T>(storage, cache, partitions, question, what);
    looked.set(date, { partitions, remembered });
    isAll = remembered.value !== undefined;
    if (!isAll) break;
  }
  if (isAll) {
    yield* [...looked.values()].reverse();
    return;
  }
  for await (const partitions of daysOf(storage, question, options)) {
    const { date = '' } = partitions[0] ?? {};
    const day = looked.get(date);
    // By both partitions, also where the day is the user's own alone: that is how it will be looked for.
    const both = partitionsOf(question, date);
    const remembered = day?.remembered ?? (await rememberedOf<T>(storage, cache, both, question, what));
    yield { partitions, remembered };
  }
}

/** Of what is kept, beside itself. */
const KEPT_BYTES = 200;

/** A file that counts, as it is remembered: what is known of it is remembered elsewhere, and may be forgotten first. */
export interface RememberedSource {
  readonly key: string;
  readonly file: StoredFile;
  readonly partition: Partition;
}

/** Of a day with more files than this they are found out each time. */
const MAX_REMEMBERED_SOURCES = 1_024;
const SOURCE_BYTES = 500;

/** The files that count, to be remembered; `null` where there are too many, or one of them is not remembered itself. */
export function toRemember(
  cache: FileCache,
  sources: readonly Source[],
  { userId }: Pick<Question, 'userId'>,
): { readonly sources: readonly RememberedSource[]; readonly bytes: number } | null {
  if (sources.length > MAX_REMEMBERED_SOURCES) return null;
  const kept = sources.map(({ file, partition }) => {
    const own = versionKey(file, partition);
    const key = partition.directory === SHARED_DIRECTORY ? sliceKey(own, userId) : own;
    return { key, file: unopened(file), partition };
  });
  const isKnown = kept.every(({ key }, i) => cache.peek(key) === sources[i]?.known);
  return isKnown ? { sources: kept, bytes: kept.length * SOURCE_BYTES } : null;
}

/** The files that count, with what is known of them; `null` where some of it was forgotten. */
export function recallSources(cache: FileCache, remembered: readonly RememberedSource[]): readonly Source[] | null {
  const sources: Source[] = [];
  for (const { key, file, partition } of remembered) {
    const known = cache.get(key) as LoadedFile | undefined;
    if (known === undefined) return null;
    sources.push({ file, partition, known });
  }
  return sources;
}

/** Who needs more of it than is remembered takes a snapshot. */
function unopened({ name, version, byteLength, ageMs, mask }: StoredFile): StoredFile {
  return { name, version, byteLength, ageMs, mask, read: () => Promise.reject(goneError(name)) };
}
