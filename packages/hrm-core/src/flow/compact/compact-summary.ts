/** How a run of a compacter is watched, and what it did. */
import type { CallOptions } from '../../ports/queue.js';
import type { PartitionFailure } from '../../ports/storage.js';
import type { OnDamage } from '../damage/damage.js';

/** How a run is watched and stopped. */
export interface CompactOptions extends CallOptions {
  /** Called after each partition, with how many are done of how many that were found until then. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  /** Called after each user that shared parts were split among: they are one partition, of tens of thousands of users. */
  readonly onAlive?: (() => void) | undefined;
  /** Hears of each file that could not be read, and that was therefore set aside, where the storage can. */
  readonly onDamage?: OnDamage | undefined;
}

/** What one run did. */
export interface CompactSummary {
  /** Partitions looked at. */
  readonly partitions: number;
  /** Partitions not looked at, or not done with, since this run had rewritten enough: the next one is worth beginning at once. */
  readonly left: number;
  /** Of them shared parts of a date of which a piece was split: see {@link compact}. */
  readonly splitting: number;
  /** Partitions that got a new compacted file. */
  readonly compacted: number;
  /** Partitions where another compacter was first; nothing is lost, and there is nothing to do. */
  readonly skipped: number;
  /** Parts merged, a user's and shared ones. */
  readonly merged: number;
  /** Readings in the files made: rows rewritten. */
  readonly readings: number;
  /** Replaced files deleted. */
  readonly swept: number;
  /** Partitions of days that are over whose parts are too young, see `quietAfterMs`: a later run merges them, or one with `all`. */
  readonly waiting: number;
  /** Partitions that could not be compacted: a file is damaged, or cannot be read or written. Nothing of theirs was changed. */
  readonly failures: readonly PartitionFailure[];
}
