/**
 * The watchdog of one loop: notices that it stands still, restarts it, and gives up where that does not help.
 *
 * ```
 *            no sign of life for stallMs, or only       it ended within graceMs
 *            idle ones while work waits                 (its calls heard the abort)
 *  running ---------------------------------> stalled ----------------------------+
 *   ^  |                                         |                                |
 *   |  | it ended, though nobody stopped it      | it did not end: a call hangs   |
 *   |  +-------------------------------+         v                                v
 *   |                                  |       failed <---- more than ------- restarts
 *   |                                  +-------------------------------------->   |
 *   +-----------------------------------------------------------------------------+
 *                                     after restartPauseMs
 * ```
 * - A sign of life comes with everything in a loop that settles, failures too: a full disk or a lost connection is met by
 *   trying again, which a loop does by itself; neither a restart nor an exit would make room. Only silence is a stall.
 * - An idle sign counts for life as long as no work waits: a consumer that finds nothing while the queue is overdue is stuck.
 * - Restarts are counted until the loop finishes something. A batch at which a call hangs each time ends in `failed`.
 * - A loop that hangs in a call that nothing can end (a file server that is gone) is left alone, and never run twice at
 *   once: only the end of the process frees what it holds. Its claim ends with its lease, since it renews no more.
 * - Time is the monotonic clock's, and while the whole process stood still (SIGSTOP, a long computation) none passes.
 * @module
 */
import { HrmError } from './errors.js';
import { MAX_LOOP_RESTARTS, WATCHDOG_GRACE_MS, WATCHDOG_PAUSE_MS, WATCHDOG_TICK_MS } from './limits.js';
import { pause, within } from './waits.js';

/** What a loop tells its watchdog. */
export interface SignOfLife {
  /**
   * `done`: something is finished for good (a batch, a partition). `idle`: it looked, and there is nothing to do.
   * `alive`: neither, but it moves; so does a step that failed and is tried again.
   */
  readonly kind: 'done' | 'idle' | 'alive';
  /** How long the loop now pauses on purpose, milliseconds >= 0; default 0. */
  readonly pauseMs?: number | undefined;
}

/** What a watched loop gets for each of its lives. */
export interface WatchedLoop {
  /** Ends this life of the loop: the watchdog's, or everybody's. */
  readonly signal: AbortSignal;
  readonly onAlive: (sign: SignOfLife) => void;
}

/** How patient a watchdog is. */
export interface WatchdogSettings {
  /**
   * Silence, beyond announced pauses, after which a loop stands still, milliseconds > 0. More than its slowest single call
   * takes; a consumer waits up to 10,000 for a batch, a compacter tells of every partition.
   */
  readonly stallMs: number;
  /** How long a loop has to end once it was told to, milliseconds; default 10,000. */
  readonly graceMs?: number | undefined;
  /** From its end to its next start, milliseconds; default 1,000. */
  readonly restartPauseMs?: number | undefined;
  /** Restarts in a row without anything `done` or `idle` in between; default 3. */
  readonly maxRestarts?: number | undefined;
}

/** What a watchdog met. */
export type WatchdogEvent =
  /** It stands still, and was told to end. */
  | { readonly type: 'stalled'; readonly silentMs: number }
  /** It ended, by itself or since it was told to; it is started anew. `error`: what it ended with, if it was one. */
  | { readonly type: 'restarted'; readonly restarts: number; readonly error?: unknown };

/** How a watchdog is stopped, and what it may ask. */
export interface WatchdogOptions {
  /** Ends loop and watch; the promise then resolves when the loop has ended. */
  readonly signal: AbortSignal;
  readonly onEvent?: ((event: WatchdogEvent) => void) | undefined;
  /**
   * Whether work waits that the loop should have taken. Asked while the loop says it is idle; no answer, or an error, is
   * no. Without it there never is.
   */
  readonly hasWork?: (() => Promise<boolean>) | undefined;
}

/** How one life of a loop ended. */
type End = { readonly type: 'ended'; readonly error?: unknown } | { readonly type: 'hung' };

/**
 * Runs a loop under a watchdog until `signal` fires; then resolves when the loop has ended.
 *
 * @param name - of the loop, for the error: "consumer".
 * @param run - one life of the loop; resolves when its signal has ended it, and gives signs of life meanwhile.
 * @throws HrmError kind `unavailable`, code `loop_stalled`, when the loop stands still and a restart does not help: end
 *   the process with a code that makes its supervisor start it anew. Kind `internal`, code `loop_ended`, when it ends by itself again and again.
 * @example
 * await superviseLoop('consumer', (loop) => runConsumer({ queue, storage }, {}, loop), { stallMs: 60_000 }, { signal });
 */
export async function superviseLoop(
  name: string,
  run: (loop: WatchedLoop) => Promise<void>,
  settings: WatchdogSettings,
  { signal, onEvent, hasWork }: WatchdogOptions,
): Promise<void> {
  const { restartPauseMs = WATCHDOG_PAUSE_MS, maxRestarts = MAX_LOOP_RESTARTS } = settings;
  let restarts = 0;
  while (!signal.aborted) {
    const pulse = createPulse(settings.stallMs, hasWork);
    const { end, wasStalled } = await runOnce(run, pulse, settings, { signal, onEvent });
    if (signal.aborted) return;
    if (pulse.hasFinishedSomething()) restarts = 0;
    if (end.type === 'hung' || restarts >= maxRestarts) throw gaveUp(name, end, { wasStalled, restarts });
    restarts += 1;
    onEvent?.({ type: 'restarted', restarts, ...('error' in end ? { error: end.error } : {}) });
    await pause(restartPauseMs, signal);
  }
}

async function runOnce(
  run: (loop: WatchedLoop) => Promise<void>,
  pulse: Pulse,
  { graceMs = WATCHDOG_GRACE_MS, stallMs }: WatchdogSettings,
  { signal, onEvent }: Pick<WatchdogOptions, 'signal' | 'onEvent'>,
): Promise<{ readonly end: End; readonly wasStalled: boolean }> {
  const life = new AbortController();
  const watch = new AbortController();
  function stop(): void {
    life.abort(signal.reason);
    watch.abort();
  }
  signal.addEventListener('abort', stop, { once: true });
  const ending = endOf(run, { signal: life.signal, onAlive: pulse.beat });
  try {
    const silentMs = await Promise.race([ending, untilStalled(pulse, stallMs, watch.signal)]);
    if (typeof silentMs !== 'number') return { end: silentMs ?? (await ending), wasStalled: false };
    onEvent?.({ type: 'stalled', silentMs });
    life.abort(new HrmError('the loop stood still', { kind: 'closed', code: 'loop_stalled' }));
    return { end: await within(graceMs, ending, (): End => ({ type: 'hung' })), wasStalled: true };
  } finally {
    watch.abort();
    signal.removeEventListener('abort', stop);
  }
}

/** Never rejects: an error is an end like others. */
async function endOf(run: (loop: WatchedLoop) => Promise<void>, loop: WatchedLoop): Promise<End> {
  try {
    await run(loop);
    return { type: 'ended' };
  } catch (error) {
    return { type: 'ended', error };
  }
}

/** Looks again and again; resolves with the length of the silence once that is a stall, with nothing when the watch ends. */
async function untilStalled(pulse: Pulse, stallMs: number, signal: AbortSignal): Promise<number | undefined> {
  const tickMs = Math.min(WATCHDOG_TICK_MS, stallMs / 4);
  while (!signal.aborted) {
    const startMs = performance.now();
    await pause(tickMs, signal);
    pulse.forgive(performance.now() - startMs - tickMs);
    const silentMs = await pulse.silentMs(signal);
    if (silentMs >= stallMs && !signal.aborted) return silentMs;
  }
  return undefined;
}

/** The signs of one life of a loop. */
interface Pulse {
  beat(sign: SignOfLife): void;
  /** Leaves time out of account in which the process itself stood still. */
  forgive(ms: number): void;
  /** How long the loop has been silent, beyond its pauses; idle signs count only while no work waits. */
  silentMs(signal: AbortSignal): Promise<number>;
  hasFinishedSomething(): boolean;
}

function createPulse(stallMs: number, hasWork: WatchdogOptions['hasWork']): Pulse {
  // When the loop was last known to be well, and until when it then paused.
  let wellMs = performance.now();
  let idleMs = wellMs;
  let hasFinished = false;
  let answer: Promise<boolean> | null = null;

  async function workWaits(signal: AbortSignal): Promise<boolean> {
    if (hasWork === undefined) return false;
    answer ??= hasWork()
      .catch(() => false)
      .finally(() => {
        answer = null;
      });
    return await Promise.race([answer, pause(stallMs / 4, signal).then(() => false)]);
  }

  return {
    beat({ kind, pauseMs = 0 }) {
      const untilMs = performance.now() + pauseMs;
      if (kind === 'idle') idleMs = untilMs;
      else wellMs = untilMs;
      if (kind === 'done') hasFinished = true;
    },
    forgive(ms) {
      wellMs += Math.max(0, ms);
      idleMs += Math.max(0, ms);
    },
    async silentMs(signal) {
      const seenMs = idleMs;
      if (seenMs > wellMs && !(await workWaits(signal))) {
        wellMs = Math.max(wellMs, seenMs);
        hasFinished = true;
      }
      return performance.now() - wellMs;
    },
    hasFinishedSomething: () => hasFinished,
  };
}

function gaveUp(
  name: string,
  end: End,
  { wasStalled, restarts }: { readonly wasStalled: boolean; readonly restarts: number },
): HrmError {
  if (!wasStalled) {
    const message = `the ${name} ended by itself, ${restarts + 1} times in a row: this is a defect; start the process anew, and report it`;
    return new HrmError(message, {
      kind: 'internal',
      code: 'loop_ended',
      ...('error' in end ? { cause: end.error } : {}),
    });
  }
  const tried = end.type === 'hung' ? 'it hangs in a call that does not return' : `${restarts} restarts did not help`;
  const message = `the ${name} stands still, and ${tried}: look at the disks and servers that it works on; the process has to be started anew`;
  return new HrmError(message, { kind: 'unavailable', code: 'loop_stalled' });
}
