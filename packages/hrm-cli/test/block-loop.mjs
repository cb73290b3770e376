/** Preloaded into a process under test (`NODE_OPTIONS=--import …`): SIGUSR2 blocks its event loop for good. */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('SIGUSR2', () => {
    // JavaScript without an end, as a loop that spins, but it leaves the processor to others.
    for (const cell = new Int32Array(new SharedArrayBuffer(4)); ; ) Atomics.wait(cell, 0, 0, 20);
  });
}
