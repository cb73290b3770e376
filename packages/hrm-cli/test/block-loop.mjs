/** Preloaded into a process under test (`NODE_OPTIONS=--import …`): SIGUSR2 blocks its event loop for good. */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('SIGUSR2', () => {
    for (;;);
  });
}
