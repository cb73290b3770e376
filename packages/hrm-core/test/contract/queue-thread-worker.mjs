// In a worker thread: tries to open the queue in `workerData`, and posts how that ended.
import { parentPort, workerData } from 'node:worker_threads';
import { openEmbeddedQueue } from 'hrm-core/embedded';

try {
  await openEmbeddedQueue({ directory: workerData });
  parentPort.postMessage({ kind: 'opened' });
} catch ({ kind, code, message }) {
  parentPort.postMessage({ kind, code, message });
}
