/** A question about a whole history looks into the shared parts that may have readings of its user, and into no others. */
import { readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, devices, latest, query, type Storage, userDays, verify, writePart } from '../../src/index.js';
import { NO_CHECKSUM, writeFooterChecksum } from '../../src/parquet/checksum.js';
import { createEncoder } from '../../src/parquet/encode.js';
import { columnsFromReadings } from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { partName } from '../../src/pure/partition.js';
import { createUserFilter } from '../../src/pure/user-filter.js';
import { inOnePiece } from '../../src/steps.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const HISTORIES = Math.ceil(Number(process.env.HRM_HISTORIES ?? 200) / 50);
const dateOf = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');
const readingOf = (userId: string, day: number, second = 1) => {
  return { userId, deviceId: 'watch', timestampMs: day * DAY_MS + second * 1_000, heartRate: 60, receivedMs: 0 };
};
/** So many that they share a part. */
const crowd = (day: number, second = 1) => Array.from({ length: 33 }, (_, i) => readingOf(`u${i}`, day, second));

let ages = 0;

/** As if nobody had written for an hour: what is younger is not remembered. */
function ageStore(data: string): void {
  for (const date of readdirSync(data).filter((name) => /^\d+$/.test(name))) {
    for (const directory of ['', ...readdirSync(join(data, date))]) {
      ages += 1;
      const longAgo = new Date(Date.now() - 3_600_000 - ages * 1_000);
      utimesSync(join(data, date, directory), longAgo, longAgo);
    }
  }
}

/** A handle of its own that counts the files that it opens. */
async function openCounted(directory: string) {
  let opened = 0;
  const fileSystem = {
    ...promptFileSystem,
    openSync(path: string, flags: number) {
      const fd = promptFileSystem.openSync(path, flags);
      if (path.includes('_shared')) opened += 1;
      return fd;
    },
  };
  const storage = await openDirectoryStorage({ directory, fileSystem });
  async function openedBy(work: () => Promise<unknown>): Promise<number> {
    opened = 0;
    await work();
    return opened;
  }
  return { storage, openedBy };
}

/** A part as an older version wrote it: it says nothing of its users. */
async function publishOld(storage: Storage, day: number): Promise<void> {
  const encoder = createEncoder({});
  for (const _ of encoder.write(mergeReadings([columnsFromReadings(crowd(day))])));
  for (const _ of encoder.flush());
  const bytes = inOnePiece(encoder.finish({ replaces: [] }));
  await storage.publish({ date: dateOf(day), directory: '_shared' }, partName(bytes), bytes);
}

it('opens each shared part once, for all users', () =>
  withDirectory(async (data) => {
    const { storage, openedBy } = await openCounted(data);
    for (let day = 0; day < 30; day += 1)
      await (day < 5 ? publishOld(storage, 3 * day) : writePart({ storage }, crowd(3 * day)));
    await writePart({ storage }, [readingOf('zoe', 33), readingOf('zoe', 400)]);
    ageStore(data);
    expect(await openedBy(() => latest({ storage }, { userId: 'nobody' }))).toBe(30);
    for (const userId of ['nobody', 'zoe', 'yan']) {
      expect(await openedBy(() => latest({ storage }, { userId }))).toBe(0);
      expect(await openedBy(() => devices({ storage }, { userId }))).toBe(0);
      expect(await openedBy(() => query({ storage }, { userId, start: 0, end: 3_000 * DAY_MS }))).toBe(0);
      expect(await openedBy(() => userDays({ storage }, { userId }))).toBe(0);
    }
    expect((await latest({ storage }, { userId: 'zoe' })).latest?.timestamp).toBe('1971-02-05T00:00:01Z');
    expect(await query({ storage }, { userId: 'u7', start: 0, end: 3_000 * DAY_MS })).toHaveLength(30);
    // Of one that has changed only what is new is opened.
    await writePart({ storage }, crowd(6, 60));
    expect(await openedBy(() => latest({ storage }, { userId: 'nobody' }))).toBe(1);
    expect(await openedBy(() => latest({ storage }, { userId: 'nobody' }))).toBe(0);
    await storage.close();
  }, MEMORY_DIRECTORY));

it('sees at once whatever another handle writes, splits and sweeps', async () => {
  const random = randomFrom(testSeed());
  const pick = (count: number) => Math.floor(random() * count);
  for (let history = 0; history < HISTORIES; history += 1) {
    await withDirectory(async (data) => {
      const writer = await openDirectoryStorage({ directory: data, fileSystem: promptFileSystem });
      const reader = await openDirectoryStorage({ directory: data, readOnly: true, fileSystem: promptFileSystem });
      const asked = ['zoe', 'u3', 'u32', 'nobody'];
      const days = new Map(asked.map((userId) => [userId, new Set<number>()]));
      for (let step = 0; step < 20; step += 1) {
        const day = 70 * pick(7);
        const doing = pick(5);
        if (doing <= 2) {
          const readings = doing === 0 ? [readingOf('zoe', day, step)] : crowd(day, step);
          if (doing === 2) readings.push(readingOf('zoe', day, step));
          if (pick(4) === 0 && doing === 1) await publishOld(writer, day);
          else await writePart({ storage: writer }, readings);
          for (const { userId } of doing === 1 ? crowd(day) : readings) days.get(userId)?.add(day);
        } else if (doing === 3) await compact({ storage: writer }, { all: true, sweepAfterMs: 0 });
        else ageStore(data);
        for (const userId of asked) {
          const own = [...(days.get(userId) ?? [])].sort((a, b) => a - b);
          const rows = await query({ storage: reader }, { userId, start: 0, end: 600 * DAY_MS, interval: '1d' });
          expect(rows.map(({ timestamp }) => Date.parse(timestamp) / DAY_MS)).toEqual(own);
          const last = (await latest({ storage: reader }, { userId })).latest;
          expect(last === null ? undefined : Math.floor(Date.parse(last.timestamp) / DAY_MS)).toBe(own.at(-1));
        }
      }
      await reader.close();
      await writer.close();
    }, MEMORY_DIRECTORY);
  }
});

it('verifies that everybody whose readings a shared part has is in its filter', () =>
  withDirectory(async (data) => {
    const storage = await openDirectoryStorage({ directory: data, fileSystem: promptFileSystem });
    const [written] = await writePart({ storage }, crowd(1));
    expect(await verify({ storage })).toMatchObject({ files: 1, faultCount: 0 });
    const { partition, name = '' } = written ?? { partition: { date: '', directory: '' } };
    const bytes = readFileSync(join(data, partition.date, partition.directory, name));
    // Nobody is in it any more, and the checksum is right.
    const filter = createUserFilter();
    for (const { userId } of crowd(1)) filter.add(userId);
    const text = Buffer.from(filter.finish() ?? []).toString('base64');
    bytes.fill('A', bytes.indexOf(text), bytes.indexOf(text) + text.length);
    const footerAt = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    bytes.write(NO_CHECKSUM, bytes.length - 101, 'latin1');
    writeFooterChecksum(bytes.subarray(footerAt));
    rmSync(join(data, partition.date, partition.directory, name));
    await storage.publish(partition, partName(bytes), bytes);
    expect((await verify({ storage })).faults).toMatchObject([{ code: 'wrong_statistics' }]);
    await storage.close();
  }, MEMORY_DIRECTORY));
