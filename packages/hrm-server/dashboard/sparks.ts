/**
 * A day of each user in a list as a small line. It is asked for when its row is on the screen, a few at a time: a list of many users costs no
 * more than what of it is seen.
 */
import { INTERVAL_MS, isHrmError } from 'hrm-core/client';
import { make } from './dom.js';
import { loadRows } from './load.js';
import { drawStrip } from './strip.js';
import { rateText, texts } from './texts/texts.js';
import { summarize } from './zones.js';

/** The lines of a list. */
export interface Sparks {
  /** A place for the 24 hours before a moment. */
  add(userId: string, untilMs: number): HTMLCanvasElement;
  /** Asks for no more of those that were added. */
  clear(): void;
}

const AT_ONCE = 3;
const INTERVAL = '15m';

export function createSparks(): Sparks {
  let ending = new AbortController();
  let running = 0;
  const asks = new WeakMap<Element, (signal: AbortSignal) => Promise<void>>();
  /** Those on the screen that are not asked for yet. */
  const wanted = new Set<Element>();
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) wanted[isIntersecting ? 'add' : 'delete'](target);
    askNext();
  });

  function clear(): void {
    ending.abort();
    ending = new AbortController();
    wanted.clear();
    observer.disconnect();
  }

  function askNext(): void {
    const [next] = wanted;
    if (next === undefined || running === AT_ONCE) return;
    wanted.delete(next);
    observer.unobserve(next);
    running += 1;
    asks
      .get(next)?.(ending.signal)
      .catch((error: unknown) => {
        if (!isHrmError(error)) throw error;
        // It is an ornament: a server that has no time for it is not asked for the others either.
        if (error.kind !== 'closed') clear();
      })
      .finally(() => {
        running -= 1;
        askNext();
      });
    askNext();
  }

  return {
    add(userId, untilMs) {
      const canvas = make('canvas', { class: 'spark' });
      const toMs = untilMs + 1;
      const range = { preset: 'custom', fromMs: Math.max(0, toMs - INTERVAL_MS['1d']), toMs } as const;
      asks.set(canvas, async (signal) => {
        const rows = await loadRows({ userId, range, interval: INTERVAL, deviceId: null }, signal);
        drawStrip(canvas, rows, range.fromMs, toMs, 2 * INTERVAL_MS[INTERVAL]);
        const { min, max } = summarize(rows);
        canvas.role = 'img';
        canvas.ariaLabel = texts.people.spark(rateText(min ?? 0, 0), rateText(max ?? 0, 0));
      });
      observer.observe(canvas);
      return canvas;
    },
    clear,
  };
}
