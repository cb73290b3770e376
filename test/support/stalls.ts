/** How long the event loop of a process under test was held up; see stall-probe.mjs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';

/**
 * Milliseconds of processor time in one piece. On two quiet cores no piece of plain data takes 20, and none of what is valid and hostile
 * 50. Where others share the caches, the same work takes up to twice the time of the processor: so each bound is twice that, and
 * what can be repeated has the least of several tries.
 */
export const MAX_PLAIN_MS = 40;
/** See {@link MAX_PLAIN_MS}. */
export const MAX_HOSTILE_MS = 100;

/** After so many tries that are all too long it is not the machine. */
const TRIES = 4;

const PROBE = new URL('./stall-probe.mjs', import.meta.url);

/** What one process was held up by. */
export interface Stalls {
  /** For the environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds of processor time of the longest piece of work since this was last asked; 0 where all were short. */
  longestMs(): number;
}

/** Watches the next process that is started with `env`. */
export function watchStalls(): Stalls {
  const directory = mkdtempSync(join(tmpdir(), 'hrm-stalls-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'stalls');
  writeFileSync(file, '');
  let seen = 0;
  return {
    env: { HRM_STALL_FILE: file, NODE_OPTIONS: `--import ${pathToFileURL(PROBE.pathname).href}` },
    longestMs() {
      const lines = readFileSync(file, 'utf8').slice(seen);
      seen += lines.length;
      return Math.max(0, ...lines.split('\n').map((line) => Number(line.split(' ')[1] ?? 0)));
    },
  };
}

/** Does the same again while a piece of it was too long. @returns the longest piece of the best try, milliseconds. */
export async function leastOfTries(stalls: Stalls, maxMs: number, work: () => Promise<void>): Promise<number> {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && leastMs > maxMs; i += 1) {
    stalls.longestMs();
    await work();
    // The last piece is written down in the turn after it.
    await sleep(20);
    leastMs = Math.min(leastMs, stalls.longestMs());
  }
  return leastMs;
}
