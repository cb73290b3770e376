/** How long the event loop of a process under test was held up; see stall-probe.mjs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';

/** Milliseconds of processor time that {@link referenceWork} takes on the core that the bounds are for. */
const REFERENCE_MS = 11;

/** Sorting and writing rows, as an answer does. */
function referenceWork(): void {
  const rows = Array.from({ length: 20_000 }, (_, i) => ({ timestamp: (i * 7_919) % 100_003, rate: 60 + (i % 90) }));
  rows.sort((a, b) => a.timestamp - b.timestamp);
  JSON.parse(JSON.stringify(rows));
}

/** How much slower this machine's cores are than the one that the bounds are for, 1 to 2, by the best of some tries. */
function slowness(): number {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i += 1) {
    const before = process.cpuUsage();
    referenceWork();
    const { user, system } = process.cpuUsage(before);
    leastMs = Math.min(leastMs, (user + system) / 1_000);
  }
  return Math.min(2, Math.max(1, leastMs / REFERENCE_MS));
}

const SLOWNESS = slowness();

/**
 * Milliseconds of processor time of the main thread in one piece, between two turns of its event loop. Waiting for a processor does not
 * count, so a busy machine makes no stall. It does make the same work slower, up to twice, where others share the caches, and now and
 * then by much more. So whatever is held to a bound is done again where it was too long, and the best try counts: work that is one long piece
 * is one each time. On a slower core a piece takes longer, and so may it: see {@link slowness}.
 */
export const MAX_PLAIN_MS = 20 * SLOWNESS;
/** Of what is valid and hostile; see {@link MAX_PLAIN_MS}. */
export const MAX_HOSTILE_MS = 50 * SLOWNESS;
/** Milliseconds of processor time that a process spends, at most, from a question for its liveness to the answer. */
export const MAX_LIVENESS_MS = 100 * SLOWNESS;

/** After so many tries that are all too long it is not the machine. */
const TRIES = 5;

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
    env: { STALL_FILE: file, NODE_OPTIONS: `--import ${pathToFileURL(PROBE.pathname).href}` },
    longestMs() {
      const lines = readFileSync(file, 'utf8').slice(seen);
      seen += lines.length;
      return Math.max(0, ...lines.split('\n').map((line) => Number(line.split(' ')[1] ?? 0)));
    },
  };
}

/** Does the same again while a piece of it was too long. @returns the longest piece of the best try, milliseconds. */
export async function leastOfTries(stalls: Stalls, maxMs: number, work: () => Promise<void>): Promise<number> {
  return await leastOf(maxMs, async () => {
    stalls.longestMs();
    await work();
    return await longestUntilNow(stalls);
  });
}

/** As {@link leastOfTries}, of what measures itself. @param work - returns the longest piece, milliseconds. */
export async function leastOf(maxMs: number, work: () => Promise<number>): Promise<number> {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && leastMs > maxMs; i += 1) leastMs = Math.min(leastMs, await work());
  return leastMs;
}

/** The longest piece since this was last asked, the one that goes on now included: it is written down in the turn after it. */
export async function longestUntilNow(stalls: Stalls): Promise<number> {
  await sleep(20);
  return stalls.longestMs();
}

/** Milliseconds of processor time that the main thread of a process has spent so far; `null` where the system does not tell. */
export function threadCpuMs(pid: number): number | null {
  try {
    return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'latin1'), 10) / 1e6;
  } catch {
    return null;
  }
}
