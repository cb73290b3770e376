/**
 * How the whole system is: what the health check saw, what is stored, who works on it, and what the last compaction did. The client reads
 * it as `ServerSystem`.
 * @module
 */
import { measureStorage } from '../flow/read/measure-storage.js';
import { MIN_MEASURE_PAUSE_MS } from '../limits.js';
import type { CompacterEvent } from '../loops.js';
import type { Queue } from '../ports/queue.js';
import type { Storage } from '../ports/storage.js';
import type { Health } from './health.js';
import { inBackground } from './in-background.js';
import { countLetterReasons } from './letter-reasons.js';
import type { Presence } from './presence.js';
import {
  type AlertCounts,
  alertsToWire,
  compactionToWire,
  filesToWire,
  historyToWire,
  lettersToWire,
  processesToWire,
  queueToWire,
} from './system-wire.js';

/** Knows how the system is. */
export interface SystemView {
  /** As `GET /system` tells it. Takes no longer than a health check: all else is found in the background, and told with its time. */
  look(): Promise<Readonly<Record<string, unknown>>>;
  /** Hears of what a compacter of this process does. */
  compacter(event: CompacterEvent): void;
}

/** What it goes by. */
export interface SystemComponents {
  readonly health: Pick<Health, 'look' | 'check'>;
  readonly storage: Storage;
  /** Counts alerts. */
  readonly alerts: () => Promise<AlertCounts>;
  /** `null` where the process has no queue. */
  readonly queue: Pick<Queue, 'deadLetters'> | null;
  readonly presence: Presence;
}

/**
 * Creates it; nothing is counted before somebody asks.
 * @param self - the process, as it is told.
 * @param options.signal - ends the counting.
 */
export function createSystemView(
  { health, storage, presence, queue: asked, ...components }: SystemComponents,
  self: { readonly version: string; readonly parts: readonly string[] },
  { signal }: { readonly signal: AbortSignal },
): SystemView {
  const startedAt = new Date().toISOString();
  const options = { pauseMs: MIN_MEASURE_PAUSE_MS, signal };
  const files = inBackground(() => measureStorage({ storage }, { signal }), options);
  const alerts = inBackground(components.alerts, options);
  const letters = asked === null ? () => null : inBackground(() => countLetterReasons(asked.deadLetters), options);
  return {
    async look() {
      const { queue, history, space } = await health.look();
      return {
        health: await health.check(),
        queue: queue === null ? null : queueToWire(queue),
        queue_history: historyToWire(history),
        dead_letters: orNull(queue?.deadLetters === 0 ? null : letters(), lettersToWire),
        files: orNull(files(), filesToWire),
        compaction: orNull(presence.compaction(), compactionToWire),
        processes: orNull(presence.seen(), processesToWire),
        alerts: orNull(alerts(), alertsToWire),
        space: space.map(({ place, freeBytes, totalBytes }) => {
          return { place, free_bytes: freeBytes, total_bytes: totalBytes };
        }),
        process: { ...self, started_at: startedAt },
      };
    },
    compacter(event) {
      if (event.type === 'compacted') presence.compacted(event.summary);
    },
  };
}

function orNull<T>(value: T | null, toWire: (value: T) => unknown): unknown {
  return value === null ? null : toWire(value);
}
