/**
 * Which dates' shared parts may have readings of a user, remembered for all users: a question about a whole history skips the others.
 *
 * What is remembered are the parts' own filters, by names that only ever mean one content. They hold for as long as the storage tells
 * the same state of the date's shared parts. Where it tells none, as of what has changed a moment ago, the names are listed, and only
 * parts that were not there before are opened. So what any process writes is seen at once. Of a part without a filter, or that cannot be
 * read, nobody is taken to be absent.
 */
import { MAX_REMEMBERED_FILTERS_BYTES, SHARED_HELD_ROWS } from '../../limits.js';
import { HASHED_NAME, SHARED_DIRECTORY } from '../../names.js';
import { decodeGroups } from '../../parquet/decode.js';
import type { Footer } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage, StoredFile } from '../../ports/storage.js';
import { createUserFilter, userIn } from '../../pure/user-filter.js';
import { cacheOf, createFileCache, type FileCache } from './file-cache.js';
import { nullIfDamaged } from './file-damage.js';
import { groupsOf, loadShared } from './load-slice.js';
import { overSnapshot } from './over-snapshot.js';
import { createYielder } from './yielder.js';

/** The filters of a date's shared parts, by name. */
type Filters = ReadonlyMap<string, Uint8Array>;

/** What is known of a date. */
interface SharedUsers {
  /** `null`: they are looked up by name. */
  readonly state: string | null;
  readonly filters: Filters;
}

/** Of a date, and of a part, beside its filter: the name, and what keeps them. */
const DATE_BYTES = 300;
const PART_BYTES = 200;

const memories = new WeakMap<Storage, FileCache>();

function memoryOf(storage: Storage): FileCache {
  let memory = memories.get(storage);
  if (memory === undefined) {
    memory = createFileCache(MAX_REMEMBERED_FILTERS_BYTES);
    memories.set(storage, memory);
  }
  return memory;
}

/**
 * Whether the shared parts of a date may have readings of a user. Where they have none, all that were stored of this user before are in the
 * user's own partition.
 * @throws HrmError kind `unavailable`, kind `closed` when aborted.
 */
export async function maySharedHold(
  storage: Storage,
  date: string,
  userId: string,
  options: CallOptions,
): Promise<boolean> {
  const partition = { date, directory: SHARED_DIRECTORY };
  const memory = memoryOf(storage);
  const state = await storage.state([partition]);
  const known = memory.get(date) as SharedUsers | undefined;
  const isIn = userIn(userId);
  if (state !== null && known?.state === state) return [...known.filters.values()].some(isIn);
  const found = await lookUp(storage, partition, known?.filters, userId, options);
  const { filters, isSure } = found;
  // Told again after the look: what came meanwhile may not be in it.
  const isKept = isSure && state !== null && (await storage.state([partition])) === state;
  let bytes = DATE_BYTES;
  for (const { length } of filters.values()) bytes += PART_BYTES + length;
  memory.set(date, { state: isKept ? state : null, filters } satisfies SharedUsers, bytes);
  return !isSure || [...filters.values()].some(isIn);
}

/** `isSure`: every part has its filter here. */
async function lookUp(
  storage: Storage,
  partition: Partition,
  known: Filters | undefined,
  userId: string,
  options: CallOptions,
): Promise<{ readonly filters: Filters; readonly isSure: boolean }> {
  const snapshotOptions = { ...options, isKnown: (name: string) => known?.has(name) === true };
  return await overSnapshot(storage, partition, snapshotOptions, async ({ files }) => {
    const filters = new Map<string, Uint8Array>();
    for (const file of files) {
      const filter = known?.get(file.name) ?? (await filterOf(storage, file, partition, userId).catch(nullIfDamaged));
      if (filter !== null) filters.set(file.name, filter);
    }
    return { filters, isSure: filters.size === files.length };
  });
}

/** The filter of a part that was opened. What is known of the part is kept only for who is going to read it. */
async function filterOf(
  storage: Storage,
  file: StoredFile,
  partition: Partition,
  userId: string,
): Promise<Uint8Array | null> {
  const isWanted = (footer: Footer) => groupsOf(footer, userId).length > 0;
  const { footer } = await loadShared(cacheOf(storage), file, partition, isWanted);
  if (!HASHED_NAME.test(file.name) || footer.checksumKind === 'foreign') return null;
  return footer.userFilter ?? (footer.rows > SHARED_HELD_ROWS ? null : await makeFilter(file, partition, footer));
}

/** Of a small part that an older version wrote. */
async function makeFilter(file: StoredFile, partition: Partition, footer: Footer): Promise<Uint8Array | null> {
  const filter = createUserFilter();
  const tables = await decodeGroups(file, partition, { footer }, footer.groups, createYielder().yieldTurn);
  for (const user of new Set(tables.flatMap(({ users }) => users))) filter.add(user);
  return filter.finish();
}
