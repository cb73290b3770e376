// A worker that drains a queue into a storage of its own, one batch at a time, and says what it did. Producers are elsewhere:
// here a few readings are put into the queue first, one of them no reading at all.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compact, drainBatch, enqueue, query } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { openEmbeddedQueue } from 'hrm-core/embedded';

const directory = await mkdtemp(join(tmpdir(), 'hrm-worker-'));
// In production: openRedisQueue({ url }) from hrm-core/redis, and a directory of the worker's own.
const queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
const storage = await openDirectoryStorage({ directory: join(directory, 'own-data') });

for (const heartRate of [72, 75, 78]) {
  const timestamp = new Date(Date.UTC(2024, 0, 15, 10, 0, heartRate - 70)).toISOString();
  await enqueue({ queue }, { userId: 'ana', deviceId: 'watch', timestamp, heartRate });
}
await queue.push([{ bytes: Buffer.from('not a reading'), readings: 1 }]);

// SIGTERM and SIGINT end the work after the batch in hand.
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort());

const threshold = { readings: 50_000, ageMs: 0 };
while (!stop.signal.aborted) {
  // Waits until there is a batch worth taking, or for a second; a claim is never held while waiting.
  await queue.wait(threshold, { timeoutMs: 1_000, signal: stop.signal });
  const { outcome, claimed, parts, deadLettered } = await drainBatch({ queue, storage }, {}, { signal: stop.signal });
  if (outcome === 'empty') break; // A worker that runs for ever goes on here instead.
  console.log(`${claimed} elements, ${parts.length} file, ${deadLettered} set aside`);
}
await compact({ storage });
const day = { userId: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
console.log(JSON.stringify(await query({ storage }, day)));
await queue.close();
await storage.close();
await rm(directory, { recursive: true });
