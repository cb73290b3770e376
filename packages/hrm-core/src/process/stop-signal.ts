import { fstatSync } from 'node:fs';
import { basename } from 'node:path';
import { isatty } from 'node:tty';
import { endProcess } from './end-process.js';

/** 128 + the signal's number, as shells report a process that a signal ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * A signal that fires at the first SIGINT, SIGTERM or SIGHUP, so that the command stops cleanly. A second SIGINT or SIGTERM ends the
 * process at once: whoever presses Ctrl-C twice does not want to wait, and everything here survives being killed. A second
 * SIGHUP is none: a terminal that closes and its shell send one each.
 */
export function listenForStop(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) void endProcess(EXIT_CODES[name]);
      controller.abort(name);
    });
  }
  const outlives = outlivesTerminal(process.env);
  process.on('SIGHUP', () => {
    if (!outlives) controller.abort('SIGHUP');
  });
  return controller.signal;
}

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
