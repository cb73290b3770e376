/** Counting what is stored holds nobody up, however much there is. */
import { mkdirSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compact, measureStorage, type Partition, type Storage, writePart } from '../../src/index.js';
import { MAX_DIRTY_PARTITIONS } from '../../src/limits.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
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
  const storage: Pick<Storage, 'partitions' | 'snapshot' | 'sizes' | 'state'> = {
    async *partitions({ directories }) {
      if (directories === undefined) yield* partitions;
    },
    // As the directory's do: they only look, at once.
    async sizes(some, options) {
      for (const _ of some) {
        workFor(0.1);
        await options?.yieldTurn?.();
      }
      return some.map(() => ({ files: 1, bytes: 1, compactedBytes: null }));
    },
    state: async () => null,
    snapshot: () => Promise.reject(new Error('no file is opened')),
  };
  // Half a second's work, in pieces of five milliseconds and little more.
  expect(await turnsDuring(() => measureStorage({ storage }))).toBeGreaterThan(50);
});

it('a compacter gives way while it looks for work among very many partitions', async () => {
  await withDirectory(async (directory) => {
    const storage = await openPromptStorage({ directory });
    const slow: Storage = {
      ...storage,
      async versions() {
        workFor(0.1);
        return [];
      },
      async *partitions({ dirty }) {
        if (dirty === true) for (let i = 0; i < 5_000; i += 1) yield { date: '20240115', directory: `u${i}` };
      },
    };
    const abort = new AbortController();
    const run = compact({ storage: slow }, {}, { signal: abort.signal, onProgress: () => abort.abort() });
    expect(await turnsDuring(() => run.catch(() => undefined))).toBeGreaterThan(50);
    await storage.close();
  });
});

it('a compacter holds a bounded number of what is pending', async () => {
  await withDirectory(async (directory) => {
    const storage = await openPromptStorage({ directory });
    let listed = 0;
    const marked: Storage = {
      ...storage,
      versions: async () => [],
      async *partitions({ dirty }) {
        if (dirty !== true) return;
        for (; listed < MAX_DIRTY_PARTITIONS + 100; listed += 1) yield { date: '20240115', directory: `u${listed}` };
      },
    };
    const abort = new AbortController();
    const run = compact({ storage: marked }, {}, { signal: abort.signal, onProgress: () => abort.abort() });
    await run.catch(() => undefined);
    expect(listed).toBe(MAX_DIRTY_PARTITIONS - 1);
    await storage.close();
  });
});

it('counts right', async () => {
  await withDirectory(async (directory) => {
    const storage = await openPromptStorage({ directory });
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

const SIZE = { partitions: 60, files: 60, compactedFiles: 0, users: 20, days: 3, withoutRollup: 0 };

/** A store of twenty users on three days, as if nothing had happened in it for an hour. */
async function makeStore(directory: string): Promise<Storage> {
  const storage = await openPromptStorage({ directory });
  const readings = Array.from({ length: 60 }, (_, i) => readingOf(`u${i % 20}`, Math.floor(i / 20)));
  await writePart({ storage }, readings);
  for (const date of ['19700101', '19700102', '19700103']) {
    for (const user of readdirSync(join(directory, date))) age(join(directory, date, user));
  }
  return storage;
}

function readingOf(userId: string, day: number, heartRate = 60) {
  return { userId, deviceId: 'd', timestampMs: day * DAY_MS + 1_000, heartRate, receivedMs: 0 };
}

function age(path: string): void {
  const longAgo = new Date(Date.now() - 3_600_000);
  utimesSync(path, longAgo, longAgo);
}

it('counts again only where something has changed, and opens nothing', async () => {
  await withDirectory(async (directory) => {
    const storage = await makeStore(directory);
    const counted = { sizes: 0, states: 0 };
    const watched = {
      partitions: storage.partitions,
      snapshot: () => Promise.reject(new Error('no file is opened')),
      sizes(...call: Parameters<Storage['sizes']>) {
        counted.sizes += call[0].length;
        return storage.sizes(...call);
      },
      state(...call: Parameters<Storage['state']>) {
        counted.states += 1;
        return storage.state(...call);
      },
    };
    async function count() {
      Object.assign(counted, { sizes: 0, states: 0 });
      return await measureStorage({ storage: watched });
    }
    const first = await count();
    expect(first).toMatchObject(SIZE);
    expect(counted.sizes).toBe(60);
    expect(await count()).toEqual(first);
    expect(counted).toEqual({ sizes: 0, states: 60 });
    // A file more on one day, and a user more on another.
    await writePart({ storage }, [readingOf('u7', 1, 99), readingOf('new', 2)]);
    expect(await count()).toMatchObject({ ...SIZE, partitions: 61, files: 62, users: 21 });
    expect(counted.sizes).toBe(41);
    await compact({ storage }, { all: true, sweepAfterMs: 0 });
    await compact({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await count()).toMatchObject({ ...SIZE, partitions: 61, files: 61, compactedFiles: 61, users: 21 });
    await storage.close();
  }, MEMORY_DIRECTORY);
});

it('users without a file are not counted, however often it is counted', async () => {
  await withDirectory(async (directory) => {
    const storage = await makeStore(directory);
    rmSync(join(directory, '19700102', 'u3'), { recursive: true });
    mkdirSync(join(directory, '19700102', 'empty'));
    age(join(directory, '19700102', 'empty'));
    for (let i = 0; i < 3; i += 1) {
      expect(await measureStorage({ storage })).toMatchObject({ ...SIZE, partitions: 59, files: 59 });
    }
    await storage.close();
  }, MEMORY_DIRECTORY);
});
