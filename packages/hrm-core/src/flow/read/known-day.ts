/**
 * Which files of a user's day count: each file names those whose readings are all in it, and those are passed over.
 */
import { isHrmError } from '../../errors.js';
import { MAX_CONCURRENT_READS } from '../../limits.js';
import { COMPACTED_NAME, SHARED_DIRECTORY } from '../../names.js';
import type { Partition, Snapshot, StoredFile } from '../../ports/storage.js';
import type { Question } from '../../pure/answer/question.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { shareName, userDirectory } from '../../pure/partition.js';
import type { DamageWatch } from '../damage/damage-watch.js';
import { type FileCache, versionKey } from '../files/file-cache.js';
import { type KnownFile, knowFile } from '../files/known-file.js';
import { type KnownShared, knowShare, knowShared, rescueShare, shareKey } from '../files/known-share.js';
import { type Turns, takeTurns } from '../files/turns.js';

/** A file that counts, and what is known of it. */
export interface Source {
  readonly file: StoredFile;
  readonly partition: Partition;
  readonly known: KnownFile;
}

/**
 * Finds the files that count: those of the user's own, and shares of shared parts; of those that are damaged, and had to stay where they
 * are, what can be read.
 * @param snapshots - of the shared partition and of the user's own, where they exist.
 */
export async function findSources(
  { cache, damage, turns }: { readonly cache: FileCache; readonly damage: DamageWatch; readonly turns: Turns },
  snapshots: readonly Snapshot[],
  question: Question,
): Promise<readonly Source[]> {
  const directory = userDirectory(question.userId);
  function filesOf(isWanted: (name: string) => boolean): Place[] {
    return snapshots
      .filter(({ partition }) => isWanted(partition.directory))
      .flatMap(({ partition, files }) => damage.sound(files, partition).map((file) => ({ file, partition })));
  }
  const own = await knowAll(
    filesOf((name) => name === directory),
    (name, replaced) => replaced.has(name),
    ({ file, partition }) => damage.read(file, partition, () => knowFile(cache, file, partition, question.priority)),
    turns,
  );
  for (const { file, partition, known } of own) {
    if (known.footer.rollupFault !== null) damage.noteRollup(file, partition);
  }
  await turns.give();
  const replaced = new Set(own.flatMap(({ known }) => known.footer.replaces));
  const shared = await knowAll(
    filesOf((name) => name === SHARED_DIRECTORY),
    (name, others) => others.has(name) || replaced.has(shareName(name, directory)),
    ({ file, partition }) => damage.read(file, partition, () => knowShared(cache, file, partition)),
    turns,
  );
  const shares = await knowEach(
    shared,
    ({ file, partition, known }) =>
      damage.read(file, partition, () => knowShare(cache, file, partition, known, question)),
    turns,
  );
  const passedOver = snapshots.flatMap(({ partition, files }) =>
    damage.passedOver(files, partition).map((file) => ({ file, partition })),
  );
  const rescued = await knowEach(passedOver, ({ file, partition }) => rescueShare(file, partition, question), turns);
  return [...own, ...shares, ...rescued];
}

/**
 * What shared parts hold of a question's user, also those whose readings are in other files by now; `null` for one that cannot be
 * read.
 */
export async function findShares(
  cache: FileCache,
  { partition, files }: Snapshot,
  question: Question,
): Promise<readonly { readonly name: string; readonly columns: ReadingColumns | null }[]> {
  async function know({ file }: Place) {
    try {
      const shared = await knowShared(cache, file, partition);
      return { name: file.name, columns: (await knowShare(cache, file, partition, shared, question)).columns };
    } catch (error) {
      if (isHrmError(error) && error.kind === 'data') return { name: file.name, columns: null };
      throw error;
    }
  }
  const places = files.map((file) => ({ file, partition }));
  return (await knowEach(places, know, takeTurns())).map(({ known }) => known);
}

/** Tells which parts of a partition need not be opened for a question: all that it takes is remembered. */
export function knownParts(cache: FileCache, partition: Partition, { userId }: Question): (name: string) => boolean {
  return (name) => {
    const key = versionKey({ name, version: name }, partition);
    const known = cache.peek(key) as Partial<KnownFile> | undefined;
    if (partition.directory !== SHARED_DIRECTORY) return known?.columns != null;
    return known !== undefined && cache.peek(shareKey(key, userId)) !== undefined;
  };
}

interface Place {
  readonly file: StoredFile;
  readonly partition: Partition;
}

/**
 * Gets to know files, of which the compacted one tells most about the others, and passes over those that others replace.
 * @param isReplaced - by the names that the files known so far say they replace.
 */
async function knowAll<Known extends KnownShared>(
  files: readonly Place[],
  isReplaced: (name: string, replaced: ReadonlySet<string>) => boolean,
  know: (place: Place) => Promise<Known | null>,
  turns: Turns,
) {
  const replaced = new Set<string>();
  async function add(candidates: readonly Place[]) {
    const known = await knowEach(
      candidates.filter(({ file }) => !isReplaced(file.name, replaced)),
      know,
      turns,
    );
    for (const { known: each } of known) for (const name of each.footer.replaces) replaced.add(name);
    await turns.give();
    return known;
  }
  await turns.give();
  const compacted = await add(files.filter(({ file }) => file.name === COMPACTED_NAME));
  const parts = await add(files.filter(({ file }) => file.name !== COMPACTED_NAME));
  await turns.give();
  return [...compacted, ...parts].filter(({ file }) => !isReplaced(file.name, replaced));
}

/** A bounded number at once, and others have their turn in between; without those that cannot be read. */
async function knowEach<Item extends Place, Known>(
  items: readonly Item[],
  know: (item: Item) => Promise<Known | null>,
  turns: Turns,
) {
  const all: (Place & { readonly known: Known })[] = [];
  for (let from = 0; from < items.length; from += MAX_CONCURRENT_READS) {
    const some = items.slice(from, from + MAX_CONCURRENT_READS);
    const known = await Promise.all(some.map(know));
    await turns.give();
    for (const [i, { file, partition }] of some.entries()) {
      const each = known[i] ?? null;
      if (each !== null) all.push({ file, partition, known: each });
    }
  }
  return all;
}
