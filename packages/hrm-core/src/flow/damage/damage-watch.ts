/**
 * Files that cannot be read, met while answering or compacting: what can be read of them is stored anew, they are set aside, and
 * the rest goes on without them.
 *
 * Stored first and set aside then, so whatever stops it leaves every reading there at least once. Any number of questions may meet
 * the same file: what they store has the same bytes, and so the same names.
 */

import { type HrmError, isHrmError } from '../../errors.js';
import { MAX_MISREADS } from '../../limits.js';
import { proveFile } from '../../parquet/decode.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Snapshot, Storage, StoredFile } from '../../ports/storage.js';
import { versionKey } from '../files/file-cache.js';
import { isDamage, isLeftInPlace } from '../files/file-damage.js';
import { createYielder } from '../files/yielder.js';
import { confirmDamage, misreadError } from './confirm-damage.js';
import { type OnDamage, setFileAside } from './damage.js';
import { quarantineHalted, takeQuarantinePlace } from './quarantine-rate.js';
import { storeIntact } from './store-intact.js';

/** Reads the files of some partitions, and skips those that cannot be read. */
export interface DamageWatch {
  /** Those of a partition that were not found damaged before. */
  readable(files: readonly StoredFile[], partition: Partition): readonly StoredFile[];
  /** The others: those that had to stay where they are. */
  skipped(files: readonly StoredFile[], partition: Partition): readonly StoredFile[];
  /** Runs what reads a file; `null` where the file is damaged, which {@link DamageWatch.setAside} then sees to. */
  read<T>(file: StoredFile, partition: Partition, read: () => Promise<T>): Promise<T | null>;
  /** Tells of a file whose rollup cannot be read, once. */
  noteRollup(file: StoredFile, partition: Partition): void;
  /**
   * Sets aside what was found damaged since the last call. @returns whether there was any: take new snapshots then.
   * @throws HrmError kind `unavailable`: `quarantine_halted` for too many; `storage_unavailable` where files are read wrong, and then not.
   */
  setAside(snapshots: readonly Snapshot[]): Promise<boolean>;
  /** Whether a damaged file has left its place, set aside here or by somebody else. */
  hasMoved(): boolean;
}

/**
 * Proves every file of a partition, and sets aside those that are damaged: after something of it could not be read.
 * @returns `moved`: one has left its place, by this or by somebody else who met it; `skipped`: those that cannot be moved are where
 *   they were; `none`: all of them can be read by now.
 */
async function setDamagedAside(
  storage: Storage,
  partition: Partition,
  { onDamage, ...options }: CallOptions & { readonly onDamage?: OnDamage | undefined },
): Promise<'moved' | 'skipped' | 'none'> {
  const snapshot = await storage.snapshot(partition, options);
  const damage = watchDamage(storage, onDamage);
  try {
    const { yieldTurn } = createYielder(options);
    for (const file of snapshot.files)
      await damage.read(file, snapshot.partition, () => proveFile(file, partition, yieldTurn));
    const isAny = await damage.setAside([snapshot]);
    if (damage.hasMoved()) return 'moved';
    return isAny ? 'skipped' : 'none';
  } finally {
    await snapshot.close();
  }
}

/**
 * Stores what can be read of a damaged file, then sets it aside: a file of many users or devices is damaged in one row group, and
 * what is in the others must not go out of sight with it. Where it cannot be stored, the file stays where it is.
 * @returns `refused` where so many were set aside that this one must stay.
 */
async function setIntactAside(
  storage: Storage,
  snapshot: Snapshot,
  file: StoredFile,
  error: HrmError,
): Promise<'quarantined' | 'gone' | 'skipped' | 'refused'> {
  if (isLeftInPlace(error)) return 'skipped';
  const giveBack = takeQuarantinePlace(storage);
  if (giveBack === null) return 'refused';
  let outcome: 'quarantined' | 'gone' | 'skipped' = 'skipped';
  try {
    await storeIntact(storage, snapshot.partition, file);
    outcome = await setFileAside(storage, snapshot, file.name, error);
  } catch (failure) {
    if (!isHrmError(failure) || failure.kind === 'closed') throw failure;
  } finally {
    if (outcome !== 'quarantined') giveBack();
  }
  return outcome;
}

/** Runs a step over a partition, and once more without what was damaged in it. */
export async function withoutDamaged<T>(
  storage: Storage,
  partition: Partition,
  options: CallOptions & { readonly onDamage?: OnDamage | undefined },
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isDamage(error) || (await setDamagedAside(storage, partition, options)) === 'skipped') throw error;
    return step();
  }
}

/** Creates the watch over some partitions' files, for one question. */
export function watchDamage(storage: Storage, onDamage: OnDamage | undefined): DamageWatch {
  const skipped = new Set<string>();
  const noted = new Set<string>();
  let found: { readonly file: StoredFile; readonly partition: Partition; readonly error: HrmError }[] = [];
  let canMove = true;
  let hasMoved = false;
  let misreads = 0;

  async function setOneAside(snapshot: Snapshot, file: StoredFile, error: HrmError): Promise<void> {
    const { partition } = snapshot;
    const confirmation = await confirmDamage(storage, snapshot, file);
    if (confirmation === 'misread') {
      misreads += 1;
      if (misreads === MAX_MISREADS) throw misreadError(file.name, partition, error);
      return;
    }
    hasMoved ||= confirmation === 'gone';
    if (confirmation === 'gone') return;
    const outcome = canMove ? await setIntactAside(storage, snapshot, file, error) : 'skipped';
    hasMoved ||= outcome === 'quarantined' || outcome === 'gone';
    // Somebody else has set it aside, or put a good one in its place: the next snapshot tells.
    if (outcome === 'gone') return;
    if (outcome === 'skipped') {
      skipped.add(versionKey(file, partition));
      // A try that failed may have given it another name; with a second one it would get a third.
      canMove &&= isLeftInPlace(error);
    }
    const { code, message } = error;
    onDamage?.({ date: partition.date, name: file.name, code, message, outcome });
    if (outcome === 'refused') throw quarantineHalted(error);
  }

  return {
    readable: (files, partition) =>
      skipped.size === 0 ? files : files.filter((file) => !skipped.has(versionKey(file, partition))),
    hasMoved: () => hasMoved,
    skipped: (files, partition) =>
      skipped.size === 0 ? [] : files.filter((file) => skipped.has(versionKey(file, partition))),
    async read(file, partition, read) {
      try {
        return await read();
      } catch (error) {
        if (!isDamage(error)) throw error;
        found.push({ file, partition, error });
        return null;
      }
    },
    noteRollup(file, partition) {
      const key = versionKey(file, partition);
      if (noted.has(key)) return;
      noted.add(key);
      const { date } = partition;
      const message = `${file.name} of ${date} cannot be read at its rollup: its readings answer instead, more slowly`;
      onDamage?.({ date, name: file.name, code: 'rollup_damaged', message, outcome: 'answered' });
    },
    async setAside(snapshots) {
      // A file that was read in pieces may be damaged in several.
      const damaged = new Map(found.map((one) => [versionKey(one.file, one.partition), one]));
      found = [];
      for (const { file, partition, error } of damaged.values()) {
        const snapshot = snapshots.find((one) => one.partition === partition);
        if (snapshot !== undefined) await setOneAside(snapshot, file, error);
      }
      return damaged.size > 0;
    },
  };
}
