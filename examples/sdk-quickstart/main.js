// The whole path in ten lines: readings in, minutes out. It needs no server, and leaves nothing behind.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compact, drainBatch, enqueue, query } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { openEmbeddedQueue } from 'hrm-core/embedded';

const directory = await mkdtemp(join(tmpdir(), 'hrm-quickstart-'));

const queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
const storage = await openDirectoryStorage({ directory: join(directory, 'data') });
await enqueue({ queue }, [
  { userId: 'ana', deviceId: 'watch', timestamp: '2024-01-15T10:00:00Z', heartRate: 72 },
  { userId: 'ana', deviceId: 'watch', timestamp: '2024-01-15T10:00:30Z', heartRate: 75 },
  { userId: 'ana', deviceId: 'strap', timestamp: '2024-01-15T10:00:30Z', heartRate: 90 },
]);
await drainBatch({ queue, storage });
await compact({ storage }, { all: true });
const question = { userId: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z', priority: { watch: 1 } };
for (const row of await query({ storage }, question)) console.log(JSON.stringify(row));
await queue.close();
await storage.close();

await rm(directory, { recursive: true });
