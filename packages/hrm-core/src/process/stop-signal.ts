import { isatty } from 'node:tty';
import { endProcess } from './end-process.js';
import { outlivesTerminal } from './outlives-terminal.js';

/** 128 + the signal's number, as shells report a process that a signal ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * A signal that fires at the first SIGINT, SIGTERM or SIGHUP, so that the command stops cleanly. A second SIGINT or SIGTERM ends the
 * process at once: whoever presses Ctrl-C twice does not want to wait, and everything here survives being killed. A second
 * SIGHUP is none: a terminal that closes and its shell send one each. Without a terminal a SIGHUP is of whoever rotates logs, where something
 * else listens for it.
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
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));
  process.on('SIGHUP', () => {
    const isOfLogs = !hasTerminal && process.listenerCount('SIGHUP') > 1;
    if (!outlives && !isOfLogs) controller.abort('SIGHUP');
  });
  return controller.signal;
}
