/**
 * Which partitions a compacter should look at: an object without bytes for each time that something was published to one.
 *
 * ```
 *   .pending/<shard>/DATE~DIRECTORY~<random>
 *
 *   publish: PUT the file, then a mark                       visit: LIST the partition's marks, then take a snapshot
 *   settle:  DELETE the marks that the visit listed
 * ```
 *
 * A file whose mark was listed by a visit was there before, and is in its snapshot; any other has a mark that settling does not touch. No mark
 * is ever written over, so that no condition is needed, and whatever a crash leaves is found. A mark that was lost makes its partition wait
 * for the next file. A visit that settles nothing deletes marks that a younger one stands for, so that a day that is written to all
 * day long keeps few.
 *
 * A mark is one PUT for each file, as much as the file itself: 0.0002 USD for a million readings in shared files, and 0.003 USD where each
 * batch of 50,000 makes 32 small ones beside. Marks of several partitions in one object would save that, and cost a request for each partition
 * where they are settled.
 */
import { createHash, randomUUID } from 'node:crypto';
import { SHARED_DIRECTORY } from '../../../names.js';
import type { CallOptions } from '../../../ports/call-options.js';
import type { ListOptions, Partition, Visit } from '../../../ports/storage.js';
import { byCodeUnits, sortYielding } from '../../../sort-yielding.js';
import { DIRTY_DIRECTORY, isDate, isUserDirectory, requirePartition } from '../names.js';
import type { S3Context } from './context.js';
import type { ListedObject } from './objects.js';

/** Key ranges that marks are spread over, and are listed at once by: a listing of 100,000 takes seconds. */
const SHARDS = [...'0123456789abcdef'];

/** Milliseconds by which a mark must be older than another that stands for it: LastModified may be in whole seconds. */
const CERTAINLY_OLDER_MS = 2_000;

/** Partitions whose last visit a handle remembers. */
const MAX_REMEMBERED = 10_000;

const NOTHING = new Uint8Array();

/** `~` stands in a user's directory only before the 64 hex digits of a cut name. */
const NAME_PATTERN = /^(\d{8})~(.+)~[0-9a-f-]{36}$/;

/** Marks a partition, after something was published to it. */
export async function markDirty(
  { objects }: Pick<S3Context, 'objects'>,
  partition: Partition,
  { signal }: CallOptions = {},
): Promise<void> {
  await objects.put(`${prefixOf(partition)}${randomUUID()}`, NOTHING, { signal });
}

/** What visits of one handle know of each other. */
export type VisitMemory = Map<string, string>;

/** {@link Storage.visit} of the S3 driver. */
export async function visitPartition(
  { objects }: Pick<S3Context, 'objects'>,
  memory: VisitMemory,
  partition: Partition,
): Promise<Visit> {
  const prefix = prefixOf(partition);
  const marks = await marksOf({ objects }, partition);
  const youngest = youngestOf(marks);
  const changed = youngest !== undefined && memory.get(prefix) !== youngest.key;
  if (youngest !== undefined) remember(memory, prefix, youngest.key);
  const spare = marks.filter(({ ageMs }) => ageMs > (youngest?.ageMs ?? 0) + CERTAINLY_OLDER_MS);
  if (spare.length > 0) await objects.remove(spare.map(({ key }) => key));
  return {
    changed,
    async markClean() {
      if (marks.length > 0) await objects.remove(marks.map(({ key }) => key));
    },
  };
}

function youngestOf(marks: readonly ListedObject[]): ListedObject | undefined {
  let youngest = marks[0];
  for (const mark of marks) if (youngest === undefined || mark.ageMs < youngest.ageMs) youngest = mark;
  return youngest;
}

function remember(memory: VisitMemory, prefix: string, key: string): void {
  memory.delete(prefix);
  memory.set(prefix, key);
  for (const oldest of memory.keys()) {
    if (memory.size <= MAX_REMEMBERED) break;
    memory.delete(oldest);
  }
}

/** A partition's marks. */
export async function marksOf(
  { objects }: Pick<S3Context, 'objects'>,
  partition: Partition,
): Promise<readonly ListedObject[]> {
  const marks: ListedObject[] = [];
  for await (const page of objects.list({ prefix: prefixOf(partition) }))
    for (const object of page.objects) marks.push(object);
  return marks;
}

/** The marks of a date's partitions, by directory. */
export async function marksOfDate(
  { objects }: Pick<S3Context, 'objects'>,
  date: string,
): Promise<readonly { readonly directory: string; readonly key: string }[]> {
  async function listShard(shard: string) {
    const marks: { readonly directory: string; readonly key: string }[] = [];
    const prefix = `${DIRTY_DIRECTORY}/${shard}/`;
    for await (const page of objects.list({ prefix: `${prefix}${date}~` })) {
      for (const { key } of page.objects) {
        const [, , directory] = NAME_PATTERN.exec(key.slice(prefix.length)) ?? [];
        if (directory !== undefined) marks.push({ directory, key });
      }
    }
    return marks;
  }
  return (await Promise.all(SHARDS.map(listShard))).flat();
}

/** The dirty partitions, by date, then directory, each as its mark's beginning: there may be hundreds of thousands. */
export async function listDirty(
  { objects }: Pick<S3Context, 'objects'>,
  { signal, yieldTurn = () => Promise.resolve() }: ListOptions = {},
): Promise<readonly string[]> {
  const found = new Set<string>();
  async function listShard(shard: string): Promise<void> {
    const prefix = `${DIRTY_DIRECTORY}/${shard}/`;
    for await (const page of objects.list({ prefix, signal })) {
      await yieldTurn();
      for (const { key } of page.objects) {
        const [, date = '', directory = ''] = NAME_PATTERN.exec(key.slice(prefix.length)) ?? [];
        if (isDate(date) && (isUserDirectory(directory) || directory === SHARED_DIRECTORY))
          found.add(`${date}~${directory}`);
      }
    }
  }
  await Promise.all(SHARDS.map(listShard));
  return await sortYielding([...found], byCodeUnits, yieldTurn);
}

/** The partition of a mark that {@link listDirty} gave. */
export function markedPartition(mark: string): Partition {
  return { date: mark.slice(0, DATE_LENGTH), directory: mark.slice(DATE_LENGTH + 1) };
}

const DATE_LENGTH = 8;

function prefixOf(partition: Partition): string {
  requirePartition(partition);
  const place = `${partition.date}~${partition.directory}~`;
  const [shard] = createHash('md5').update(place).digest('hex');
  return `${DIRTY_DIRECTORY}/${shard}/${place}`;
}
