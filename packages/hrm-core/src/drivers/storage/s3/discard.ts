/**
 * Deleting days that are kept no longer: their objects, a thousand at a time, and the marks that name them. Nothing is read. What is written
 * meanwhile is hidden as before, and goes the next time.
 */
import { throwIfAborted } from '../../../errors.js';
import { SHARED_DIRECTORY } from '../../../names.js';
import type { ListOptions } from '../../../ports/storage.js';
import { requireGone } from '../erasures/erasures.js';
import { isUserDirectory } from '../names.js';
import type { S3Context } from './context.js';
import { nameOfFile, partitionPrefix } from './keys.js';
import { marksOfDate } from './marks.js';

/** {@link Storage.discard} of the S3 driver. */
export async function discardPartitions(
  context: S3Context,
  date: string,
  directories: readonly string[] | null,
  options: ListOptions = {},
): Promise<number> {
  const shared = partitionPrefix({ date, directory: SHARED_DIRECTORY });
  const prefixes =
    directories === null ? [shared, `${date}/`] : directories.map((directory) => partitionPrefix({ date, directory }));
  const gone = new Set<string>();
  let files = 0;
  for (const prefix of prefixes) files += await discardBelow(context, date, prefix, gone, options);
  const marks = await marksOfDate(context, date);
  const wanted = marks.filter(({ directory }) => directories?.includes(directory) ?? true);
  for (const { directory } of wanted) await requireOnce(context, date, directory, gone);
  await context.objects.remove(wanted.map(({ key }) => key));
  return files;
}

/** Deletes the files below what their keys begin with: of partitions of the date, shared ones apart. */
async function discardBelow(
  context: S3Context,
  date: string,
  prefix: string,
  gone: Set<string>,
  { signal, yieldTurn }: ListOptions,
): Promise<number> {
  let files = 0;
  for await (const page of context.objects.list({ prefix, signal })) {
    throwIfAborted(signal, 'deleting days that are over');
    await yieldTurn?.();
    const keys: string[] = [];
    for (const { key } of page.objects) {
      const isShared = key.startsWith(`${SHARED_DIRECTORY}/`);
      const [directory = '', ...rest] = isShared
        ? [SHARED_DIRECTORY, key.slice(prefix.length)]
        : key.slice(date.length + 1).split('/');
      if (!isShared && !isUserDirectory(directory)) continue;
      if (nameOfFile(rest.join('/')) === null) continue;
      await requireOnce(context, date, directory, gone);
      keys.push(key);
    }
    await context.objects.remove(keys);
    files += keys.length;
  }
  return files;
}

/** Looks once whether a partition is gone. @throws as {@link requireGone}. */
async function requireOnce(context: S3Context, date: string, directory: string, gone: Set<string>): Promise<void> {
  if (gone.has(directory)) return;
  await requireGone(context.erasures, { date, directory });
  gone.add(directory);
}
