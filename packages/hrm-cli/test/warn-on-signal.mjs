/** Preloaded into a process under test (`NODE_OPTIONS=--import …`): SIGUSR2 lets Node warn of something. */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) process.on('SIGUSR2', () => process.emitWarning('x'.repeat(10_000)));
