// A process that has the embedded queue twice, by import and by require, while a second process pushes; or a worker thread.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { openEmbeddedQueue } from 'hrm-core/embedded';

const FILE = fileURLToPath(import.meta.url);
const PUSHES = 1_000;
const [, , mode = 'copies', directory = mkdtempSync(join(tmpdir(), 'hrm-copies-'))] = process.argv;
const element = { bytes: Buffer.from('[]'), readings: 1 };

async function pushAll(queue) {
  for (let i = 0; i < PUSHES; i += 1) await queue.push([element]);
}

if (!isMainThread) {
  await openEmbeddedQueue({ directory }).catch((error) => console.log(error.code));
} else if (mode === 'worker') {
  await once(new Worker(FILE, { argv: ['worker', directory] }), 'exit');
  rmSync(directory, { recursive: true });
} else if (mode === 'pusher') {
  const queue = await openEmbeddedQueue({ directory });
  await pushAll(queue);
  await queue.close();
} else {
  const copy = createRequire(import.meta.url)('hrm-core/embedded');
  if (copy.openEmbeddedQueue === openEmbeddedQueue) throw new Error('there is one copy only');
  const queues = [await openEmbeddedQueue({ directory }), await copy.openEmbeddedQueue({ directory })];
  const pusher = spawn(process.execPath, [FILE, 'pusher', directory], { stdio: 'inherit' });
  const [[code]] = await Promise.all([once(pusher, 'exit'), ...queues.map(pushAll)]);
  const depths = await Promise.all(queues.map((queue) => queue.depth()));
  for (const queue of queues) await queue.close();
  rmSync(directory, { recursive: true });
  const readings = depths.map((depth) => depth.readings).join();
  console.log(code === 0 && readings === `${3 * PUSHES},${3 * PUSHES}` ? 'ok' : `${code}: ${readings}`);
}
