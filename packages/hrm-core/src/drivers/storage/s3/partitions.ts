/** Listing partitions: what is below the prefix that this system can have put there, and nothing else. */
import { throwIfAborted } from '../../../errors.js';
import { DAY_MS, MAX_CONCURRENT_READS } from '../../../limits.js';
import { SHARED_DIRECTORY } from '../../../names.js';
import type { ListOptions, Partition, PartitionRange } from '../../../ports/storage.js';
import { isDate, isUserDirectory, requireDirectory } from '../names.js';
import type { S3Context } from './context.js';
import { partitionPrefix, SHARED_PREFIX } from './keys.js';
import { listDirty, markedPartition } from './marks.js';

/** Dates of a range that are not listed first which of them there are: each costs a request for nothing at most, and all are asked at once. */
const MAX_DATES_UNSEEN = 62;

/**
 * {@link Storage.partitions} of the S3 driver. Directories come in the order of the service, which has `a%2F` before `a`: it compares keys,
 * with the slash at their end. Users that are named between two dates are not looked for: each will be asked for its files anyway.
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
  const dates = { fromDate, toDate };
  if (directories === undefined) yield* everyDirectory(context, await datesBelow(context, '', dates, options), options);
  else if (fromDate === toDate) yield* directories.map((directory) => ({ date: fromDate, directory }));
  else yield* named(context, { ...range, directories }, options);
}

/** Of each date those of some directories that have something, or may have. */
async function* named(
  context: Pick<S3Context, 'objects'>,
  { directories, fromDate, toDate }: PartitionRange & { readonly directories: readonly string[] },
  options: ListOptions,
): AsyncGenerator<Partition> {
  const range = { fromDate: fromDate ?? '', toDate: toDate ?? '99999999' };
  const isBetween = fromDate !== undefined && toDate !== undefined;
  const isAny = (isWanted: (directory: string) => boolean) => directories.some(isWanted);
  const isShared = (directory: string) => directory === SHARED_DIRECTORY;
  const shared = new Set(isAny(isShared) ? await datesBelow(context, SHARED_PREFIX, range, options) : []);
  const users = new Set(isAny((directory) => !isShared(directory)) ? await datesOfUsers(context, range, options) : []);
  const all = [...new Set([...shared, ...users])].sort();
  for (let from = 0; from < all.length; from += MAX_CONCURRENT_READS) {
    await options.yieldTurn?.();
    throwIfAborted(options.signal, 'listing partitions');
    const some = all
      .slice(from, from + MAX_CONCURRENT_READS)
      .flatMap((date) => directories.map((directory) => ({ date, directory })))
      .filter(({ date, directory }) => (isShared(directory) ? shared : users).has(date));
    const found = await Promise.all(
      some.map(async (partition) => isBetween || isShared(partition.directory) || exists(context, partition, options)),
    );
    yield* some.filter((_, i) => found[i] === true);
  }
}

/** Dates on which users may have something: all of a short range, without looking. */
async function datesOfUsers(
  context: Pick<S3Context, 'objects'>,
  { fromDate, toDate }: DateRange,
  options: ListOptions,
): Promise<readonly string[]> {
  const [fromMs, toMs] = [fromDate, toDate].map(dateMs) as [number, number];
  const days = (toMs - fromMs) / DAY_MS + 1;
  if (!(days <= MAX_DATES_UNSEEN)) return await datesBelow(context, '', { fromDate, toDate }, options);
  return Array.from({ length: Math.max(0, days) }, (_, day) =>
    new Date(fromMs + day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', ''),
  );
}

/** NaN of what is no date. */
function dateMs(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3'));
}

/** Inclusive. */
interface DateRange {
  readonly fromDate: string;
  readonly toDate: string;
}

/** {@link Storage.dates} of the S3 driver: two requests for a thousand. A date may have shared parts alone. */
export async function listDates(
  context: Pick<S3Context, 'objects'>,
  options: ListOptions = {},
): Promise<readonly string[]> {
  const all = { fromDate: '', toDate: '99999999' };
  const dates = await Promise.all(['', SHARED_PREFIX].map((prefix) => datesBelow(context, prefix, all, options)));
  return [...new Set(dates.flat())].sort();
}

/** Dates in a range that have something below what their keys begin with: `''`, or that of shared parts. */
async function datesBelow(
  { objects }: Pick<S3Context, 'objects'>,
  prefix: string,
  { fromDate, toDate }: DateRange,
  { signal, yieldTurn }: ListOptions,
): Promise<readonly string[]> {
  const dates: string[] = [];
  if (fromDate > toDate) return dates;
  if (fromDate === toDate) return [fromDate];
  // Every key of a date comes after the date itself, and before what has a tilde in place of the slash.
  const startAfter = fromDate === '' ? undefined : prefix + fromDate;
  for await (const page of objects.list({ prefix, delimiter: '/', startAfter, signal })) {
    await yieldTurn?.();
    for (const each of page.prefixes) {
      const date = each.slice(prefix.length, -1);
      if (isDate(date) && fromDate <= date && date <= toDate) dates.push(date);
    }
    if ((page.prefixes.at(-1) ?? '') > `${prefix}${toDate}/`) break;
  }
  return dates;
}

/** The first page of some dates is asked for at once: of many days of few users that is all there is. */
async function* everyDirectory(
  { objects }: Pick<S3Context, 'objects'>,
  dates: readonly string[],
  { signal, yieldTurn }: ListOptions,
): AsyncGenerator<Partition> {
  for (let from = 0; from < dates.length; from += MAX_CONCURRENT_READS) {
    const some = dates.slice(from, from + MAX_CONCURRENT_READS);
    const listings = some.map((date) => objects.list({ prefix: `${date}/`, delimiter: '/', signal }));
    const firsts = await Promise.all(listings.map((pages) => pages.next()));
    for (const [i, date] of some.entries()) {
      const pages = listings[i] as (typeof listings)[number];
      for (let page = firsts[i] as (typeof firsts)[number]; page.done !== true; page = await pages.next()) {
        await yieldTurn?.();
        for (const key of page.value.prefixes) {
          const directory = key.slice(date.length + 1, -1);
          if (isUserDirectory(directory)) yield { date, directory };
        }
      }
    }
  }
}

async function exists(
  { objects }: Pick<S3Context, 'objects'>,
  partition: Partition,
  { signal }: ListOptions,
): Promise<boolean> {
  for await (const page of objects.list({ prefix: partitionPrefix(partition), maxKeys: 1, signal }))
    return page.objects.length > 0;
  return false;
}
