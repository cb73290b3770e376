/**
 * Who works on a store: each process says every half minute that it lives, beside the data, and whoever is asked reads what all say.
 *
 *   running ── nothing heard for two minutes ──> gone ── a day ──> forgotten
 *      └────── ended as it should ──> stopped ── an hour ──> forgotten
 *
 * Nobody's work depends on it. Nothing waits for it, it meets no error that anybody hears of, and while a call hangs no other is begun.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { CompactSummary } from '../flow/compact/compact-summary.js';
import {
  MAX_PROCESS_FILES,
  MIN_PROCESS_LOOK_MS,
  PROCESS_BEAT_MS,
  PROCESS_LEAVE_MS,
  PROCESS_SWEEP_MS,
} from '../limits.js';
import type { ProcessFile, ProcessPlace } from '../ports/process-place.js';
import {
  COMPACTION_FILE,
  type CompactionRecord,
  type PROCESS_PARTS,
  type ProcessRecord,
  type ProcessState,
  parseCompaction,
  parseProcess,
  stateOfProcess,
} from '../pure/processes/record.js';
import { onAbort, pause, within } from '../waits.js';
import { inBackground, type Known } from './in-background.js';

/** A process, as it was when somebody looked. */
export interface SeenProcess extends ProcessRecord {
  readonly state: ProcessState;
  /** Since its last sign of life, milliseconds. */
  readonly ageMs: number;
  /** Whether it is the one that looked. */
  readonly isSelf: boolean;
}

/** What a look at all processes found. */
export interface SeenProcesses {
  /** Those that run, and then the others, each with the last heard first. */
  readonly processes: readonly SeenProcess[];
  /** The last run of any compacter that was told; `null`: none. */
  readonly compaction: { readonly record: CompactionRecord; readonly ageMs: number } | null;
}

/** A compaction, and when it ended, epoch ms. */
export interface EndedCompaction {
  readonly record: Omit<CompactionRecord, 'ago_ms'>;
  readonly endedMs: number;
}

/** The presence of this process. */
export interface Presence {
  /** What the last look found; `null`: there was none yet. Begins one where one is due. */
  seen(): Known<SeenProcesses> | null;
  /** The last compaction that is known of, by whichever process; `null`: none. */
  compaction(): EndedCompaction | null;
  /** This process has compacted: told with its next sign of life. @returns the same. */
  compacted(summary: CompactSummary): CompactSummary;
  /** Resolves when the signal has ended it, which takes 2 s at most; never rejects. */
  readonly done: Promise<void>;
}

/** What a process is, and how often it says so. */
export interface PresenceInput {
  readonly version: string;
  readonly parts: readonly (typeof PROCESS_PARTS)[number][];
  /** Default {@link PROCESS_BEAT_MS}. */
  readonly beatMs?: number | undefined;
  /** Between two looks; default {@link MIN_PROCESS_LOOK_MS}. */
  readonly lookMs?: number | undefined;
}

/**
 * Says that this process lives until the signal fires, and then that it has ended.
 * @param openPlace - opens where that is said; tried again with each sign of life until it succeeds.
 */
export function startPresence(
  openPlace: () => Promise<ProcessPlace>,
  { version, parts, beatMs = PROCESS_BEAT_MS, lookMs = MIN_PROCESS_LOOK_MS }: PresenceInput,
  { signal }: { readonly signal: AbortSignal },
): Presence {
  const own = `${randomUUID()}.json`;
  const runner = { host: hostname(), pid: process.pid, version };
  const beganMs = performance.now();
  let place: ProcessPlace | null = null;
  /** The last one of this process; its end by a steady clock. */
  let compaction: EndedCompaction | null = null;
  let toldCompaction: EndedCompaction | null = null;
  let sweptMs = Number.NEGATIVE_INFINITY;

  async function say(stopped: boolean): Promise<void> {
    place ??= await openPlace();
    const record: ProcessRecord = { ...runner, parts: [...parts], up_ms: sinceMs(beganMs), stopped };
    await place.put(own, JSON.stringify(record));
    const last = compaction;
    if (last === null || last === toldCompaction) return;
    await place.put(COMPACTION_FILE, JSON.stringify({ ...last.record, ago_ms: sinceMs(last.endedMs) }));
    toldCompaction = last;
  }

  async function beat(): Promise<void> {
    while (!signal.aborted) {
      try {
        await say(false);
        if (place !== null && sinceMs(sweptMs) >= PROCESS_SWEEP_MS) {
          await sweep(place, own);
          sweptMs = performance.now();
        }
      } catch {
        // The health check says what is wrong with the storage. The next sign of life may succeed.
      }
      await pause(beatMs, signal);
    }
  }

  async function end(beating: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else onAbort(signal, resolve);
    });
    const left = beating.then(() => say(true)).catch(() => undefined);
    await within(PROCESS_LEAVE_MS, left, () => undefined);
  }

  const look = inBackground(
    async () => {
      place ??= await openPlace();
      return seenIn(await place.list(), own);
    },
    { pauseMs: lookMs, signal },
  );
  return {
    seen: look,
    compaction() {
      const found = look();
      const told = found?.value.compaction ?? null;
      const ended = told === null || found === null ? null : found.atMs - told.ageMs - told.record.ago_ms;
      const ownMs = compaction === null ? null : Date.now() - sinceMs(compaction.endedMs);
      if (compaction !== null && ownMs !== null && ownMs >= (ended ?? ownMs))
        return { record: compaction.record, endedMs: ownMs };
      return told === null || ended === null ? null : { record: told.record, endedMs: ended };
    },
    compacted(summary) {
      const { partitions, left, compacted, merged, readings, swept, failures } = summary;
      const counts = { partitions, left, compacted, merged, readings, swept, failures: failures.length };
      compaction = { record: { ...runner, ...counts }, endedMs: performance.now() };
      return summary;
    },
    done: end(beat()),
  };
}

function sinceMs(thenMs: number): number {
  return performance.now() - thenMs;
}

function seenIn(files: readonly ProcessFile[], own: string): SeenProcesses {
  const processes: SeenProcess[] = [];
  let compaction: SeenProcesses['compaction'] = null;
  for (const { name, text, ageMs } of files) {
    const ended = name === COMPACTION_FILE ? parseCompaction(text) : null;
    if (ended !== null) compaction = { record: ended, ageMs };
    const record = name === COMPACTION_FILE ? null : parseProcess(text);
    const state = record === null ? null : stateOfProcess(record, ageMs);
    if (record !== null && state !== null) processes.push({ ...record, state, ageMs, isSelf: name === own });
  }
  const isOver = ({ state }: SeenProcess) => Number(state !== 'running');
  return { processes: processes.sort((a, b) => isOver(a) - isOver(b) || a.ageMs - b.ageMs), compaction };
}

/** Deletes what is forgotten, and of too many files those that are oldest. */
async function sweep(place: ProcessPlace, own: string): Promise<void> {
  const files = (await place.list()).filter(({ name }) => name !== COMPACTION_FILE && name !== own);
  const kept: ProcessFile[] = [];
  const old: string[] = [];
  for (const file of files) {
    // What is no process was cut by a power cut, or another version's: it goes as one that is gone does.
    const record = parseProcess(file.text) ?? { stopped: false };
    if (stateOfProcess(record, file.ageMs) === null) old.push(file.name);
    else kept.push(file);
  }
  const tooMany = kept.sort((a, b) => a.ageMs - b.ageMs).slice(MAX_PROCESS_FILES / 2);
  await place.remove([...old, ...tooMany.map(({ name }) => name)]);
}
