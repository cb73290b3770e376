/** Where bytes of erased readings still are. */
import { throwIfAborted } from '../../errors.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { decodeGroups } from '../../parquet/decode.js';
import { openFile } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage, StoredFile } from '../../ports/storage.js';
import type { Erasure } from '../../pure/erasure/erasure.js';
import { createRegister, datesOfErasures } from '../../pure/erasure/register.js';
import { nullIfDamaged } from '../files/file-damage.js';
import { overSnapshot } from '../files/over-snapshot.js';
import { createYielder } from '../files/yielder.js';

/** A stored file that has erased readings, or may have, since it cannot be read. */
export interface ErasedFile {
  readonly partition: Partition;
  /** `null`: a directory without readings, whose name says whose it was. */
  readonly name: string | null;
  /** Erased readings that were found in it. */
  readonly readings: number;
}

/** What `findErasedFiles` works on. */
export interface FindComponents {
  readonly storage: Pick<Storage, 'partitions' | 'snapshot' | 'erasures' | 'dates'>;
}

/**
 * Finds files with readings that some erasures are of, superseded ones too; those in quarantine apart. It reads every file that may have one.
 * @throws HrmError kind `unavailable`, kind `closed` when aborted.
 */
export async function* findErasedFiles(
  { storage }: FindComponents,
  erasures: readonly Erasure[],
  options: CallOptions = {},
): AsyncGenerator<ErasedFile, void, undefined> {
  const { yieldTurn } = createYielder();
  let dates: ReadonlySet<string> | null = null;
  for await (const partition of erasedPartitions({ storage }, erasures, options)) {
    throwIfAborted(options.signal, 'looking for erased readings');
    // It has no files to anybody, and goes as a whole. A listing of one date may tell of a partition that is not there any more.
    if ((await storage.erasures.current()).isGone(partition)) {
      dates ??= new Set(await storage.dates(options));
      if (dates.has(partition.date)) yield { partition, name: null, readings: 0 };
      continue;
    }
    // A file may be gone before it is read; then all are looked at again.
    yield* await overSnapshot(storage, partition, options, async ({ files }) => {
      const found: ErasedFile[] = [];
      let isEmpty = true;
      for (const file of files) {
        const look = await lookAt(file, partition, yieldTurn);
        if (look?.erased !== 0) found.push({ partition, name: file.name, readings: look?.erased ?? 0 });
        isEmpty &&= look?.rows === 0;
      }
      // The name of its directory alone says whose it was.
      if (isEmpty && partition.directory !== SHARED_DIRECTORY) found.push({ partition, name: null, readings: 0 });
      return found;
    });
  }
}

/** Partitions that some erasures may be of: users' own, told by a hash of their directory's name, and shared ones. */
async function* erasedPartitions(
  { storage }: { readonly storage: Pick<Storage, 'partitions'> },
  erasures: readonly Erasure[],
  options: CallOptions,
): AsyncGenerator<Partition, void, undefined> {
  const { maskOf } = createRegister(erasures);
  const { yieldTurn } = createYielder();
  const dates = datesOfErasures(erasures);
  for (const range of [{ ...dates, directories: [SHARED_DIRECTORY] }, dates]) {
    for await (const partition of storage.partitions({ ...range, expired: true }, { ...options, yieldTurn })) {
      await yieldTurn();
      if (maskOf(partition) !== null) yield partition;
    }
  }
}

/** Rows of a file of a snapshot, or of quarantine, and how many of them are erased; `null` where it cannot be read, and so may have any. */
export async function lookAt(
  file: StoredFile,
  partition: Partition,
  yieldTurn: () => Promise<void>,
): Promise<{ readonly rows: number; readonly erased: number } | null> {
  const opened = await openFile(file, partition).catch(nullIfDamaged);
  if (opened === null) return null;
  const { rows, isMasked } = opened.footer;
  const { mask } = file;
  // Nothing of the partition is erased, or it was made through these very erasures.
  if (mask === null || !isMasked) return { rows, erased: 0 };
  const plain = { ...opened, footer: { ...opened.footer, isMasked: false } };
  let erased = 0;
  for (const group of opened.footer.groups) {
    const [all] = (await decodeGroups(file, partition, plain, [group], yieldTurn).catch(nullIfDamaged)) ?? [];
    if (all === undefined) return null;
    erased += all.length - mask.keep(all).length;
    await yieldTurn();
  }
  return { rows, erased };
}
