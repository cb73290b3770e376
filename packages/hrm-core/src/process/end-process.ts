import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';

/** How long calls of the file system that are under way have to return, milliseconds. */
const PATIENCE_MS = 1_000;

/** What Node calls them. */
const FILE_CALL = /^FSReq/;

/**
 * Ends the process with an exit code. `process.exit` waits for the threads that Node calls the file system in, without
 * bound: where such a call hangs (a file server that is gone) the process would stay, neither working nor started anew.
 * It then kills itself, which is a failure to its supervisor as well (137 in a shell). Nothing of ours needs a clean end.
 */
export async function endProcess(exitCode: number): Promise<never> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (process.getActiveResourcesInfo().some((name) => FILE_CALL.test(name))) {
    if (performance.now() > deadlineMs) {
      process.kill(process.pid, 'SIGKILL');
      // The first process of a container is spared by its own SIGKILL, and not by this.
      process.abort();
    }
    await sleep(10);
  }
  process.exit(exitCode);
}

/**
 * Lets the process end where its terminal is gone. Node gives terminals their modes back at its end, and aborts where that fails:
 * whoever closed the window of a server would find it ended by SIGABRT. What is closed it skips.
 */
export function forgetLostTerminals(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.once('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
  });
}
