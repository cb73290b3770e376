/** The cache of objects on a local disk: what it spares, and that nothing it holds, lacks or damages changes an answer. */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DiskCache, openDiskCache } from '../../src/drivers/storage/s3/disk-cache.js';
import { createPieces } from '../../src/drivers/storage/s3/pieces.js';
import { compactAll, exportReadings, query, type Reading, writePart } from '../../src/index.js';
import { createFakeS3, type FakeS3 } from '../support/fake-s3.js';
import { testSeed } from '../support/random.js';
import { openFakeStorage } from '../support/s3-storage.js';

const START_MS = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;
const DAYS = 5;
const MIB = 1024 * 1024;

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hrm-cache-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Days of two users, compacted. */
async function makeStore(): Promise<FakeS3> {
  const fake = createFakeS3();
  const storage = await openFakeStorage(fake);
  const readings: Reading[] = [];
  for (let day = 0; day < DAYS; day += 1) {
    for (const userId of ['ana', 'bob']) {
      for (let minute = 0; minute < 60; minute += 1) {
        const timestampMs = START_MS + day * DAY_MS + minute * 60_000;
        readings.push({ userId, deviceId: 'watch', timestampMs, heartRate: 60 + minute, receivedMs: timestampMs });
      }
    }
  }
  await writePart({ storage }, readings);
  await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
  await storage.close();
  return fake;
}

/** What a process that has just started answers about all days, and how many objects it gets for it. */
async function askAnew(fake: FakeS3, cacheDir: string | undefined) {
  const storage = await openFakeStorage(fake, { cacheDir });
  const before = fake.counts.GET ?? 0;
  const range = { userId: 'ana', start: START_MS, end: START_MS + DAYS * DAY_MS };
  const rows = await query({ storage }, range);
  const exported: Uint8Array[] = [];
  for await (const bytes of exportReadings({ storage }, range)) exported.push(bytes);
  const gets = (fake.counts.GET ?? 0) - before;
  await storage.close();
  return { answer: [rows, Buffer.concat(exported).toString('base64')], gets };
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

async function bytesIn(directory: string): Promise<number> {
  const sizes = await Promise.all((await filesIn(directory)).map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe('a cache on the disk', () => {
  it('gives the next process what the last one read, and keeps it private', async () => {
    const fake = await makeStore();
    const directory = join(await temporaryDirectory(), 'made', 'by the cache');
    const plain = await askAnew(fake, undefined);
    expect((await askAnew(fake, directory)).gets).toBe(plain.gets);
    const again = await askAnew(fake, directory);
    expect([again.answer, again.gets]).toEqual([plain.answer, 0]);
    const modes = await Promise.all((await filesIn(directory)).map(async (path) => (await stat(path)).mode & 0o777));
    expect(new Set(modes)).toEqual(new Set([0o600]));
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  it.each<[string, (path: string, other: string) => Promise<void>]>([
    ['cut', async (path) => writeFile(path, (await readFile(path)).subarray(0, 50))],
    ['empty', (path) => writeFile(path, '')],
    ['longer', async (path) => writeFile(path, Buffer.concat([await readFile(path), Buffer.alloc(1)]))],
    ['of zeros', async (path) => writeFile(path, Buffer.alloc((await stat(path)).size))],
    ['another piece', (path, other) => copyFile(other, path)],
    [
      'changed in a bit',
      async (path) => {
        const bytes = await readFile(path);
        bytes[bytes.length - 100] = (bytes[bytes.length - 100] as number) ^ 1;
        await writeFile(path, bytes);
      },
    ],
  ])('trusts no file that is %s, and writes it anew', async (_, damage) => {
    const fake = await makeStore();
    const directory = await temporaryDirectory();
    const { answer } = await askAnew(fake, directory);
    const files = await filesIn(directory);
    for (const [i, path] of files.entries()) await damage(path, files[(i + 1) % files.length] as string);
    const mended = await askAnew(fake, directory);
    expect([mended.answer, mended.gets]).toEqual([answer, files.length]);
    expect((await askAnew(fake, directory)).gets).toBe(0);
  });

  it('is of one store', async () => {
    const directory = await temporaryDirectory();
    const settings = { directory, maxBytes: 16 * MIB };
    const [one, other] = await Promise.all(
      ['host bucket/a', 'host bucket/b'].map((place) => openDiskCache({ ...settings, place })),
    );
    const piece = { key: '20240101/ana/part-1.parquet', etag: 'e', fromByte: 0, toByte: 3 };
    one?.put(piece, Buffer.from('abc'));
    await one?.close();
    expect([await one?.get(piece), await other?.get(piece)]).toEqual([Buffer.from('abc'), null]);
    expect(await one?.get({ ...piece, etag: 'f' })).toBeNull();
    expect(await one?.get({ ...piece, fromByte: 1, toByte: 4 })).toBeNull();
  });

  it('keeps its bound, and what was used last', async () => {
    const directory = await temporaryDirectory();
    const maxBytes = 16 * MIB;
    const open = () => openDiskCache({ directory, maxBytes, place: '' });
    const bytes = randomBytes(256 * 1024);
    const pieceOf = (i: number) => ({ key: `${i}`, etag: '', fromByte: 0, toByte: bytes.length });
    const favourite = pieceOf(-1);
    const put = async (piece: ReturnType<typeof pieceOf>) => {
      // As many processes, each of which writes little.
      const cache = await open();
      cache.put(piece, bytes);
      await cache.close();
    };
    await put(favourite);
    let most = 0;
    for (let i = 0; i < 120; i += 1) {
      await put(pieceOf(i));
      expect(await (await open()).get(favourite)).not.toBeNull();
      if (i % 8 === 0) most = Math.max(most, await bytesIn(directory));
    }
    // Some counts come late: each process begins anywhere in its sixteenth.
    expect(most).toBeGreaterThan(maxBytes / 2);
    expect(most).toBeLessThan(maxBytes * 1.75);
  });

  it('answers as ever while its disk is gone, and refuses a place that can be none', async () => {
    const fake = await makeStore();
    const directory = await temporaryDirectory();
    const { answer } = await askAnew(fake, directory);
    const storage = await openFakeStorage(fake, { cacheDir: directory });
    await rm(directory, { recursive: true });
    await writeFile(directory, 'a file');
    const range = { userId: 'ana', start: START_MS, end: START_MS + DAYS * DAY_MS };
    expect(await query({ storage }, range)).toEqual(answer[0]);
    await storage.close();
    await expect(openFakeStorage(fake, { cacheDir: directory })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'invalid_settings',
      message: expect.stringContaining('name one that this user may write to'),
    });
  });

  const seed = testSeed();
  it(`gives the bytes of the object, whatever becomes of its files, seed ${seed}`, async () => {
    const objects = Array.from({ length: 4 }, (_, i) => ({
      key: `key ${i}`,
      etag: `etag ${i}`,
      byteLength: 1_000 * 10 ** (i % 3) + i,
      ageMs: 0,
      bytes: randomBytes(1_000 * 10 ** (i % 3) + i),
    }));
    const bucket = {
      get: async (key: string, { fromByte, toByte }: { fromByte?: number; toByte?: number } = {}) => {
        const { bytes, etag } = objects.find((each) => each.key === key) as (typeof objects)[number];
        return { bytes: bytes.subarray(fromByte, toByte), etag };
      },
    };
    const act = fc.record({
      reader: fc.nat(1),
      object: fc.nat(objects.length - 1),
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      to: fc.double({ min: 0, max: 1, noNaN: true }),
      damages: fc.nat(4),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
        const directory = await temporaryDirectory();
        const open = () => openDiskCache({ directory, maxBytes: 16 * MIB, place: '' });
        const disks: DiskCache[] = [await open(), await open()];
        for (const { reader, object, from, to, damages } of acts) {
          const disk = disks[reader] as DiskCache;
          const { bytes, ...listed } = objects[object] as (typeof objects)[number];
          const [fromByte, toByte] = [from, to].map((at) => Math.floor(at * bytes.length)).sort((a, b) => a - b);
          if (fromByte === undefined || toByte === undefined || fromByte === toByte) continue;
          // No memory: what is read comes from the disk, or from the bucket.
          const read = await createPieces(bucket, disk).read(listed, fromByte, toByte);
          expect(Buffer.from(read).equals(bytes.subarray(fromByte, toByte))).toBe(true);
          await disk.close();
          const files = damages === 0 ? await filesIn(directory) : [];
          for (const path of files) await writeFile(path, (await readFile(path)).reverse());
        }
        await rm(directory, { recursive: true });
      }),
      { seed, numRuns: 30 },
    );
  });
});
