/** Days that are read ahead: in order, no more than the bound, and none left open. */
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { HrmError, query, queryDays, type Reading, type Storage, writePart } from '../../src/index.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;
const DAYS = 8;
const RANGE = { userId: 'ana', start: START_MS, end: START_MS + DAYS * DAY_MS };

/** A storage whose snapshots of the user's own partitions open only when they are let. */
function slowStorage(real: Storage) {
  const waiting: { readonly date: string; open(): void; fail(): void }[] = [];
  let open = 0;
  const storage: Storage = {
    ...real,
    async snapshot(partition, options) {
      if (partition.directory !== '_shared') {
        await new Promise<void>((resolve, reject) => {
          const error = new HrmError('it is away', { kind: 'unavailable', code: 'storage_unavailable' });
          waiting.push({ date: partition.date, open: resolve, fail: () => reject(error) });
        });
      }
      const snapshot = await real.snapshot(partition, options);
      open += 1;
      return {
        ...snapshot,
        async close() {
          open -= 1;
          await snapshot.close();
        },
      };
    },
  };
  return { storage, waiting, openSnapshots: () => open };
}

async function withDays(use: (storage: Storage) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    const readings = Array.from({ length: DAYS }, (_, day): Reading => {
      return {
        userId: 'ana',
        deviceId: 'watch',
        timestampMs: START_MS + day * DAY_MS,
        heartRate: 60 + day,
        receivedMs: 0,
      };
    });
    await writePart({ storage }, readings);
    await use(storage);
    await storage.close();
  });
}

/** Waits for a turn of the event loop, and for what is read meanwhile. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

type Slow = ReturnType<typeof slowStorage>;

/** Waits for something, and lets everybody in meanwhile: the last that was begun first. */
async function lettingIn<T>({ waiting }: Slow, call: Promise<T>): Promise<T> {
  let isDone = false;
  const done = call.finally(() => {
    isDone = true;
  });
  done.catch(() => undefined);
  await until(() => {
    waiting.pop()?.open();
    return isDone;
  });
  return done;
}

describe('days that are read ahead', () => {
  it.each([0, 1, 3, 100])('are the same in the same order, %i at most beyond the one in hand', async (maxDaysAhead) => {
    await withDays(async (real) => {
      const expected = await query({ storage: real }, RANGE);
      const slow = slowStorage(real);
      const answer = query({ storage: slow.storage }, RANGE, { maxDaysAhead });
      const begun = Math.min(DAYS, maxDaysAhead + 1);
      await until(() => slow.waiting.length === begun);
      for (let i = 0; i < 100; i += 1) await turn();
      expect(slow.waiting).toHaveLength(begun);
      expect(await lettingIn(slow, answer)).toEqual(expected);
    });
  });

  it('fail in their turn, after the days before', async () => {
    await withDays(async (real) => {
      const slow = slowStorage(real);
      const days = queryDays({ storage: slow.storage }, RANGE, { maxDaysAhead: 2 });
      const first = days.next();
      await until(() => slow.waiting.length === 3);
      expect(slow.waiting.map(({ date }) => date)).toEqual(['20240115', '20240116', '20240117']);
      slow.waiting.splice(1, 1)[0]?.fail();
      for (let i = 0; i < 100; i += 1) await turn();
      expect((await lettingIn(slow, first)).value).toMatchObject([{ heartRate: 60 }]);
      await expect(lettingIn(slow, days.next())).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(slow.openSnapshots()).toBe(0);
    });
  });

  it('are closed when nobody wants them any more', async () => {
    await withDays(async (real) => {
      const slow = slowStorage(real);
      const days = queryDays({ storage: slow.storage }, RANGE, { maxDaysAhead: 2 });
      const first = days.next();
      await until(() => slow.waiting.length === 3);
      slow.waiting.shift()?.open();
      await first;
      await lettingIn(slow, days.return(undefined));
      expect(slow.openSnapshots()).toBe(0);
    });
  });
});
