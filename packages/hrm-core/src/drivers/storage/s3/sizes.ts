/**
 * How much partitions take. Those of one date are listed together: a listing has a thousand files, whoever they belong to, and a listing for each
 * user has a few.
 */
import { isCompacted } from '../../../names.js';
import type { ListOptions, Partition, PartitionSize } from '../../../ports/storage.js';
import type { S3Context } from './context.js';
import { nameOfFile, partitionPrefix } from './keys.js';
import type { ListedObject } from './objects.js';
import { listFiles } from './snapshot.js';

/** So many partitions of a date are looked at each by itself. */
const FEW = 4;

/** {@link Storage.sizes} of the S3 driver. */
export async function sizesOfPartitions(
  context: S3Context,
  partitions: readonly Partition[],
  options: ListOptions = {},
): Promise<readonly PartitionSize[]> {
  const counts = new Map<string, PartitionSize>();
  const byDate = new Map<string, string[]>();
  for (const partition of partitions) {
    const prefix = partitionPrefix(partition);
    const [place = ''] = prefix.split('/', 1);
    byDate.set(place, [...(byDate.get(place) ?? []), prefix]);
  }
  for (const prefixes of byDate.values())
    if (prefixes.length > FEW) await countTogether(context, prefixes, counts, options);
  return await Promise.all(
    partitions.map(async (partition): Promise<PartitionSize> => {
      const known = counts.get(partitionPrefix(partition));
      if (known !== undefined) return known;
      const count = noFiles();
      for (const { name, object } of (await listFiles(context, partition, options)).files) add(count, name, object);
      return count;
    }),
  );
}

interface Count {
  files: number;
  bytes: number;
  compactedBytes: number | null;
}

function noFiles(): Count {
  return { files: 0, bytes: 0, compactedBytes: null };
}

function add(count: Count, name: string, { byteLength }: ListedObject): void {
  count.files += 1;
  count.bytes += byteLength;
  if (isCompacted(name)) count.compactedBytes = (count.compactedBytes ?? 0) + byteLength;
}

/** Counts what begins with one of these, which begin alike. Where so much else is between them that it is no cheaper, only the first of them. */
async function countTogether(
  { objects, isTombstone }: S3Context,
  wanted: readonly string[],
  counts: Map<string, PartitionSize>,
  { signal, yieldTurn }: ListOptions,
): Promise<void> {
  const prefixes = [...wanted].sort();
  const found = new Map(prefixes.map((prefix) => [prefix, noFiles()]));
  const [first = '', last = ''] = [prefixes[0], prefixes.at(-1)];
  const slash = first.indexOf('/') + 1;
  /** All keys before it were seen. */
  let seenTo = AFTER_ALL;
  let pages = 0;
  for await (const page of objects.list({ prefix: first.slice(0, slash), startAfter: first, signal })) {
    for (const object of page.objects) {
      const prefix = object.key.slice(0, object.key.indexOf('/', slash) + 1);
      const count = found.get(prefix);
      const name = nameOfFile(object.key.slice(prefix.length));
      if (count !== undefined && name !== null && !(await isTombstone(object))) add(count, name, object);
    }
    await yieldTurn?.();
    pages += 1;
    const end = page.objects.at(-1)?.key ?? '';
    const isBeyond = end > last && !end.startsWith(last);
    if (isBeyond) break;
    if (pages === prefixes.length) {
      seenTo = end;
      break;
    }
  }
  for (const [prefix, count] of found) if (prefix < seenTo && !seenTo.startsWith(prefix)) counts.set(prefix, count);
}

/** After every key that begins with a date, or as shared parts do. */
const AFTER_ALL = '~';
