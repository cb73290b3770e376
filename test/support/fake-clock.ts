/** Clocks of processes that a test sets, as an operator or a bad time server would; timers go on as before. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** A clock that several processes may share. */
export interface FakeClock {
  /** Variables that give a process this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets it so far ahead of the machine's, or behind it, milliseconds; the processes see it at once. */
  setAhead(offsetMs: number): Promise<void>;
}

/**
 * Makes a clock, by libfaketime; it goes right until it is set.
 * @param directory - holds its file.
 */
export async function createFakeClock(directory: string, name: string): Promise<FakeClock> {
  const library = execFileSync('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' }).trim();
  const file = path.join(directory, `${name}.clock`);
  async function setAhead(offsetMs: number): Promise<void> {
    // Renamed, so that no process reads half of it.
    await writeFile(`${file}.new`, `${offsetMs < 0 ? '-' : '+'}${Math.abs(offsetMs) / 1000}\n`);
    await rename(`${file}.new`, file);
  }
  await setAhead(0);
  onTestFinished(removeStaleTemporaries);
  return {
    env: {
      // libc before jemalloc, which Debian's Redis is linked with: jemalloc asks for the time before libfaketime can tell.
      LD_PRELOAD: `${library} libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    setAhead,
  };
}

const SHARED_MEMORY = '/dev/shm';

/** What libfaketime leaves of processes that were killed. */
async function removeStaleTemporaries(): Promise<void> {
  for (const name of await readdir(SHARED_MEMORY)) {
    const pid = /^(?:sem\.faketime_sem|faketime_shm)_(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await rm(path.join(SHARED_MEMORY, name), { force: true });
  }
}
