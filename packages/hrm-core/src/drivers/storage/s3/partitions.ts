/** Listing partitions: what is below the prefix that this system can have put there, and nothing else. */
import { throwIfAborted } from '../../../errors.js';
import { MAX_CONCURRENT_READS } from '../../../limits.js';
import type { ListOptions, Partition, PartitionRange } from '../../../ports/storage.js';
import { isDate, isUserDirectory, requireDirectory } from '../names.js';
import type { S3Context } from './context.js';
import { listDirty, markedPartition } from './marks.js';

/**
 * {@link Storage.partitions} of the S3 driver. Directories come in the order of the service, which has `a%2F` before `a`: it compares keys,
 * with the slash at their end. Where some are named between two dates nothing is looked for: each will be asked for its files anyway.
 */
export async function* listPartitions(
  context: Pick<S3Context, 'objects'>,
  range: PartitionRange,
  options: ListOptions = {},
): AsyncGenerator<Partition> {
  const { directories, fromDate = '', toDate = '99999999' } = range;
  for (const directory of directories ?? []) requireDirectory(directory);
  if (range.dirty === true) {
    for (const mark of await listDirty(context, options)) {
      const partition = markedPartition(mark);
      const isNamed = directories === undefined || directories.includes(partition.directory);
      if (isNamed && fromDate <= partition.date && partition.date <= toDate) yield partition;
    }
    return;
  }
  const dates = await datesOf(context, { fromDate, toDate }, options);
  if (directories === undefined) yield* everyDirectory(context, dates, options);
  else if (range.fromDate !== undefined && range.toDate !== undefined) {
    for (const date of dates) for (const directory of directories) yield { date, directory };
  } else yield* existing(context, dates, directories, options);
}

/** Dates in a range that have something. Of a short range all, without looking. */
async function datesOf(
  { objects }: Pick<S3Context, 'objects'>,
  { fromDate, toDate }: { readonly fromDate: string; readonly toDate: string },
  { signal, yieldTurn }: ListOptions,
): Promise<readonly string[]> {
  const dates: string[] = [];
  if (fromDate > toDate) return dates;
  if (fromDate === toDate) return [fromDate];
  // Every key of a date comes after the date itself, and before what has a tilde in place of the slash.
  const startAfter = fromDate === '' ? undefined : fromDate;
  for await (const page of objects.list({ prefix: '', delimiter: '/', startAfter, signal })) {
    await yieldTurn?.();
    for (const prefix of page.prefixes) {
      const date = prefix.slice(0, -1);
      if (isDate(date) && fromDate <= date && date <= toDate) dates.push(date);
    }
    if ((page.prefixes.at(-1) ?? '') > `${toDate}/`) break;
  }
  return dates;
}

async function* everyDirectory(
  { objects }: Pick<S3Context, 'objects'>,
  dates: readonly string[],
  { signal, yieldTurn }: ListOptions,
): AsyncGenerator<Partition> {
  for (const date of dates) {
    const prefix = `${date}/`;
    for await (const page of objects.list({ prefix, delimiter: '/', signal })) {
      await yieldTurn?.();
      for (const key of page.prefixes) {
        const directory = key.slice(prefix.length, -1);
        if (isUserDirectory(directory)) yield { date, directory };
      }
    }
  }
}

/** Those of some directories that have something, some dates at once. */
async function* existing(
  { objects }: Pick<S3Context, 'objects'>,
  dates: readonly string[],
  directories: readonly string[],
  { signal, yieldTurn }: ListOptions,
): AsyncGenerator<Partition> {
  async function exists({ date, directory }: Partition): Promise<boolean> {
    for await (const page of objects.list({ prefix: `${date}/${directory}/`, maxKeys: 1, signal }))
      return page.objects.length > 0;
    return false;
  }
  for (let from = 0; from < dates.length; from += MAX_CONCURRENT_READS) {
    await yieldTurn?.();
    throwIfAborted(signal, 'listing partitions');
    const some = dates
      .slice(from, from + MAX_CONCURRENT_READS)
      .flatMap((date) => directories.map((directory) => ({ date, directory })));
    const found = await Promise.all(some.map(exists));
    yield* some.filter((_, i) => found[i] === true);
  }
}
