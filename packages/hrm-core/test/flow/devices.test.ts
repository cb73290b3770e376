import * as nodeFileSystem from 'node:fs';
import { readdir, truncate } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, type DamageReport, devices, latest, type Reading, type Storage, writePart } from '../../src/index.js';
import { MAX_HISTORY_DAYS, MAX_HISTORY_DEVICES, MAX_TIMESTAMP_MS } from '../../src/limits.js';
import { partitionDate } from '../../src/pure/partition.js';
import { oracleDevices } from '../property/oracle.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAYS = 40;

/** A watch every day, a strap on some, a ring on one; all at whole minutes, so that they meet. */
const READINGS: Reading[] = Array.from({ length: DAYS * 1_440 }, (_, i) => i).flatMap((i) => {
  const timestampMs = START_MS + i * 60_000;
  const day = Math.floor(i / 1_440);
  const one = (deviceId: string) => {
    return { userId: 'ana', deviceId, timestampMs, heartRate: 50 + (i % 97), receivedMs: timestampMs };
  };
  return [one('watch'), ...(day % 7 === 3 ? [one('strap')] : []), ...(day === 5 && i % 2 === 0 ? [one('ring')] : [])];
});

describe("a user's devices", () => {
  it('are known from rollups: of a history only the ends of their files are read, and the minutes in question', async () => {
    await withDirectory(async (directory) => {
      const counts = { opens: 0, bytes: 0 };
      const fileSystem: DirectoryFileSystem = {
        ...nodeFileSystem,
        openSync(file: string, flags: number) {
          if (file.endsWith('.parquet')) counts.opens += 1;
          return nodeFileSystem.openSync(file, flags);
        },
        read(fd, to, offset, length, position, callback) {
          nodeFileSystem.read(fd, to, offset, length, position, (error, bytes) => {
            counts.bytes += bytes;
            callback(error, bytes);
          });
        },
      };
      const writer = await openDirectoryStorage({ directory });
      await writePart({ storage: writer }, READINGS);
      for (let run = 0; run < 2; run += 1) await compact({ storage: writer }, { all: true, sweepAfterMs: 0 });
      await writer.close();
      // What is remembered must be a second old.
      await sleep(1_100);
      const storage = await openDirectoryStorage({ directory, fileSystem });
      try {
        const expected = oracleDevices(READINGS, 'ana', { watch: 1 });
        expect(expected.devices).toHaveLength(3);
        expect(await devices({ storage }, { userId: 'ana' })).toEqual(expected.devices);
        // One a day for the list, and one for each day in which a device begins or ends.
        expect(counts.opens).toBeLessThanOrEqual(DAYS + 6);
        const { bytes } = counts;
        Object.assign(counts, { opens: 0, bytes: 0 });
        expect(await latest({ storage }, { userId: 'ana', priority: { watch: 1 } })).toEqual(expected.latest);
        expect(expected.latest.latest?.deviceId).toBe('watch');
        // Nothing is read twice.
        expect(counts.bytes).toBe(0);
        // Files so small come whole with their ends; of three days readings are read, too.
        expect(bytes).toBeLessThan(1.1 * (await sizesOf(directory)));
      } finally {
        await storage.close();
      }
    });
  });

  it('are found on the first and the last day that there can be, and between', async () => {
    await withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      const days = [0, 36_600, 100_000, 1_000_000, Math.floor(MAX_TIMESTAMP_MS / 86_400_000)];
      const readings = days.map((day, i): Reading => {
        return { userId: 'ana', deviceId: `d${i}`, timestampMs: day * 86_400_000, heartRate: 70, receivedMs: START_MS };
      });
      await writePart({ storage }, readings);
      expect(await devices({ storage }, { userId: 'ana' })).toEqual(oracleDevices(readings, 'ana', {}).devices);
      await storage.close();
    });
  });

  it('of very many days are refused before any day is read', async () => {
    await withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      let listed = 0;
      let latestDate = '';
      const endless: Storage = {
        ...storage,
        async *partitions({ toDate = '99999999', directories }) {
          if (directories?.includes('ana') === false) return;
          // All of these are looked for.
          latestDate = toDate;
          for (let date = ''; date < toDate; listed += 1) {
            date = partitionDate(listed * 86_400_000);
            yield { date, directory: 'ana' };
          }
        },
        snapshot: () => Promise.reject(new Error('a day was read')),
      };
      const refused = { kind: 'invalid', code: 'too_much_history', message: expect.stringContaining('a range') };
      for (const ask of [devices, latest]) {
        listed = 0;
        await expect(ask({ storage: endless }, { userId: 'ana' })).rejects.toMatchObject(refused);
        expect(listed).toBe(MAX_HISTORY_DAYS);
        expect(latestDate < '2200').toBe(true);
      }
      await storage.close();
    });
  });

  it('are refused where they are more than one answer is made of, over all days', async () => {
    await withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      const onDay = (day: number, from: number, to: number): Reading[] =>
        Array.from({ length: to - from }, (_, i) => {
          const timestampMs = START_MS + day * 86_400_000;
          return { userId: 'ana', deviceId: `d${from + i}`, timestampMs, heartRate: 70, receivedMs: timestampMs };
        });
      await writePart({ storage }, onDay(0, 0, 60_000));
      await writePart({ storage }, onDay(1, 60_000, MAX_HISTORY_DEVICES));
      expect(await devices({ storage }, { userId: 'ana' })).toHaveLength(MAX_HISTORY_DEVICES);
      await writePart({ storage }, onDay(2, MAX_HISTORY_DEVICES, MAX_HISTORY_DEVICES + 1));
      for (const ask of [devices, latest]) {
        await expect(ask({ storage }, { userId: 'ana' })).rejects.toMatchObject({ code: 'too_much_history' });
      }
      await storage.close();
    }, MEMORY_DIRECTORY);
  });

  it('of nobody are none, and what is no user_id is refused', async () => {
    await withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      await writePart({ storage }, READINGS.slice(0, 10));
      expect(await devices({ storage }, { userId: 'nobody' })).toEqual([]);
      expect(await latest({ storage }, { userId: 'nobody' })).toEqual({ latest: null, devices: [] });
      await expect(devices({ storage }, { userId: '' }, { wireNames: true })).rejects.toMatchObject({
        kind: 'invalid',
        code: 'invalid_query',
        faults: [{ path: '/user_id' }],
      });
      await expect(latest({ storage }, { userId: 'ana', priority: { watch: 0 } })).rejects.toMatchObject({
        faults: [{ path: '/priority' }],
      });
      const signal = AbortSignal.abort();
      await expect(devices({ storage }, { userId: 'ana' }, { signal })).rejects.toMatchObject({ kind: 'closed' });
      await storage.close();
    });
  });

  it('are told without a damaged file, which is set aside, and of more than a rollup can tell apart', async () => {
    await withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      const many = Array.from({ length: 300 }, (_, i): Reading => {
        const timestampMs = START_MS + i * 1_000;
        return { userId: 'ana', deviceId: `d${i % 50}`, timestampMs, heartRate: 60 + (i % 9), receivedMs: timestampMs };
      });
      const late = READINGS.slice(1_440 * 3, 1_440 * 3 + 100);
      await writePart({ storage }, many);
      await writePart({ storage }, late);
      await compact({ storage }, { all: true, sweepAfterMs: 0 });
      const reports: DamageReport[] = [];
      const onDamage = (report: DamageReport) => reports.push(report);
      const all = oracleDevices([...many, ...late], 'ana', {});
      expect(await devices({ storage }, { userId: 'ana' }, { onDamage })).toEqual(all.devices);
      expect(reports).toEqual([]);
      const day = path.join(directory, '20240118', 'ana');
      for (const name of await readdir(day)) await truncate(path.join(day, name), 50);
      const rest = oracleDevices(many, 'ana', {});
      expect(await devices({ storage }, { userId: 'ana' }, { onDamage })).toEqual(rest.devices);
      expect(reports).toMatchObject([{ date: '20240118', outcome: 'quarantined' }]);
      expect(await latest({ storage }, { userId: 'ana' }, { onDamage })).toEqual(rest.latest);
      await storage.close();
    });
  });
});

describe('very many devices', () => {
  it('are told right at random, from parts and compacted, whatever meets at one millisecond', async () => {
    const random = randomFrom(testSeed());
    const pick = (count: number) => Math.floor(random() * count);
    for (let round = 0; round < 6; round += 1) {
      const count = [3, 40, 200][round % 3] as number;
      const all: Reading[] = [];
      await withDirectory(async (directory) => {
        const storage = await openDirectoryStorage({ directory });
        for (let part = 0; part < 6; part += 1) {
          const readings = Array.from({ length: 600 }, (): Reading => {
            const timestampMs = START_MS + pick(3) * 86_400_000 + pick(2_000) * 45_000;
            const deviceId = `${['é', '\u{1F600}', '\uFF5E', 'x'][pick(4)]}${pick(count)}`;
            const receivedMs = START_MS + pick(4) * 60_000;
            return {
              userId: pick(9) === 0 ? 'ben' : 'ana',
              deviceId,
              timestampMs,
              heartRate: 60 + pick(9),
              receivedMs,
            };
          });
          all.push(...readings);
          await writePart({ storage }, readings);
          if (pick(4) === 0) await compact({ storage }, { all: true, sweepAfterMs: 0 });
        }
        const expected = oracleDevices(all, 'ana', {});
        expect(await devices({ storage }, { userId: 'ana' })).toEqual(expected.devices);
        expect(await latest({ storage }, { userId: 'ana' })).toEqual(expected.latest);
        await storage.close();
      });
    }
  });

  it('are read in time that grows with their number: of a day each row group once', async () => {
    const spent: number[] = [];
    for (const count of [4_000, 16_000]) {
      await withDirectory(async (directory) => {
        const storage = await openDirectoryStorage({ directory });
        const readings = Array.from({ length: count }, (_, i): Reading => {
          const timestampMs = START_MS + (i % 1_440) * 60_000;
          return { userId: 'ana', deviceId: `device ${i}`, timestampMs, heartRate: 60, receivedMs: timestampMs };
        });
        await writePart({ storage }, readings);
        const before = process.cpuUsage();
        expect((await latest({ storage }, { userId: 'ana' })).devices).toHaveLength(count);
        const { user, system } = process.cpuUsage(before);
        spent.push((user + system) / 1_000);
        await storage.close();
      });
    }
    // Quadratic, 16,000 took seconds; what stands beside it is a file of half a megabyte.
    expect(spent[1]).toBeLessThan(1_500);
  });
});

async function sizesOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.parquet'));
  return files.reduce(
    (sum, { parentPath, name }) => sum + nodeFileSystem.statSync(path.join(parentPath, name)).size,
    0,
  );
}
