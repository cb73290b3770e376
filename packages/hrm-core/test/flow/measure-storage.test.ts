/** Counting what is stored holds nobody up, however much there is. */
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, measureStorage, type Partition, type Storage, writePart } from '../../src/index.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;

/** Runs `work` and counts the turns that the event loop makes meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  function count(): void {
    turns += 1;
    if (!isOver) setImmediate(count);
  }
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

function workFor(ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs; );
}

it('gives way again and again while it counts very many partitions', async () => {
  const partitions = Array.from({ length: 5_000 }, (_, i): Partition => ({ date: '20240115', directory: `u${i}` }));
  const storage: Pick<Storage, 'partitions' | 'snapshot'> = {
    async *partitions({ directories }) {
      if (directories === undefined) yield* partitions;
    },
    // As the directory's does: it only looks, at once.
    async snapshot(partition) {
      workFor(0.1);
      return { partition, files: [], close: async () => undefined };
    },
  };
  // Half a second's work, in pieces of five milliseconds and little more.
  expect(await turnsDuring(() => measureStorage({ storage }))).toBeGreaterThan(50);
});

it('a compacter gives way while it looks for work among very many partitions', async () => {
  await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    const slow: Storage = {
      ...storage,
      async versions() {
        workFor(0.1);
        return [];
      },
      async *partitions({ pending }) {
        if (pending === true) for (let i = 0; i < 5_000; i += 1) yield { date: '20240115', directory: `u${i}` };
      },
    };
    const abort = new AbortController();
    const run = compact({ storage: slow }, {}, { signal: abort.signal, onProgress: () => abort.abort() });
    expect(await turnsDuring(() => run.catch(() => undefined))).toBeGreaterThan(50);
    await storage.close();
  });
});

it('counts right', async () => {
  await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    const readings = Array.from({ length: 60 }, (_, i) => {
      const timestampMs = Math.floor(i / 20) * DAY_MS + 1_000;
      return { userId: `u${i % 20}`, deviceId: 'd', timestampMs, heartRate: 60, receivedMs: 0 };
    });
    await writePart({ storage }, readings);
    const { partitions, files, users, days, firstDate, lastDate } = await measureStorage({ storage });
    expect([partitions, files, users, days, firstDate, lastDate]).toEqual([60, 60, 20, 3, '19700101', '19700103']);
    await storage.close();
  }, MEMORY_DIRECTORY);
});
