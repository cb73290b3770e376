/**
 * Which files of a user's day count: each file names those whose readings are all in it, and those are passed over.
 */
import { MAX_CONCURRENT_READS } from '../limits.js';
import { COMPACTED_NAME, SHARED_DIRECTORY } from '../names.js';
import type { Partition, Snapshot, StoredFile } from '../ports/storage.js';
import { shareName, userDirectory } from '../pure/partition.js';
import type { Question } from '../pure/question.js';
import type { FileCache } from './file-cache.js';
import { type KnownFile, knowFile } from './known-file.js';
import { type KnownShared, knowShare, knowShared } from './known-share.js';

/** A file that counts, and what is known of it. */
export interface Source {
  readonly file: StoredFile;
  readonly partition: Partition;
  readonly known: KnownFile;
}

/**
 * Finds the files that count: those of the user's own, and shares of shared parts.
 * @param snapshots - of the shared partition and of the user's own, where they exist.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function findSources(
  cache: FileCache,
  snapshots: readonly Snapshot[],
  question: Question,
): Promise<Source[]> {
  const directory = userDirectory(question.userId);
  const own = await knowAll(
    snapshots.filter(({ partition }) => partition.directory === directory),
    (name, replaced) => replaced.has(name),
    (file, partition) => knowFile(cache, file, partition, question.priority),
  );
  const replaced = new Set(own.flatMap(({ known }) => known.footer.replaces));
  const shared = await knowAll(
    snapshots.filter(({ partition }) => partition.directory === SHARED_DIRECTORY),
    (name, others) => others.has(name) || replaced.has(shareName(name, directory)),
    (file, partition) => knowShared(cache, file, partition),
  );
  const shares = await inGroups(shared, async ({ file, partition, known }) => {
    return { file, partition, known: await knowShare(cache, file, partition, known, question) };
  });
  return [...own, ...shares];
}

/**
 * Gets to know files, of which the compacted one tells most about the others, and passes over those that others replace.
 * @param isReplaced - by the names that the files known so far say they replace.
 */
async function knowAll<Known extends KnownShared>(
  snapshots: readonly Snapshot[],
  isReplaced: (name: string, replaced: ReadonlySet<string>) => boolean,
  know: (file: StoredFile, partition: Partition) => Promise<Known>,
) {
  const files = snapshots.flatMap(({ partition, files }) => files.map((file) => ({ file, partition })));
  const [compacted, parts] = [true, false].map((is) =>
    files.filter(({ file: { name } }) => (name === COMPACTED_NAME) === is),
  );
  const replaced = new Set<string>();
  async function add(candidates: typeof files) {
    const wanted = candidates.filter(({ file }) => !isReplaced(file.name, replaced));
    const known = await inGroups(wanted, async ({ file, partition }) => {
      return { file, partition, known: await know(file, partition) };
    });
    for (const {
      known: { footer },
    } of known)
      for (const name of footer.replaces) replaced.add(name);
    return known;
  }
  const all = [...(await add(compacted ?? [])), ...(await add(parts ?? []))];
  return all.filter(({ file }) => !isReplaced(file.name, replaced));
}

/** A bounded number at once. */
async function inGroups<Item, Result>(
  items: readonly Item[],
  call: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += MAX_CONCURRENT_READS) {
    results.push(...(await Promise.all(items.slice(from, from + MAX_CONCURRENT_READS).map(call))));
  }
  return results;
}
