/**
 * The storage port: immutable files in partitions, published whole or not at all.
 *
 * What the flow relies on, and every driver proves in the contract suite:
 * - A name is published once: nothing is ever overwritten. A part's name is a hash of its bytes, so "already there" is
 *   as good as "written" (and is verified, since a torn or damaged file of that name must not swallow a batch).
 * - When a method that writes resolves, the file and every directory entry it needs survive a power cut.
 * - `snapshot` never misses a stored reading, whatever is published, replaced or removed while it runs.
 * - No lock that a crash could leave behind.
 */
import type { ErasureMask } from '../pure/erasure/register.js';
import type { Erasures } from './erasures.js';
import type { CallOptions } from './queue.js';
import type { Space } from './space.js';

/** One user's UTC day. */
export interface Partition {
  /** `YYYYMMDD`. */
  readonly date: string;
  /** The user's directory name, from `userDirectory` in pure/partition.ts; never a path. */
  readonly directory: string;
}

/** A partition where something could not be done, while the others went on. */
export interface PartitionFailure {
  readonly partition: Partition;
  /** Of the HrmError: `file_damaged`, `storage_unavailable`, `unstorable_readings`, `name_taken`. */
  readonly code: string;
  readonly message: string;
  /** The name of the file at fault, where it is one. */
  readonly name?: string | undefined;
}

/** A file of a partition, opened: its bytes are those of the moment it was opened, until `close`. */
export interface StoredFile {
  /** `compacted.parquet`, or `compacted-<32 hex digits>.parquet` where no file is ever replaced; `part-….parquet`. */
  readonly name: string;
  /**
   * What tells this file from every other that ever had this name in this partition: equal versions, equal bytes. Of
   * one whose name is a hash of its bytes (`part-<32 hex digits>`) its name; of any other file what the storage knows it by. Where something of the
   * partition is erased, it tells the erasures, too. A file system may give two files the
   * same one that are made and removed within its clock's tick: what is remembered by it should be a second old.
   */
  readonly version: string;
  readonly byteLength: number;
  /**
   * Age since it took its name, milliseconds >= 0 by the storage's own clock: what the grace period is measured by.
   */
  readonly ageMs: number;
  /**
   * The bytes `fromByte <= b < toByte`.
   * @throws HrmError kind `conflict`, code `file_gone`, where the driver cannot hold a replaced file: take a new snapshot.
   */
  read(fromByte: number, toByte: number): Promise<ArrayBuffer>;
  /** What its readings are looked at through; `null` where nothing of the partition is erased. It is the same for all files of a snapshot. */
  readonly mask: ErasureMask | null;
}

/** All files of a partition, open together; compacted ones first, then parts, by name. Close it, always. */
export interface Snapshot {
  readonly partition: Partition;
  readonly files: readonly StoredFile[];
  /** As {@link Storage.orphans} tells them, where the same listing does. */
  readonly orphans?: readonly string[] | undefined;
  close(): Promise<void>;
}

/** How a snapshot is taken. */
export interface SnapshotOptions extends VersionOptions {
  /**
   * Tells of a part's name and version whether its content is known, so that it need not be opened. Asked only of names that are a hash of
   * their bytes, which are only ever those of one content. Reading it throws `file_gone`, and nothing but its name and version are to be relied on.
   */
  readonly isKnown?: ((name: string, version: string) => boolean) | undefined;
}

/** A file's name and version. */
export type FileVersion = Pick<StoredFile, 'name' | 'version'>;

/** How versions are listed. */
export interface VersionOptions extends CallOptions {
  /** As of which UTC day, counted from 1970, what is kept no longer is hidden; default, and at most: today by the storage's clock. */
  readonly asOf?: number | undefined;
  /** Called between files, and waited for: lets others work where a partition has very many. */
  readonly yieldTurn?: (() => Promise<void>) | undefined;
}

/** Which partitions to list: dates inclusive, all optional. */
export interface PartitionRange {
  readonly fromDate?: string | undefined;
  /** Inclusive. */
  readonly toDate?: string | undefined;
  /** Only these, of each date in this order. `_shared` is listed only for who names it here, or asks for what is dirty. */
  readonly directories?: readonly string[] | undefined;
  /** Only those that were published to since they were last cleaned: see {@link Visit}. Default false. */
  readonly dirty?: boolean | undefined;
  /** Also those of which nothing is kept any more: see `retention`. They have no files to anybody who looks. Default false. */
  readonly expired?: boolean | undefined;
}

/** What stands among the dates, or among the partitions of a date, and is none. */
export interface Obstacle {
  /** Also a name that is no date. */
  readonly date: string;
  /** Also a name that no partition has. `null`: among the dates. */
  readonly directory: string | null;
  /** `in_the_way`: a file or a link by the name of a date or a partition. `strange`: a directory by a name that none of them has. */
  readonly kind: 'in_the_way' | 'strange';
}

/** How partitions are listed. */
export interface ListOptions extends CallOptions {
  /** Called between dates, and waited for: lets others work where a listing takes long and finds little. */
  readonly yieldTurn?: (() => Promise<void>) | undefined;
}

/**
 * A compacter's look at a partition, begun before its snapshot is taken. Any number of compacters may look at once.
 *
 * A partition that something is published to is dirty until a visit cleans it; so what there may be to do is found without
 * listing the whole history. That is memory of work and not of readings: where it is lost, files stay as they are.
 */
export interface Visit {
  /** Whether something was published between the beginning of the last visit and that of this one. */
  readonly changed: boolean;
  /** Says that nothing is left to do, as of the snapshot taken since. What is published meanwhile keeps the partition dirty. */
  markClean(): Promise<void>;
}

/** A replacement of a partition's compacted file. */
export interface Replacement {
  /** The snapshot that the new file was made from. Still open. */
  readonly snapshot: Snapshot;
  /**
   * Fresh name (`part-old-<hash>-<random>.parquet`) under which a driver that replaces `compacted.parquet` keeps the old
   * compacted file until it is removed. `bytes` already say that it is replaced.
   */
  readonly supersededName: string;
  /** The new compacted file, whole. */
  readonly bytes: Uint8Array;
}

/** What a partition takes. */
export interface PartitionSize {
  readonly files: number;
  readonly bytes: number;
  /** Of them those of compacted files; `null` where there is none. */
  readonly compactedBytes: number | null;
}

/** What a check found. */
export interface StorageCheck extends Space {
  /** Files in quarantine: they stay until a person deletes them. */
  readonly quarantinedFiles: number;
}

/** A file that was set aside. */
export interface QuarantinedFile {
  /** Where it was. */
  readonly partition: Partition;
  /** Under the name that it had. Open until the next one is asked for. */
  readonly file: StoredFile;
  /** Why it was set aside, in plain words. */
  readonly reason: string;
  /** Deletes it, and its report, for good. */
  discard(): Promise<void>;
}

/**
 * The storage, as the flow needs it.
 *
 * Every method throws HrmError kind `unavailable` (code `storage_unavailable`, or `storage_full` when there is no space,
 * with the cause) when the storage cannot do it now, and kind `closed` when its signal fires.
 *
 * `publish` may also throw kind `data`, code `unstorable_readings`: this storage will never take these bytes, whatever
 * becomes of the disk, the connection or other files, since a reading in them is at fault. `drainBatch` then finds that
 * reading by halving, and makes it a dead letter; no other error ever does that.
 */
export interface Storage {
  /**
   * Publishes an immutable part. `'exists'`: a file of that name with the same bytes was there, and is durable now.
   * A file of that name with other bytes is damaged, since the name is their hash: it is set aside, as by `quarantine`.
   */
  publish(partition: Partition, name: string, bytes: Uint8Array, options?: CallOptions): Promise<'written' | 'exists'>;
  /** Opens every file of a partition; one that does not exist has no files. */
  snapshot(partition: Partition, options?: SnapshotOptions): Promise<Snapshot>;
  /**
   * Opens the files of a snapshot again, also of one that is closed, without listing them again: as they were then, and without what was
   * erased since. `null` for a snapshot of another storage. Where it is missing, a snapshot holds files open; where it is there, a snapshot is
   * a listing, and as cheap as {@link Storage.versions}.
   */
  reopen?(snapshot: Snapshot): Promise<Snapshot | null>;
  /**
   * Names and versions of a partition's files, by name, without opening any. Not a snapshot: files that move meanwhile
   * may be in it under both names. But it is never again what it was once a file was added, replaced or removed.
   */
  versions(partition: Partition, options?: VersionOptions): Promise<readonly FileVersion[]>;
  /** Counts the files of some partitions, and their bytes, and opens none; one that does not exist has none. Some hundred of a date at once are best. */
  sizes(partitions: readonly Partition[], options?: ListOptions): Promise<readonly PartitionSize[]>;
  /**
   * What tells the files that some partitions have now from those that they have at any other time: equal texts, equal files, as
   * snapshots taken in this order would have found them. A part whose name is a hash of its bytes is known by its name. `null` where none
   * of them exists, where one has changed so lately that the storage's clock may not tell the next change from the last, and where
   * looking is as dear as a snapshot.
   */
  state(partitions: readonly Partition[]): Promise<string | null>;
  /**
   * Names in a partition's place that stand for no file of it, and that snapshots pass over: `compacted.parquet` or a part's name as
   * a directory, a link or the like, and any other name, unless it begins with a dot. None where a storage cannot have such.
   */
  orphans(partition: Partition, options?: VersionOptions): Promise<readonly string[]>;
  /**
   * What stands among dates and partitions, and is none; listings pass it over. By date, then directory. What is `strange` is looked for
   * only where a range is not narrowed by dates, or by directories. None where a storage cannot have such.
   */
  obstacles(range: Omit<PartitionRange, 'dirty'>, options?: ListOptions): AsyncIterable<Obstacle>;
  /**
   * Switches `compacted.parquet` to the replacement, if it is still the one in the snapshot (or still absent).
   * `'conflict'`: somebody else was first; nothing is lost, and there is nothing to undo. Once it has begun it is not aborted.
   * A storage that replaces no file publishes the replacement beside the others instead, under a name that is a hash of its bytes: whoever else does so
   * has lost nothing either, and the next merge has both.
   */
  replace(replacement: Replacement, options?: CallOptions): Promise<'replaced' | 'conflict'>;
  /**
   * Deletes parts whose readings other files hold, and makes sure first that those survive a power cut. Missing names are
   * skipped. Only for names that never mean another file, as those with the hash of the bytes.
   * @param holders - the partitions that those other files are in; by default the part's own. Where one of them is not there, a storage that
   * has to look, to make sure, deletes nothing.
   */
  remove(partition: Partition, names: readonly string[], holders?: readonly Partition[]): Promise<void>;
  /**
   * Deletes a file that somebody else may have named, and whose readings other files hold, as `remove` does: but only the very file
   * that the snapshot holds, and only with these bytes. `'gone'`: it has left its name, or has other bytes by now. Whatever else has
   * the name stays in the partition with all its readings, perhaps under a fresh name. Any other name is for `remove`.
   * @param file - of `snapshot`, which is still open: its name, and the SHA-256 of its bytes in hex.
   * @param holders - as for `remove`.
   */
  removeExact(
    snapshot: Snapshot,
    file: { readonly name: string; readonly sha256: string },
    holders?: readonly Partition[],
  ): Promise<'removed' | 'gone'>;
  /** Begins a compacter's visit. */
  visit(partition: Partition): Promise<Visit>;
  /**
   * Sets a file aside: it leaves the partition, is never deleted, and a report stands beside it. Only the very file that the
   * snapshot holds is ever taken; `'gone'`: it has left its name already, and whatever has that name now stays.
   * @param name - of a file of `snapshot`, which is still open.
   * @param reason - in plain words, for the person who looks at it; without the user.
   */
  quarantine(snapshot: Snapshot, name: string, reason: string): Promise<'quarantined' | 'gone'>;
  /** What was set aside, in no order. */
  quarantined(options?: CallOptions): AsyncIterable<QuarantinedFile>;
  /**
   * Partitions that exist, by date, then directory, ascending in an order of the storage's own; where `directories` are named, in that
   * order. One that others than this storage made by hand may be missed for a minute where `directories` are named. Where they are and
   * both dates are, too, one that does not exist may be given.
   */
  partitions(range: PartitionRange, options?: ListOptions): AsyncIterable<Partition>;
  /**
   * The dates that have something, ascending. Of a long history this is one listing, or some; of a date it says nothing but that it is there, which
   * it may stay when all of it was removed.
   */
  dates(options?: ListOptions): Promise<readonly string[]>;
  /**
   * Takes away what is left of a partition without files, as far as its name tells who the user is: a directory, what reminds a compacter of it.
   * One that has a file, or gets one meanwhile, stays.
   */
  vacate(partition: Partition): Promise<void>;
  /**
   * Deletes partitions of a date of which nothing is kept any more, and what else names them: unread, and for good. To be called only where
   * the day on which they went has surely come. What is stored there meanwhile may stay, and goes the next time.
   * @param directories - `null`: all of the date, and then the date itself.
   * @returns files that were deleted.
   * @throws HrmError kind `internal` where something of them is still kept.
   */
  discard(date: string, directories: readonly string[] | null, options?: ListOptions): Promise<number>;
  /** What was erased or is kept no longer, and is answered no more. */
  readonly erasures: Erasures;
  /** Proves that a file can be written durably now, and tells how things are. @throws HrmError kind `unavailable` with the reason. */
  check(): Promise<StorageCheck>;
  /** Names of all settings files, ascending. */
  settingsFiles(): Promise<readonly string[]>;
  /**
   * The settings of a user, small and whole; `null` where there are none. Of one that is larger than {@link MAX_SETTINGS_FILE_BYTES} it may give
   * only the beginning. A storage over a network may give what another handle wrote some seconds later.
   * @param name - 64 hex digits.
   */
  settingsFile(name: string): Promise<Uint8Array | null>;
  /** Writes the settings of a user over those before. Of several who write at once, the last one's are there, whole. */
  putSettingsFile(name: string, bytes: Uint8Array): Promise<void>;
  /** Removes the settings of a user; none are as good. */
  removeSettingsFile(name: string): Promise<void>;
  /**
   * What tells this store from every other, also in a copy of it: 1 to 128 characters. `null` where it has nothing of the kind, as a
   * store has not that is only read and was never opened to write.
   */
  identity(): Promise<string | null>;
  /** Snapshots that a caller should have open at once, at most; where it is not said, as many as the caller likes. */
  readonly maxConcurrent?: number | undefined;
  /**
   * Partitions that are best asked for before the one in hand is done, where a storage is waited for, as one over a network; default 0: a
   * local directory answers no sooner.
   */
  readonly readAhead?: number | undefined;
  /** Batches that a consumer best stores at once, where a storage is waited for; default 1. */
  readonly batchesAtOnce?: number | undefined;
  close(): Promise<void>;
}
