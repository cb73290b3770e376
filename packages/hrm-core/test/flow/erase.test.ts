/** Erasures, on the directory and on S3: what is answered, what comes back, and what is left on the disk. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  compact,
  devices,
  drainBatch,
  type EraseInput,
  enqueue,
  erase,
  erasureStatus,
  exportReadings,
  findUserId,
  finishErasures,
  latest,
  listUsers,
  type Queue,
  query,
  queryTag,
  type Storage,
  watch,
} from '../../src/index.js';
import { LISTING_SETTLE_MS } from '../../src/limits.js';
import { userDirectory } from '../../src/pure/partition.js';
import { failingStorage } from '../support/failing-ports.js';
import { createFakeS3, type FakeS3 } from '../support/fake-s3.js';
import { openFakeStorage } from '../support/s3-storage.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15, 12);
const DAY = { start: START_MS - 86_400_000, end: START_MS + 86_400_000 };
const [ANA, BEN] = ['ana-whose-id-stands-nowhere-else', 'ben-who-stays-as-he-is'];

interface World {
  readonly root: string;
  readonly s3: FakeS3 | null;
  readonly clock: { now: number; nowMs: () => number };
  readonly queue: Queue;
  readonly storage: Storage;
  /** A second handle, as another process has one. */
  readonly other: Storage;
}

const worlds: World[] = [];

async function openWorld(kind: 'directory' | 's3'): Promise<World> {
  const root = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-erase-'));
  const s3 = kind === 's3' ? createFakeS3() : null;
  const open = () => (s3 === null ? openDirectoryStorage({ directory: path.join(root, 'data') }) : openFakeStorage(s3));
  const clock = { now: START_MS, nowMs: () => clock.now };
  const queue = await openEmbeddedQueue({ directory: path.join(root, 'queue'), clock });
  const world = { root, s3, clock, queue, storage: await open(), other: await open() };
  worlds.push(world);
  return world;
}

afterEach(async () => {
  for (const { root, queue, storage, other } of worlds.splice(0)) {
    await Promise.all([queue.close(), storage.close(), other.close()]);
    await rm(root, { recursive: true });
  }
});

/** Sends a reading a second from `from` on. */
async function send(
  { queue, clock }: World,
  userId: string,
  count: number,
  options: { from?: number; deviceId?: string } = {},
) {
  const { from = 0, deviceId = 'watch' } = options;
  const wire = Array.from({ length: count }, (_, i) => ({
    user_id: userId,
    device_id: deviceId,
    timestamp: new Date(START_MS - 3_600_000 + (from + i) * 1_000).toISOString(),
    heart_rate: 60 + (i % 50),
  }));
  await enqueue({ queue, clock }, wire);
}

async function drain({ queue, storage, clock }: World, maxSmallParts = 32) {
  let erased = 0;
  for (;;) {
    const step = await drainBatch({ queue, storage, clock }, { maxSmallParts });
    erased += step.erased;
    if (step.outcome === 'empty') return erased;
  }
}

/** Without the wait for other processes, which one test has. */
async function eraseNow({ storage, clock }: World, input: EraseInput) {
  const erased = await erase({ storage: { ...storage, erasures: { ...storage.erasures, holdMs: 0 } }, clock }, input);
  clock.now += 1;
  return erased;
}

async function countOf(storage: Storage, userId: string, deviceId?: string): Promise<number> {
  const rows = await query({ storage }, { userId, deviceId, ...DAY });
  return rows.reduce((sum, { count }) => sum + count, 0);
}

async function exported(storage: Storage, userId: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of exportReadings({ storage }, { userId, ...DAY })) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function finish({ storage, queue, clock }: World) {
  for (let run = 0; run < 20; run += 1) {
    const { left } = await finishErasures({ storage, queue, clock }, { sweepAfterMs: 0 });
    if (left.length === 0) return;
  }
  throw new Error('erasures do not end');
}

/** Where some text stands, in names and bytes of all that is stored. */
async function placesOf({ root, s3 }: World, text: string): Promise<string[]> {
  if (s3 !== null) {
    const keys = [...s3.objects].filter(([key, { bytes }]) => key.includes(text) || Buffer.from(bytes).includes(text));
    return keys.map(([key]) => key);
  }
  const places: string[] = [];
  for (const entry of await readdir(path.join(root, 'data'), { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.name.includes(text) || (entry.isFile() && (await readFile(file)).includes(text))) places.push(file);
  }
  return places;
}

describe.each(['directory', 's3'] as const)('in %s', (kind) => {
  describe.each([
    ['files of their own', 32],
    ['shared files', 0],
  ] as const)('of %s', (_, maxSmallParts) => {
    it.each([false, true])(
      'nothing of an erased user is answered, and others stay as they are (compacted: %s)',
      async (isCompacted) => {
        const world = await openWorld(kind);
        const { storage, clock } = world;
        for (const user of [ANA, BEN]) await send(world, user, 300);
        await drain(world, maxSmallParts);
        if (isCompacted) await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
        const before = {
          ana: await queryTag({ storage }, { userId: ANA, ...DAY }),
          ben: await queryTag({ storage }, { userId: BEN, ...DAY }),
        };
        expect([await countOf(storage, ANA), await countOf(storage, BEN)]).toEqual([300, 300]);
        await eraseNow(world, { userId: ANA });
        async function look(): Promise<void> {
          expect(await countOf(storage, ANA)).toBe(0);
          expect((await exported(storage, ANA)).includes(ANA)).toBe(false);
          expect(await devices({ storage }, { userId: ANA })).toEqual([]);
          expect((await latest({ storage }, { userId: ANA })).latest).toBeNull();
          const { users } = await listUsers({ storage });
          expect(users.map(({ userId }) => userId)).toEqual([BEN]);
          expect(await countOf(storage, BEN)).toBe(300);
          expect(await queryTag({ storage }, { userId: BEN, ...DAY })).toBe(before.ben);
          expect(await queryTag({ storage }, { userId: ANA, ...DAY })).not.toBe(before.ana);
        }
        await look();
        await finish(world);
        expect(await countOf(storage, BEN)).toBe(300);
        expect(await countOf(storage, ANA)).toBe(0);
        expect(await placesOf(world, ANA)).toEqual([]);
        expect(await placesOf(world, BEN)).not.toEqual([]);
        for await (const place of findUserId({ storage, queue: world.queue }, ANA)) expect(place).toBeNull();
      },
    );
  });

  it('only a device, and only a range, where that is asked for', async () => {
    const world = await openWorld(kind);
    const { storage, clock } = world;
    await send(world, ANA, 100);
    await send(world, ANA, 100, { deviceId: 'strap' });
    await drain(world);
    await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
    await eraseNow(world, { userId: ANA, deviceId: 'strap' });
    expect([await countOf(storage, ANA, 'watch'), await countOf(storage, ANA, 'strap')]).toEqual([100, 0]);
    const start = START_MS - 3_600_000;
    await eraseNow(world, { userId: ANA, start: start + 10_000, end: start + 30_000 });
    expect(await countOf(storage, ANA)).toBe(80);
    await finish(world);
    expect([await countOf(storage, ANA, 'watch'), await countOf(storage, ANA, 'strap')]).toEqual([80, 0]);
    expect(await placesOf(world, 'strap')).toEqual([]);
  });

  it('what is queued goes with it, and what is accepted later counts: also in the same minute, and as an import', async () => {
    const world = await openWorld(kind);
    await send(world, ANA, 50);
    await eraseNow(world, { userId: ANA });
    await send(world, ANA, 30, { from: 10 });
    // Of a file of a device: received before everything else.
    const reading = { userId: ANA, deviceId: 'watch', timestamp: START_MS, heartRate: 70, receivedMs: 0 };
    await enqueue({ queue: world.queue, clock: world.clock }, [reading], { keepReceived: true } as never).catch(
      () => undefined,
    );
    expect(await drain(world)).toBe(50);
    expect(await countOf(world.storage, ANA)).toBeGreaterThanOrEqual(30);
    // Again, in the same minute: what came after the first erasure came before the second.
    await eraseNow(world, { userId: ANA });
    expect(await countOf(world.storage, ANA)).toBe(0);
    await send(world, ANA, 5);
    await drain(world);
    expect(await countOf(world.storage, ANA)).toBe(5);
    await finish(world);
    expect(await countOf(world.storage, ANA)).toBe(5);
  });

  it('a batch that is delivered again stays erased, stored already or not', async () => {
    const world = await openWorld(kind);
    const { queue, storage, clock } = world;
    await send(world, ANA, 40);
    const unheard = {
      ...queue,
      ack: () => Promise.reject(new Error('the reply is lost')),
      release: async () => 'stale' as const,
    };
    await drainBatch({ queue: unheard, storage, clock }).catch(() => undefined);
    expect(await countOf(storage, ANA)).toBe(40);
    await eraseNow(world, { userId: ANA });
    clock.now += 60_000;
    expect(await drain(world)).toBe(40);
    expect(await countOf(storage, ANA)).toBe(0);
  });

  it('every other handle has it when it resolves', async () => {
    const world = await openWorld(kind);
    await send(world, ANA, 40);
    await drain(world);
    expect(await countOf(world.other, ANA)).toBe(40);
    await erase({ storage: world.storage, clock: world.clock }, { userId: ANA });
    expect(await countOf(world.other, ANA)).toBe(0);
  });

  it('has a report when nothing is left, which names nobody', async () => {
    const world = await openWorld(kind);
    const { storage } = world;
    await send(world, ANA, 40);
    await drain(world);
    const { id } = await eraseNow(world, { userId: ANA });
    expect(await erasureStatus({ storage }, id)).toEqual({ id, state: 'in_force', report: null });
    await finish(world);
    const status = await erasureStatus({ storage: world.other }, id);
    expect(status).toMatchObject({ id, state: 'finished', report: { id, found: { readings: 40 } } });
    expect(JSON.stringify(status)).not.toContain(ANA);
    expect(await erasureStatus({ storage }, '0'.repeat(32))).toBeNull();
  });
});

it('a backup that is brought back stays erased, and its bytes go', async () => {
  const world = await openWorld('directory');
  const { root, storage, clock } = world;
  for (const user of [ANA, BEN]) await send(world, user, 200);
  await drain(world);
  await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
  await cp(path.join(root, 'data'), path.join(root, 'backup'), { recursive: true });
  await eraseNow(world, { userId: ANA });
  await finish(world);
  for (const [date] of [['20240115']]) {
    const to = path.join(root, 'data', date as string, userDirectory(ANA));
    await cp(path.join(root, 'backup', date as string, userDirectory(ANA)), to, { recursive: true });
  }
  expect(await countOf(storage, ANA)).toBe(0);
  await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
  await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
  expect(await placesOf(world, ANA)).toEqual([]);
  expect(await countOf(storage, BEN)).toBe(200);
});

it('dead letters and damaged files that were set aside go, those of others stay', async () => {
  const world = await openWorld('directory');
  const { root, queue, storage } = world;
  for (const user of [ANA, BEN]) {
    const bad = JSON.stringify({
      user_id: user,
      device_id: 'watch',
      timestamp: '2024-01-15T10:00:00Z',
      heart_rate: 999,
    });
    await queue.push([
      { bytes: Buffer.from(bad), readings: 1 },
      { bytes: Buffer.from(`{"user_id":"${user}",broken`), readings: 1 },
    ]);
    await send(world, user, 100);
  }
  await drain(world);
  const directory = path.join(root, 'data', '20240115', userDirectory(ANA));
  const [name = ''] = await readdir(directory);
  const bytes = await readFile(path.join(directory, name));
  await writeFile(path.join(directory, name), bytes.subarray(0, bytes.length - 9));
  expect(await countOf(storage, ANA)).toBe(0);
  expect(await placesOf(world, ANA)).not.toEqual([]);
  expect((await queue.depth()).deadLetters).toBe(4);
  await eraseNow(world, { userId: ANA });
  await finish(world);
  expect(await placesOf(world, ANA)).toEqual([]);
  const letters = await queue.deadLetters.list({ limit: 10 });
  expect(letters).toHaveLength(2);
  for (const letter of letters) expect(Buffer.from(letter.bytes).toString()).toContain(BEN);
});

it('the live view tells nothing of it, also of what waits to be told', async () => {
  const world = await openWorld('directory');
  const { queue, storage } = world;
  const stop = new AbortController();
  const live = watch({ queue, storage }, { userId: ANA }, { signal: stop.signal });
  await live.position();
  await send(world, ANA, 3);
  await eraseNow(world, { userId: ANA });
  await send(world, ANA, 1, { from: 100 });
  const first = await live[Symbol.asyncIterator]().next();
  expect(first.value).toMatchObject({ type: 'reading', reading: { timestampMs: START_MS - 3_600_000 + 100_000 } });
  stop.abort();
});

it('what is remembered of a day that has long been still is forgotten', { timeout: 30_000 }, async () => {
  const world = await openWorld('directory');
  const { storage, clock } = world;
  for (const user of [ANA, BEN]) await send(world, user, 40);
  await drain(world);
  await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
  await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
  await delay(LISTING_SETTLE_MS + 200);
  const partition = { date: '20240115', directory: userDirectory(ANA) };
  expect(await storage.state([partition])).not.toBeNull();
  // The second answer is made of what the first one remembered.
  for (let i = 0; i < 2; i += 1) expect(await countOf(storage, ANA)).toBe(40);
  const before = await queryTag({ storage }, { userId: ANA, ...DAY });
  await eraseNow(world, { userId: ANA });
  expect(await countOf(storage, ANA)).toBe(0);
  expect(await queryTag({ storage }, { userId: ANA, ...DAY })).not.toBe(before);
  expect(await countOf(storage, BEN)).toBe(40);
});

it('an erasure between the look at shared files and that at a user’s own is in what is made of both', async () => {
  const world = await openWorld('directory');
  const { storage, clock } = world;
  await send(world, ANA, 40);
  await drain(world);
  for (const user of [ANA, BEN]) await send(world, user, 40, { from: 100 });
  await drain(world, 0);
  let isErased = false;
  const racing: Storage = {
    ...storage,
    async snapshot(partition, options) {
      if (partition.directory === userDirectory(ANA) && !isErased) {
        isErased = true;
        await eraseNow(world, { userId: ANA });
      }
      return await storage.snapshot(partition, options);
    },
  };
  await compact({ storage: racing, clock }, { date: '20240115', all: true, sweepAfterMs: 3_600_000 });
  expect(isErased).toBe(true);
  expect([await countOf(storage, ANA), await countOf(storage, BEN)]).toEqual([0, 40]);
});

it('what cannot be read among the erasures keeps everything from being answered', async () => {
  const world = await openWorld('directory');
  await send(world, ANA, 3);
  await drain(world);
  const { id } = await eraseNow(world, { userId: ANA });
  const file = path.join(world.root, 'data', '.erasures', `${id}.json`);
  await writeFile(file, '{}');
  const opened = await openDirectoryStorage({ directory: path.join(world.root, 'data') });
  await expect(countOf(opened, BEN)).rejects.toMatchObject({ kind: 'unavailable', code: 'erasures_unreadable' });
  await opened.close();
});

it.each(['before', 'after'] as const)(
  'stands once it is in force, whichever call fails %s its effect',
  { timeout: 300_000 },
  async (when) => {
    let at = 1;
    for (; ; at += 1) {
      const world = await openWorld('directory');
      const { queue, clock } = world;
      for (const user of [ANA, BEN]) await send(world, user, 60);
      await drain(world, 0);
      for (const user of [ANA, BEN]) await send(world, user, 60, { from: 60 });
      await drain(world);
      const fault = { at, when, calls: 0, isLast: true };
      const storage = failingStorage(world.storage, fault);
      let isInForce = false;
      try {
        await eraseNow({ ...world, storage }, { userId: ANA });
        isInForce = true;
        await finishErasures({ storage, queue, clock }, { sweepAfterMs: 0 });
        await finishErasures({ storage, queue, clock }, { sweepAfterMs: 0 });
      } catch {
        // The process died there.
      }
      if (isInForce) expect(await countOf(world.other, ANA)).toBe(0);
      expect(await countOf(world.other, BEN)).toBe(120);
      if (!isInForce) await eraseNow(world, { userId: ANA });
      await finish(world);
      expect(await placesOf(world, ANA)).toEqual([]);
      expect(await countOf(world.other, BEN)).toBe(120);
      if (fault.calls < at) break;
    }
    expect(at).toBeGreaterThan(10);
  },
);
