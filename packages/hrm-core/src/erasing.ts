/**
 * The bytes of what was erased: files are made anew without it or deleted, dead letters and quarantine too, until nothing is left. Then the
 * erasure has a report. It may be stopped at any moment, and be done by any number of processes at once: each begins by looking what is left.
 */
import { compactAll } from './flow/compact/compact-all.js';
import type { CompactOptions } from './flow/compact/compact-summary.js';
import { findErasedFiles } from './flow/erase/find-erased.js';
import { forgetLetters, forgetQuarantined } from './flow/erase/forget-aside.js';
import { sureView } from './flow/files/sure-view.js';
import { ERASED_SWEEP_AFTER_MS } from './limits.js';
import { type Clock, systemClock } from './ports/clock.js';
import type { Queue, QueueDepth } from './ports/queue.js';
import type { Storage } from './ports/storage.js';
import type { Erasure } from './pure/erasure/erasure.js';
import type { DevicePriority } from './pure/merge.js';
import { formatInstant } from './pure/reading/timestamp.js';
import { pause } from './waits.js';

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
  const memory = memoryOf(storage, open);
  const letters = queue === undefined ? 0 : await forgetLetters({ queue }, open, { signal });
  // What may be hidden by a clock that is wrong is none of what is erased.
  const sure = await sureView(storage, clock, { signal });
  const quarantined = await forgetQuarantined({ storage: sure }, { signal });
  // Before the files: what leaves the queue meanwhile is without what was erased.
  const depth = (await queue?.depth()) ?? null;
  const pastQueue = new Set(open.filter((erasure) => isPastQueue(depth, erasure, memory)).map(({ id }) => id));
  let files = await countFiles(sure, open, options);
  for (const { id } of open) note(memory, id, { ...files, letters, quarantined });
  if (files.files > 0) {
    await compactAll({ storage, clock }, { erased: true, sweepAfterMs, devicePriority }, options);
    files = await countFiles(sure, open, options);
  }
  const finished: string[] = [];
  const left: LeftErasure[] = [];
  for (const erasure of open) {
    const { id } = erasure;
    if (files.files > 0) left.push({ id, waitsFor: 'files' });
    else if (!pastQueue.has(id)) left.push({ id, waitsFor: 'queue' });
    else {
      await storage.erasures.finish(id, reportText(erasure, clock.nowMs(), found(memory, id)));
      finished.push(id);
    }
  }
  return { finished, left };
}

/** Pauses between runs, ms: of files that wait for their readers. */
const RUN_PAUSE_MS = 2_000;

/**
 * Runs {@link finishErasures} until nothing is left but what waits for a consumer to take it from the queue.
 * @returns what is left.
 * @throws as {@link finishErasures}.
 */
export async function eraseUntilFinished(
  components: FinishComponents,
  settings: FinishSettings = {},
  options: CompactOptions = {},
): Promise<readonly LeftErasure[]> {
  for (;;) {
    const { left } = await finishErasures(components, settings, options);
    if (left.every(({ waitsFor }) => waitsFor === 'queue')) return left;
    await pause(RUN_PAUSE_MS, options.signal);
  }
}

/** What was found of an erasure, by all runs of this process. */
interface Found {
  /** Files that had some of it, as many as a run has found at most; readings in them, a reading as often as it stood there. */
  readonly files: number;
  readonly readings: number;
  readonly letters: number;
  readonly quarantined: number;
}

/** What runs of this process remember, by the erasures' ids. */
interface Memory {
  readonly found: Map<string, Found>;
  /** When it was first seen that nothing of it waits in the queue: what was claimed before is stored soon after. */
  readonly unqueuedSinceMs: Map<string, number>;
}

const memories = new WeakMap<Storage, Memory>();

function memoryOf(storage: Storage, open: readonly Erasure[]): Memory {
  const memory: Memory = memories.get(storage) ?? { found: new Map(), unqueuedSinceMs: new Map() };
  memories.set(storage, memory);
  const ids = new Set(open.map(({ id }) => id));
  for (const known of [memory.found, memory.unqueuedSinceMs])
    for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
  return memory;
}

const NOTHING_FOUND: Found = { files: 0, readings: 0, letters: 0, quarantined: 0 };

function found(memory: Memory, id: string): Found {
  return memory.found.get(id) ?? NOTHING_FOUND;
}

function note(memory: Memory, id: string, now: Found): void {
  const before = found(memory, id);
  memory.found.set(id, {
    files: Math.max(before.files, now.files),
    readings: Math.max(before.readings, now.readings),
    letters: before.letters + now.letters,
    quarantined: before.quarantined + now.quarantined,
  });
}

/** Whether nothing that was accepted before an erasure is in a queue, nor in the hands of a consumer. */
function isPastQueue(
  depth: QueueDepth | null,
  { id, until_ms: untilMs }: Erasure,
  { unqueuedSinceMs }: Memory,
): boolean {
  if (depth === null) return false;
  const { readings, claimedReadings, oldestMs } = depth;
  if (readings > 0 && !(typeof oldestMs === 'number' && oldestMs > untilMs)) return false;
  if (claimedReadings === 0) return true;
  // Of a busy queue something is always claimed.
  const nowMs = performance.now();
  const sinceMs = unqueuedSinceMs.get(id) ?? nowMs;
  unqueuedSinceMs.set(id, sinceMs);
  return nowMs - sinceMs >= MAX_CLAIM_MS;
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

/** The report of an erasure: what it was of, without ids, and what was found by the process that finished it; of erasures at once together. */
function reportText(
  { id, device, from_ms: fromMs, to_ms: toMs, until_ms: untilMs }: Erasure,
  nowMs: number,
  { files, readings, letters, quarantined }: Found,
): string {
  const report = {
    version: 1,
    id,
    of: device === null ? 'all devices' : 'one device',
    start: fromMs === null ? null : formatInstant(fromMs),
    end: toMs === null ? null : formatInstant(toMs),
    accepted_until: formatInstant(untilMs),
    finished_at: formatInstant(nowMs),
    found: { files, readings, dead_letters: letters, quarantined_files: quarantined },
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
