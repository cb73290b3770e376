/** Sees to it that a test's process and files are gone when the test run is, however it ends. */
import { spawn } from 'node:child_process';

/** Waits beside this process. */
export interface Reaper {
  /** Which process is to be killed; `undefined` while there is none. */
  watch(pid: number | undefined): void;
  /** Does now what it would do at this process's end. */
  end(): void;
}

/**
 * Starts a process that ends when this one does, and then kills the watched one and deletes `directory`. An `exit`
 * handler would miss a test worker that is killed; a pipe's other end closes in any case.
 */
export function createReaper(directory: string): Reaper {
  const script = 'pid=; while read -r line; do pid=$line; done; [ -z "$pid" ] || kill -9 "$pid"; rm -rf "$1"';
  const reaper = spawn('/bin/sh', ['-c', script, 'reaper', directory], {
    // A group of its own: Ctrl-C ends the tests, and must not end this first.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  reaper.stdin.on('error', () => undefined);
  reaper.unref();
  return {
    watch(pid) {
      if (reaper.stdin.writable) reaper.stdin.write(`${pid ?? ''}\n`);
    },
    end() {
      reaper.stdin.end();
    },
  };
}
