import { fstatSync } from 'node:fs';
import { basename } from 'node:path';
import { isatty } from 'node:tty';

/**
 * Whether the process is to go on when its terminal closes. `nohup` says so by ignoring SIGHUP, but Node takes every signal back to
 * its default before any of our code runs, and no system tells what was before. So it is known by what else `nohup` leaves: its name,
 * which bash, zsh and ksh put into `_`, and output that goes into files alone.
 */
export function outlivesTerminal(env: NodeJS.ProcessEnv, outputs: readonly number[] = [1, 2]): boolean {
  return basename(env._ ?? '') === 'nohup' || outputs.every(isFile);
}

/** A file, or a device that is no terminal: /dev/null. */
function isFile(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFile() || (stats.isCharacterDevice() && !isatty(fd));
  } catch {
    return false;
  }
}
