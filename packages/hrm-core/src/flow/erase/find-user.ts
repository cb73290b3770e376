/**
 * Where the id of a user still stands, in anything that the system keeps: the proof that an erasure is done. It trusts no memory and no mask:
 * it reads bytes.
 */
import { throwIfAborted } from '../../errors.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { decodeGroups } from '../../parquet/decode.js';
import { openFile } from '../../parquet/footer.js';
import type { CallOptions, Queue } from '../../ports/queue.js';
import type { Partition, Storage, StoredFile } from '../../ports/storage.js';
import { userDirectory } from '../../pure/partition.js';
import { deadLetterPages } from '../files/dead-letter-pages.js';
import { nullIfDamaged } from '../files/file-damage.js';
import { overSnapshot } from '../files/over-snapshot.js';
import { createYielder } from '../files/yielder.js';

/** A place where an id stands. */
export interface FoundId {
  /** `queue`: what waits there was not looked through as a whole, and may have it. */
  readonly where: 'directory' | 'file' | 'quarantine' | 'dead_letter' | 'queue';
  /** `YYYYMMDD`, of a directory or a file. */
  readonly date: string | null;
  /** Of a file or a dead letter. */
  readonly name: string | null;
}

/** What is looked through. */
export interface FindUserComponents {
  readonly storage: Pick<Storage, 'partitions' | 'snapshot' | 'quarantined' | 'sizes' | 'erasures'>;
  readonly queue?: Pick<Queue, 'depth' | 'peek' | 'deadLetters'> | undefined;
}

/** Bytes that are looked through at once. */
const PIECE_BYTES = 1024 * 1024;
/** Elements of the queue that are looked at. */
const PEEKED = 1_000;

/**
 * Looks for the id of a user in the names and bytes of all files, in quarantine, dead letters and the queue.
 * @throws HrmError kind `unavailable`, kind `closed` when aborted.
 */
export async function* findUserId(
  { storage, queue }: FindUserComponents,
  userId: string,
  options: CallOptions = {},
): AsyncGenerator<FoundId, void, undefined> {
  const directory = userDirectory(userId);
  const has = searchFor([userId, JSON.stringify(userId).slice(1, -1), directory]);
  const { yieldTurn } = createYielder();
  for (const range of [{ directories: [SHARED_DIRECTORY], expired: true }, { expired: true }]) {
    for await (const partition of storage.partitions(range, { ...options, yieldTurn })) {
      throwIfAborted(options.signal, 'looking for a user');
      const { date } = partition;
      if (partition.directory === directory) yield { where: 'directory', date, name: null };
      else if (partition.directory === SHARED_DIRECTORY) {
        // What waits to be deleted as a whole cannot be looked into.
        const [size] = await storage.sizes([partition], options);
        if ((await storage.erasures.current()).isGone(partition) && size?.files !== 0)
          yield { where: 'file', date, name: null };
        for (const name of await namesWith(storage, partition, userId, has, options))
          yield { where: 'file', date, name };
      }
    }
  }
  for await (const { partition, file } of storage.quarantined(options)) {
    const { date } = partition;
    const isOwn = partition.directory === directory;
    if (isOwn || (await holds(file, has, yieldTurn))) yield { where: 'quarantine', date, name: file.name };
  }
  if (queue !== undefined) yield* findInQueue(queue, has, options);
}

type Search = (bytes: Uint8Array) => boolean;

function searchFor(texts: readonly string[]): Search & { readonly overlap: number } {
  const needles = [...new Set(texts)].map((text) => Buffer.from(text, 'utf8'));
  const search = (bytes: Uint8Array) =>
    needles.some((needle) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(needle));
  return Object.assign(search, { overlap: needles.reduce((longest, { length }) => Math.max(longest, length), 1) - 1 });
}

/** Files of the shared partition that have the id: in their bytes as they are, or once they are decompressed. */
async function namesWith(
  storage: Pick<Storage, 'snapshot'>,
  partition: Partition,
  userId: string,
  has: ReturnType<typeof searchFor>,
  options: CallOptions,
): Promise<readonly string[]> {
  const { yieldTurn } = createYielder();
  return await overSnapshot(storage, partition, options, async ({ files }) => {
    const names: string[] = [];
    for (const file of files)
      if ((await holds(file, has, yieldTurn)) || (await isUserOf(file, partition, userId, yieldTurn)))
        names.push(file.name);
    return names;
  });
}

async function holds(
  file: StoredFile,
  has: ReturnType<typeof searchFor>,
  yieldTurn: () => Promise<void>,
): Promise<boolean> {
  for (let from = 0; from < file.byteLength; from += PIECE_BYTES) {
    // So that an id across two pieces is found.
    const bytes = await file.read(from, Math.min(file.byteLength, from + PIECE_BYTES + has.overlap));
    if (has(new Uint8Array(bytes))) return true;
    await yieldTurn();
  }
  return false;
}

/** Whether a foreign file, whose pages may be compressed, has rows of the user. */
async function isUserOf(
  file: StoredFile,
  partition: Partition,
  userId: string,
  yieldTurn: () => Promise<void>,
): Promise<boolean> {
  const plain = { ...file, mask: null };
  const opened = await openFile(plain, partition).catch(nullIfDamaged);
  if (opened === null || opened.footer.checksumKind !== 'foreign') return false;
  for (const group of opened.footer.groups) {
    const [table] = (await decodeGroups(plain, partition, opened, [group], yieldTurn).catch(nullIfDamaged)) ?? [];
    if (table?.users.includes(userId)) return true;
    await yieldTurn();
  }
  return false;
}

async function* findInQueue(
  queue: NonNullable<FindUserComponents['queue']>,
  has: Search,
  { signal }: CallOptions,
): AsyncGenerator<FoundId, void, undefined> {
  const { yieldTurn } = createYielder();
  for await (const page of deadLetterPages({ queue }, { signal })) {
    for (const { id, bytes } of page) {
      if (has(bytes)) yield { where: 'dead_letter', date: null, name: id };
      await yieldTurn();
    }
  }
  const { readings, claimedReadings } = await queue.depth();
  if (readings + claimedReadings === 0) return;
  const elements = await queue.peek({ limit: PEEKED });
  const seen = elements.reduce((sum, element) => sum + element.readings, 0);
  if (claimedReadings > 0 || seen < readings || elements.some(({ bytes }) => has(bytes)))
    yield { where: 'queue', date: null, name: null };
}
