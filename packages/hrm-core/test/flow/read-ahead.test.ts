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

/** Lets everything run that waits for nothing of ours. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('days that are read ahead', () => {
  it.each([0, 1, 3, 100])(
    'are the same in the same order, and %i at most beyond the one in hand',
    async (maxDaysAhead) => {
      await withDays(async (real) => {
        const expected = await query({ storage: real }, RANGE);
        const { storage, waiting } = slowStorage(real);
        const answer = query({ storage }, RANGE, { maxDaysAhead });
        let most = 0;
        let opened = 0;
        while (opened < DAYS) {
          await settle();
          most = Math.max(most, waiting.length);
          // The last that was begun is the first that comes.
          waiting.pop()?.open();
          opened += 1;
        }
        expect(await answer).toEqual(expected);
        expect(most).toBe(Math.min(DAYS, maxDaysAhead + 1));
      });
    },
  );

  it('fail in their turn, after the days before', async () => {
    await withDays(async (real) => {
      const { storage, waiting, openSnapshots } = slowStorage(real);
      const days = queryDays({ storage }, RANGE, { maxDaysAhead: 2 });
      const first = days.next();
      await settle();
      expect(waiting.map(({ date }) => date)).toEqual(['20240115', '20240116', '20240117']);
      waiting[1]?.fail();
      await settle();
      waiting[0]?.open();
      expect((await first).value).toMatchObject([{ heartRate: 60 }]);
      const second = days.next().then(
        () => 'answered',
        (error: unknown) => error,
      );
      await settle();
      for (const { open } of waiting.slice(2)) open();
      expect(await second).toMatchObject({ code: 'storage_unavailable' });
      expect(openSnapshots()).toBe(0);
    });
  });

  it('are closed when nobody wants them any more', async () => {
    await withDays(async (real) => {
      const { storage, waiting, openSnapshots } = slowStorage(real);
      const days = queryDays({ storage }, RANGE, { maxDaysAhead: 2 });
      const first = days.next();
      await settle();
      waiting[0]?.open();
      await first;
      const ended = days.return(undefined);
      await settle();
      for (const { open } of waiting.slice(1)) open();
      await ended;
      expect(openSnapshots()).toBe(0);
    });
  });
});
