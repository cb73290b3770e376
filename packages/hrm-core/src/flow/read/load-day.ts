/**
 * Which files of a user's day count: each file names those whose readings are all in it, and those are skipped. It names them by
 * the hash of their bytes, so a file that another program named is never skipped, whatever had its name before.
 */
import { isHrmError } from '../../errors.js';
import { MAX_CONCURRENT_READS } from '../../limits.js';
import { isCompacted, SHARED_DIRECTORY } from '../../names.js';
import type { Partition, Snapshot, StoredFile } from '../../ports/storage.js';
import type { Question } from '../../pure/answer/question.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { sliceName, userDirectory } from '../../pure/partition.js';
import { collectYielding } from '../../steps.js';
import type { DamageWatch } from '../damage/damage-watch.js';
import { type FileCache, versionKey } from '../files/file-cache.js';
import { type LoadedFile, loadFile } from '../files/load-file.js';
import { type LoadedShared, loadShared, loadSlice, rescueSlice, sliceKey } from '../files/load-slice.js';
import { createYielder, type Yielder } from '../files/yielder.js';

/** A file that counts, and what is known of it. */
export interface Source {
  readonly file: StoredFile;
  readonly partition: Partition;
  readonly known: LoadedFile;
}

/**
 * Finds the files that count: those of the user's own, and shares of shared parts; of those that are damaged, and had to stay where they
 * are, what can be read.
 * @param snapshots - of the shared partition and of the user's own, where they exist.
 */
export async function findSources(
  { cache, damage, yielder }: { readonly cache: FileCache; readonly damage: DamageWatch; readonly yielder: Yielder },
  snapshots: readonly Snapshot[],
  question: Question,
): Promise<readonly Source[]> {
  const directory = userDirectory(question.userId);
  const { yieldTurn } = yielder;
  async function filesOf(isWanted: (name: string) => boolean): Promise<Place[]> {
    for (const { partition, files } of snapshots) {
      if (!isWanted(partition.directory)) continue;
      return await collectYielding(damage.readable(files, partition), (file) => ({ file, partition }), yieldTurn);
    }
    return [];
  }
  const own = await loadAll(
    await filesOf((name) => name === directory),
    (name, replaced) => replaced.has(name),
    ({ file, partition }) => damage.read(file, partition, () => loadFile(cache, file, partition, question.priority)),
    yielder,
  );
  const replaced = new Set<string>();
  await collectYielding(
    own,
    ({ file, partition, known: { footer } }) => {
      if (footer.rollupFault !== null) damage.noteRollup(file, partition);
      for (const name of footer.replaces) replaced.add(name);
    },
    yieldTurn,
  );
  const shared = await loadAll(
    await filesOf((name) => name === SHARED_DIRECTORY),
    (name, others) => others.has(name) || replaced.has(sliceName(name, directory)),
    ({ file, partition }) => damage.read(file, partition, () => loadShared(cache, file, partition)),
    yielder,
  );
  const slices = await loadEach(
    shared,
    ({ file, partition, known }) =>
      damage.read(file, partition, () => loadSlice(cache, file, partition, known, question)),
    yielder,
  );
  const skipped = snapshots.flatMap(({ partition, files }) =>
    damage.skipped(files, partition).map((file) => ({ file, partition })),
  );
  const rescued = await loadEach(skipped, ({ file, partition }) => rescueSlice(file, partition, question), yielder);
  return [...own, ...slices, ...rescued];
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
      const shared = await loadShared(cache, file, partition);
      return { name: file.name, columns: (await loadSlice(cache, file, partition, shared, question)).columns };
    } catch (error) {
      if (isHrmError(error) && error.kind === 'data') return { name: file.name, columns: null };
      throw error;
    }
  }
  const places = files.map((file) => ({ file, partition }));
  return (await loadEach(places, know, createYielder())).map(({ known }) => known);
}

/** Tells which parts of a partition need not be opened for a question: all that it takes is remembered. */
export function knownParts(
  cache: FileCache,
  partition: Partition,
  { userId }: Question,
): (name: string, version: string) => boolean {
  return (name, version) => {
    const key = versionKey({ name, version }, partition);
    const known = cache.peek(key) as Partial<LoadedFile> | undefined;
    if (partition.directory !== SHARED_DIRECTORY) return known?.columns != null;
    return known !== undefined && cache.peek(sliceKey(key, userId)) !== undefined;
  };
}

interface Place {
  readonly file: StoredFile;
  readonly partition: Partition;
}

/**
 * Gets to know files, of which the compacted one tells most about the others, and skips those that others replace.
 * @param isReplaced - by the names that the files known so far say they replace.
 */
async function loadAll<Known extends LoadedShared>(
  files: readonly Place[],
  isReplaced: (name: string, replaced: ReadonlySet<string>) => boolean,
  know: (place: Place) => Promise<Known | null>,
  yielder: Yielder,
) {
  const replaced = new Set<string>();
  // In pieces: of a day there may be 100,000 files.
  const { yieldTurn } = yielder;
  async function add(isWanted: (name: string) => boolean) {
    const wanted = (place: Place) =>
      isWanted(place.file.name) && !isReplaced(place.file.name, replaced) ? place : undefined;
    const known = await loadEach(await collectYielding(files, wanted, yieldTurn), know, yielder);
    await collectYielding(
      known,
      ({ known: { footer } }) => {
        for (const name of footer.replaces) replaced.add(name);
      },
      yieldTurn,
    );
    return known;
  }
  const compacted = await add(isCompacted);
  const parts = await add((name) => !isCompacted(name));
  const left = (each: (typeof parts)[number]) => (isReplaced(each.file.name, replaced) ? undefined : each);
  return [...(await collectYielding(compacted, left, yieldTurn)), ...(await collectYielding(parts, left, yieldTurn))];
}

/** A bounded number at once, and others have their turn in between; without those that cannot be read. */
async function loadEach<Item extends Place, Known>(
  items: readonly Item[],
  know: (item: Item) => Promise<Known | null>,
  yielder: Yielder,
) {
  const all: (Place & { readonly known: Known })[] = [];
  for (let from = 0; from < items.length; from += MAX_CONCURRENT_READS) {
    const some = items.slice(from, from + MAX_CONCURRENT_READS);
    const known = await Promise.all(some.map(know));
    await yielder.yieldTurn();
    for (const [i, { file, partition }] of some.entries()) {
      const each = known[i] ?? null;
      if (each !== null) all.push({ file, partition, known: each });
    }
  }
  return all;
}
