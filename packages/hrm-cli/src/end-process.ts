import { setTimeout as sleep } from 'node:timers/promises';

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
    if (performance.now() > deadlineMs) process.kill(process.pid, 'SIGKILL');
    await sleep(10);
  }
  process.exit(exitCode);
}
