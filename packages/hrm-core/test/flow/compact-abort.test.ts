/**
 * A compaction that is aborted stops within the step that it is in, wherever that is: its signal fires at each read of a file in turn.
 * From then on nothing is published or replaced, and the answer is what it was.
 */
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const PARTS = 3;

function readings(userId: string, part: number, count: number): Reading[] {
  return Array.from({ length: count }, (_, i) => {
    const timestampMs = START_MS + (i * PARTS + part) * 1_000;
    return { userId, deviceId: `device ${i % 3}`, timestampMs, heartRate: 60 + (i % 50), receivedMs: timestampMs };
  });
}

/** Several row groups a part, so that a merge has many steps. */
async function writeOwn(storage: Storage): Promise<void> {
  for (let part = 0; part < PARTS; part += 1) await writePart({ storage }, readings('user 0', part, 3_000));
}

/** Few readings of each of many users. */
async function writeShared(storage: Storage): Promise<void> {
  for (let part = 0; part < PARTS; part += 1) {
    const many = Array.from({ length: 80 }, (_, u) => readings(`user ${u}`, part, 30)).flat();
    await writePart({ storage }, many);
  }
}

/** Compacts everything. The signal fires once so many files' reads were begun. */
async function compactUntil(storage: Storage, maxReads: number) {
  const stop = new AbortController();
  let reads = 0;
  let late = 0;
  async function change<T>(call: () => Promise<T>): Promise<T> {
    const isLate = stop.signal.aborted;
    const result = await call();
    if (isLate) late += 1;
    return result;
  }
  const watched: Storage = {
    ...storage,
    publish: (...args) => change(() => storage.publish(...args)),
    replace: (...args) => change(() => storage.replace(...args)),
    async snapshot(...args) {
      return countingReads(await storage.snapshot(...args));
    },
  };
  const originals = new Map();
  function countingReads(snapshot: Awaited<ReturnType<Storage['snapshot']>>) {
    const counted = {
      ...snapshot,
      files: snapshot.files.map((file) => ({
        ...file,
        read(from: number, to: number) {
          reads += 1;
          if (reads === maxReads) stop.abort();
          return file.read(from, to);
        },
      })),
    };
    originals.set(counted, snapshot);
    return counted;
  }
  watched.replace = (replacement, options) =>
    change(() => storage.replace({ ...replacement, snapshot: originals.get(replacement.snapshot) }, options));
  const ended = await compact({ storage: watched }, { all: true, sweepAfterMs: 0 }, { signal: stop.signal }).then(
    () => null,
    (error) => error,
  );
  return { reads, late, ended, wasAborted: stop.signal.aborted };
}

async function answer(storage: Storage): Promise<readonly unknown[]> {
  return await query({ storage }, { userId: 'user 0', start: START_MS, end: START_MS + 86_400_000 });
}

it.each([
  { name: 'parts of a user', write: writeOwn },
  { name: 'shared parts', write: writeShared },
])('of $name stops at any read of a file', async ({ write }) => {
  let aborted = 0;
  for (let maxReads = 1; ; maxReads += 1) {
    const isOver = await withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      try {
        await write(storage);
        const before = await answer(storage);
        const { reads, late, ended, wasAborted } = await compactUntil(storage, maxReads);
        expect(late).toBe(0);
        expect(await answer(storage)).toEqual(before);
        if (!wasAborted) return true;
        // At its last look all is done already.
        if (ended !== null) expect(ended).toMatchObject({ kind: 'closed', code: 'aborted' });
        // Whatever was begun together may read on to its next step.
        expect(reads - maxReads).toBeLessThanOrEqual(32);
        expect((await verify({ storage }, {})).faults).toEqual([]);
        if (ended !== null) aborted += 1;
        return false;
      } finally {
        await storage.close();
      }
    });
    if (isOver) break;
  }
  console.log(`compaction: aborted at ${aborted} reads`);
  expect(aborted).toBeGreaterThanOrEqual(PARTS);
});
