/**
 * Files that cannot be read, met while answering or compacting: they are set aside, and the rest goes on without them.
 *
 * Damage is a file's own fault: its bytes are not what they should be, or are no readings, or the disk cannot read that
 * place of it. A storage that cannot open or read now (no permission, too many open files, a mount that is gone) fails
 * the question as ever, and moves nothing.
 */
import { type HrmError, isHrmError } from '../errors.js';
import { proveFile } from '../parquet/decode.js';
import type { CallOptions } from '../ports/queue.js';
import type { Partition, Snapshot, Storage, StoredFile } from '../ports/storage.js';
import { versionKey } from './file-cache.js';

/** A file that an answer, or a compaction, was made without, or without its rollup. */
export interface DamageReport {
  /** The UTC date of its partition, `YYYYMMDD`. */
  readonly date: string;
  readonly name: string;
  /** `file_damaged`; `rollup_damaged`; `file_too_large`, which is no damage, and never moved. */
  readonly code: string;
  /** For people; without the user. */
  readonly message: string;
  /**
   * `skipped`: it is where it was, since the storage only reads, cannot move it now, or should not. `answered`: what is
   * damaged is derived, and the answer lacks nothing (code `rollup_damaged`).
   */
  readonly outcome: 'quarantined' | 'skipped' | 'answered';
}

/** Who hears of files that an answer was made without. */
export type OnDamage = (report: DamageReport) => void;

/** Reads the files of some partitions, and passes over those that cannot be read. */
export interface DamageWatch {
  /** Those of a partition that were not found damaged before. */
  sound(files: readonly StoredFile[], partition: Partition): readonly StoredFile[];
  /** Runs what reads a file; `null` where the file is damaged, which {@link DamageWatch.setAside} then sees to. */
  read<T>(file: StoredFile, partition: Partition, read: () => Promise<T>): Promise<T | null>;
  /** Tells of a file whose rollup cannot be read, once. */
  noteRollup(file: StoredFile, partition: Partition): void;
  /** Sets aside what was found damaged since the last call. @returns whether there was any: take new snapshots then. */
  setAside(snapshots: readonly Snapshot[]): Promise<boolean>;
}

/** Whether an error is a file's own fault, so that others can be read without it. */
export function isDamage(error: unknown): error is HrmError {
  return isHrmError(error) && error.kind === 'data' && [DAMAGED, TOO_LARGE].includes(error.code);
}

const DAMAGED = 'file_damaged';
const TOO_LARGE = 'file_too_large';

/**
 * Sets a file of a snapshot aside for an error that {@link isDamage}. What keeps it from being moved is no error: a damaged
 * file is in nobody's way where it is.
 * @throws HrmError kind `closed`.
 */
export async function setFileAside(
  storage: Storage,
  snapshot: Snapshot,
  name: string,
  { code, message, cause }: HrmError,
): Promise<'quarantined' | 'gone' | 'skipped'> {
  if (code === TOO_LARGE) return 'skipped';
  const detail = cause instanceof Error ? `${message}: ${cause.message}` : message;
  try {
    return await storage.quarantine(snapshot, name, detail);
  } catch (error) {
    if (!isHrmError(error) || error.kind === 'closed') throw error;
    return 'skipped';
  }
}

/**
 * Proves every file of a partition, and sets aside those that are damaged: after something of it could not be read.
 * @returns whether one was; files that cannot be moved are where they were.
 */
async function setDamagedAside(
  storage: Storage,
  partition: Partition,
  { onDamage, ...options }: CallOptions & { readonly onDamage?: OnDamage | undefined },
): Promise<boolean> {
  const snapshot = await storage.snapshot(partition, options);
  let hasMoved = false;
  const damage = watchDamage(storage, (report) => {
    hasMoved ||= report.outcome === 'quarantined';
    onDamage?.(report);
  });
  try {
    for (const file of snapshot.files) await damage.read(file, snapshot.partition, () => proveFile(file, partition));
    await damage.setAside([snapshot]);
    return hasMoved;
  } finally {
    await snapshot.close();
  }
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
    if (!isDamage(error) || !(await setDamagedAside(storage, partition, options))) throw error;
    return step();
  }
}

/** Creates the watch over some partitions' files, for one question. */
export function watchDamage(storage: Storage, onDamage: OnDamage | undefined): DamageWatch {
  const skipped = new Set<string>();
  const noted = new Set<string>();
  let found: { readonly file: StoredFile; readonly partition: Partition; readonly error: HrmError }[] = [];
  let canMove = true;

  async function setOneAside(snapshot: Snapshot, file: StoredFile, error: HrmError): Promise<void> {
    const { partition } = snapshot;
    const outcome = canMove ? await setFileAside(storage, snapshot, file.name, error) : 'skipped';
    // Somebody else has set it aside, or put a good one in its place: the next snapshot tells.
    if (outcome === 'gone') return;
    if (outcome === 'skipped') {
      skipped.add(versionKey(file, partition));
      // A try that failed may have given it another name; with a second one it would get a third.
      canMove &&= error.code === TOO_LARGE;
    }
    const { code, message } = error;
    onDamage?.({ date: partition.date, name: file.name, code, message, outcome });
  }

  return {
    sound: (files, partition) => files.filter((file) => !skipped.has(versionKey(file, partition))),
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
