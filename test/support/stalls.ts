/** How long the event loop of a process under test was held up; see stall-probe.mjs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';

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
