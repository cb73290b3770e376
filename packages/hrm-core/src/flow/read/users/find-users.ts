/** Who has something on some dates: the first of them by id, and each one's newest date. */

import { decodeGroups } from '../../../parquet/decode.js';
import { openFile } from '../../../parquet/footer.js';
import type { CallOptions } from '../../../ports/queue.js';
import type { Partition, Storage, StoredFile } from '../../../ports/storage.js';
import { isCutDirectory, userDirectory, userOfDirectory } from '../../../pure/partition.js';
import { isId } from '../../../pure/reading/reading.js';
import { compareUtf8 } from '../../../pure/utf8.js';
import { eachYielding } from '../../../steps.js';
import { cacheOf, remember, versionKey } from '../../files/file-cache.js';
import { nullIfDamaged } from '../../files/file-damage.js';
import { overSnapshot } from '../../files/over-snapshot.js';
import { readAhead } from '../../files/read-ahead.js';
import { sharedPartitions } from '../../files/shared-partitions.js';
import { createYielder, type Yielder } from '../../files/yielder.js';

/** Somebody who seems to have readings. */
export interface FoundUser {
  readonly userId: string;
  /** The newest date of those looked at that has something, `YYYYMMDD`. */
  readonly date: string;
}

/** Whom to look for. */
export interface UsersRange {
  /** `YYYYMMDD`, inclusive. */
  readonly fromDate: string;
  /** Inclusive. */
  readonly toDate: string;
  isWanted(userId: string): boolean;
  /** Users at most: the first in UTF-8 byte order of their ids. */
  readonly most: number;
}

/** Partitions whose names are judged without a look at the time: some hundred microseconds. */
const NAMES_A_PIECE = 256;

/**
 * Finds users by the names of their directories, and in the user column of shared parts. Those come first: who is split off from them
 * meanwhile is found in a directory of one's own.
 * @throws HrmError kind `unavailable`, kind `closed` when aborted.
 */
export async function findUsers(
  storage: Storage,
  { isWanted, most, ...dates }: UsersRange,
  options: CallOptions,
): Promise<readonly FoundUser[]> {
  const yielder = createYielder({ owner: options.owner, stopSignal: options.signal });
  const first = createFirst(isWanted, most);
  async function look(partition: Partition) {
    return { date: partition.date, parts: await usersOfParts(storage, partition, options, yielder) };
  }
  const shared = sharedPartitions(storage, dates, options);
  for await (const { date, parts } of readAhead(shared, look, storage.readAhead ?? 0)) {
    for (const users of parts) await eachYielding(users, (userId) => first.add(userId, date), yielder.yieldTurn);
  }
  let names = 0;
  for await (const partition of storage.partitions(dates, { ...options, yieldTurn: yielder.yieldTurn })) {
    names += 1;
    if (names % NAMES_A_PIECE === 0) await yielder.yieldTurn();
    const { directory, date } = partition;
    const userId = isCutDirectory(directory) ? await ownerOf(storage, partition, options) : userOfDirectory(directory);
    if (userId !== null) first.add(userId, date);
  }
  return first.all();
}

/** The first of any number of users, of which not many more are ever held. */
function createFirst(isWanted: UsersRange['isWanted'], most: number) {
  let dates = new Map<string, string>();
  /** Nobody behind this one is among the first. */
  let last: string | undefined;
  function cut(): void {
    const ids = [...dates.keys()].sort(compareUtf8).slice(0, most);
    dates = new Map(ids.map((userId) => [userId, dates.get(userId) as string]));
    if (ids.length === most) last = ids.at(-1);
  }
  return {
    add(userId: string, date: string): void {
      const known = dates.get(userId);
      if (known !== undefined) {
        if (known < date) dates.set(userId, date);
        return;
      }
      if (!isId(userId) || (last !== undefined && compareUtf8(userId, last) > 0) || !isWanted(userId)) return;
      dates.set(userId, date);
      if (dates.size >= 2 * most) cut();
    },
    all(): readonly FoundUser[] {
      cut();
      return [...dates].map(([userId, date]) => ({ userId, date }));
    },
  };
}

/** The users of each of a date's shared parts. */
async function usersOfParts(
  storage: Storage,
  partition: Partition,
  options: CallOptions,
  yielder: Yielder,
): Promise<readonly (readonly string[])[]> {
  const isKnown = (name: string, version: string) =>
    cacheOf(storage).peek(usersKey({ name, version }, partition)) !== undefined;
  return await overSnapshot(storage, partition, { ...options, isKnown }, async ({ files }) => {
    const parts: (readonly string[])[] = [];
    for (const file of files) parts.push(await usersOfPart(storage, file, partition, yielder));
    return parts;
  });
}

function usersKey(file: Pick<StoredFile, 'name' | 'version'>, partition: Partition): string {
  return `${versionKey(file, partition)}\nusers`;
}

/** What an id takes that is remembered, beside its characters. */
const ID_BYTES = 32;

/** As far as they can be read; whatever else is asked of a damaged part sets it aside. */
async function usersOfPart(
  storage: Storage,
  file: StoredFile,
  partition: Partition,
  { yieldTurn }: Yielder,
): Promise<readonly string[]> {
  const cache = cacheOf(storage);
  const key = usersKey(file, partition);
  const known = cache.get(key) as readonly string[] | undefined;
  if (known !== undefined) return known;
  const opened = await openFile(file, partition).catch(nullIfDamaged);
  if (opened === null) return [];
  const users = new Set<string>();
  let bytes = 0;
  let isWhole = true;
  for (const group of opened.footer.groups) {
    const [table] = (await decodeGroups(file, partition, opened, [group], yieldTurn).catch(nullIfDamaged)) ?? [];
    isWhole &&= table !== undefined;
    for (const userId of table?.users ?? []) {
      if (users.has(userId)) continue;
      users.add(userId);
      bytes += ID_BYTES + 2 * userId.length;
    }
    await yieldTurn();
  }
  const all = [...users];
  if (isWhole) remember(cache, { file, footer: opened.footer }, key, all, bytes);
  return all;
}

/** Whose directory it is, where its name is cut: one of its files says it. The name has a hash of the id, so it is never another's. */
async function ownerOf(storage: Storage, partition: Partition, options: CallOptions): Promise<string | null> {
  const cache = cacheOf(storage);
  const key = `owner\n${partition.directory}`;
  const known = cache.get(key) as string | undefined;
  if (known !== undefined) return known;
  const owner = await overSnapshot(storage, partition, options, async ({ files }) => {
    for (const file of files) {
      const users = await usersOfPart(storage, file, partition, createYielder(options));
      const found = users.find((userId) => userDirectory(userId) === partition.directory);
      if (found !== undefined) return found;
    }
    return null;
  });
  if (owner !== null) cache.set(key, owner, ID_BYTES + 2 * (key.length + owner.length));
  return owner;
}
