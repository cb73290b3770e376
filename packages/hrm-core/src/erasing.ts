/**
 * The bytes of what was erased: files are made anew without it or deleted, dead letters and quarantine too, until nothing is left. Then the
 * erasure has a report. It may be stopped at any moment, and be done by any number of processes at once: each begins by looking what is left.
 */
import { compactAll } from './flow/compact/compact-all.js';
import type { CompactOptions } from './flow/compact/compact-summary.js';
import { findErasedFiles } from './flow/erase/find-erased.js';
import { forgetLetters, forgetQuarantined } from './flow/erase/forget-aside.js';
import { ERASED_SWEEP_AFTER_MS } from './limits.js';
import { type Clock, systemClock } from './ports/clock.js';
import type { Queue } from './ports/queue.js';
import type { Storage } from './ports/storage.js';
import type { Erasure } from './pure/erasure/erasure.js';
import type { DevicePriority } from './pure/merge.js';
import { formatInstant } from './pure/reading/timestamp.js';

/** What `finishErasures` works on. */
export interface FinishComponents {
  readonly storage: Storage;
  /** Without it nobody knows when the queue has nothing of them any more: no erasure is finished then. */
  readonly queue?: Pick<Queue, 'deadLetters' | 'depth'> | undefined;
  readonly clock?: Clock | undefined;
}

/** How. */
export interface FinishSettings {
  /** How long replaced files stay, ms, for those who are reading them; default {@link ERASED_SWEEP_AFTER_MS}. */
  readonly sweepAfterMs?: number | undefined;
  /** As for `compact`. */
  readonly devicePriority?: DevicePriority | undefined;
}

/** What is left to do for erasures. */
export interface FinishSummary {
  /** Erasures that have their report since this run. */
  readonly finished: readonly string[];
  /** Those that have none yet. */
  readonly left: readonly LeftErasure[];
}

/** An erasure of which something is left. */
export interface LeftErasure {
  readonly id: string;
  /** `files`: files have to be made anew, or wait for those who read them. `queue`: readings accepted before it may still be in the queue. */
  readonly waitsFor: 'files' | 'queue';
}

/**
 * One run: does what can be done now for each erasure that is not finished. To be called again while something is left.
 * @throws HrmError kind `unavailable`, kind `closed` when aborted.
 */
export async function finishErasures(
  { storage, queue, clock = systemClock }: FinishComponents,
  { sweepAfterMs = ERASED_SWEEP_AFTER_MS, devicePriority }: FinishSettings = {},
  options: CompactOptions = {},
): Promise<FinishSummary> {
  const open = await storage.erasures.open();
  if (open.length === 0) return { finished: [], left: [] };
  const { signal } = options;
  const letters = queue === undefined ? 0 : await forgetLetters({ queue }, open);
  const quarantined = await forgetQuarantined({ storage }, { signal });
  // Before the files: what leaves the queue meanwhile is without what was erased.
  const pastQueue = new Set<string>();
  for (const erasure of open) if (await isPastQueue(storage, queue, erasure)) pastQueue.add(erasure.id);
  let files = await countFiles(storage, open, options);
  const found = files;
  if (files.files > 0) {
    await compactAll({ storage, clock }, { erased: true, sweepAfterMs, devicePriority }, options);
    files = await countFiles(storage, open, options);
  }
  const finished: string[] = [];
  const left: LeftErasure[] = [];
  for (const erasure of open) {
    if (files.files > 0) left.push({ id: erasure.id, waitsFor: 'files' });
    else if (!pastQueue.has(erasure.id)) left.push({ id: erasure.id, waitsFor: 'queue' });
    else {
      const counts = { ...found, deadLetters: letters, quarantined };
      await storage.erasures.finish(erasure.id, reportText(erasure, clock.nowMs(), counts));
      finished.push(erasure.id);
    }
  }
  return { finished, left };
}

/** When it was first seen that nothing of an erasure waits in the queue, by its id: what was claimed before is stored soon after. */
const unqueuedSince = new WeakMap<Storage, Map<string, number>>();

/** Whether nothing that was accepted before an erasure is in a queue, nor in the hands of a consumer. */
async function isPastQueue(
  storage: Storage,
  queue: Pick<Queue, 'depth'> | undefined,
  { id, until_ms: untilMs }: Erasure,
): Promise<boolean> {
  if (queue === undefined) return false;
  const { readings, claimedReadings, oldestMs } = await queue.depth();
  if (readings > 0 && !(typeof oldestMs === 'number' && oldestMs > untilMs)) return false;
  if (claimedReadings === 0) return true;
  // Of a busy queue something is always claimed.
  const since = unqueuedSince.get(storage) ?? new Map<string, number>();
  unqueuedSince.set(storage, since);
  const nowMs = performance.now();
  since.set(id, since.get(id) ?? nowMs);
  return nowMs - (since.get(id) ?? nowMs) >= MAX_CLAIM_MS;
}

/** A claim is stored within this time, or its consumer stands still and is ended. */
const MAX_CLAIM_MS = 600_000;

async function countFiles(storage: Storage, erasures: readonly Erasure[], { signal, onAlive }: CompactOptions) {
  let [files, readings] = [0, 0];
  for await (const file of findErasedFiles({ storage }, erasures, { signal })) {
    files += 1;
    readings += file.readings;
    onAlive?.();
  }
  return { files, readings };
}

/** The report of an erasure: what it was of, without ids, and what was found. The counts are of the run that finished it. */
function reportText(
  { id, device, from_ms: fromMs, to_ms: toMs, until_ms: untilMs }: Erasure,
  nowMs: number,
  counts: Readonly<Record<string, number>>,
): string {
  const report = {
    version: 1,
    id,
    of: device === null ? 'all devices' : 'one device',
    start: fromMs === null ? null : formatInstant(fromMs),
    end: toMs === null ? null : formatInstant(toMs),
    accepted_until: formatInstant(untilMs),
    finished_at: formatInstant(nowMs),
    found: counts,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
