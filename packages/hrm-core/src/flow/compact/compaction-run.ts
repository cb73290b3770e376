/** What the steps of one run of a compacter share. */
import { isGone } from '../../errors.js';
import { DAY_MS, FILE_ROWS } from '../../limits.js';
import type { Clock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Random } from '../../ports/random.js';
import type { Partition, PartitionFailure, Storage } from '../../ports/storage.js';
import type { DevicePriority } from '../../pure/merge.js';
import { dateStartMs } from '../../pure/partition.js';
import type { OnDamage } from '../damage/damage.js';
import { noteFailure } from '../files/partition-failures.js';

/** What a run works on, and how. */
export interface CompactionRun {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  /** Whatever the policy says. */
  readonly all: boolean;
  readonly sweepAfterMs: number;
  readonly quietAfterMs: number;
  /** What minutes in which devices disagree are rolled up under. */
  readonly priority: DevicePriority;
  readonly bounds: RunBounds;
}

/** How much is done before something else is, in rows rewritten; a file counts as {@link FILE_ROWS}. */
interface RunBounds {
  /** By a run. */
  readonly runRows: number;
  /** With the shared parts of a date, on end. */
  readonly pieceRows: number;
}

/** What one step did, as `CompactSummary` counts it. */
export interface StepSummary {
  readonly compacted: number;
  readonly skipped: number;
  readonly merged: number;
  readonly readings: number;
  readonly swept: number;
  readonly waiting: number;
  /** Shared partitions of which a piece was split, and more is left that may be done at once. */
  readonly splitting: number;
  /** What it took, in rows. */
  readonly work: number;
  /** Of the users that shared parts were split among. */
  readonly failures: readonly PartitionFailure[];
}

/** How a step is stopped and watched. */
export interface StepOptions extends CallOptions {
  /** As in `CompactOptions`. */
  readonly onDamage?: OnDamage | undefined;
  /** As in `CompactOptions`. */
  readonly onAlive?: (() => void) | undefined;
}

/** The summary of a step that found nothing to do. */
export const NOTHING_DONE: StepSummary = {
  compacted: 0,
  skipped: 0,
  merged: 0,
  readings: 0,
  swept: 0,
  waiting: 0,
  splitting: 0,
  work: 0,
  failures: [],
};

/** What a file took that was made of so many readings, whatever became of it. */
export function fileWork(readings: number): number {
  return readings + FILE_ROWS;
}

/** The summary of a step where another compacter was first. */
export const SKIPPED: StepSummary = { ...NOTHING_DONE, skipped: 1 };

/**
 * What a step that failed comes to: skipped, where a storage cannot hold a replaced file open and another compacter was here; else
 * its failure is noted.
 * @throws as {@link noteFailure}.
 */
export function stepFailed(failures: PartitionFailure[], partition: Partition, error: unknown): StepSummary {
  if (isGone(error)) return SKIPPED;
  noteFailure(failures, partition, error);
  return NOTHING_DONE;
}

/** The first millisecond of a partition's day, and whether the day is over. */
export function dayOf({ clock }: CompactionRun, { date }: Partition): { dayMs: number; dayOver: boolean } {
  const dayMs = dateStartMs(date) ?? 0;
  return { dayMs, dayOver: clock.nowMs() >= dayMs + DAY_MS };
}

/** Adds up what two steps did. */
export function addSteps(left: StepSummary, right: StepSummary): StepSummary {
  return {
    compacted: left.compacted + right.compacted,
    skipped: left.skipped + right.skipped,
    merged: left.merged + right.merged,
    readings: left.readings + right.readings,
    swept: left.swept + right.swept,
    waiting: left.waiting + right.waiting,
    splitting: left.splitting + right.splitting,
    work: left.work + right.work,
    failures: [...left.failures, ...right.failures],
  };
}
