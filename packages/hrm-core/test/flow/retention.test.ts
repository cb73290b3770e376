/** Retention, on the directory and on S3: what is answered, what is refused, what leaves the disk, and what a clock that jumps may not do. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import {
  compact,
  devices,
  drainBatch,
  enqueue,
  expire,
  isHrmError,
  latest,
  listUsers,
  measureStorage,
  type Queue,
  query,
  queryTag,
  type RetentionInput,
  type Storage,
} from '../../src/index.js';
import { openStorage } from '../../src/open.js';
import { failingStorage } from '../support/failing-ports.js';
import { createFakeS3, type FakeS3 } from '../support/fake-s3.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { openFakeStorage } from '../support/s3-storage.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const NOON_MS = Date.UTC(2024, 0, 15, 12);
const ALL = { start: NOON_MS - 400 * DAY_MS, end: NOON_MS + 400 * DAY_MS };

interface World {
  readonly root: string;
  readonly s3: FakeS3 | null;
  readonly clock: { now: number; nowMs: () => number };
  readonly queue: Queue;
  readonly storage: Storage;
}

const worlds: World[] = [];

async function openWorld(kind: 'directory' | 's3'): Promise<World> {
  const root = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-retention-'));
  const s3 = kind === 's3' ? createFakeS3() : null;
  const clock = { now: NOON_MS, nowMs: () => clock.now };
  const queue = await openEmbeddedQueue({ directory: path.join(root, 'queue'), clock });
  const storage =
    s3 === null
      ? await openPromptStorage({ directory: path.join(root, 'data'), clock })
      : await openFakeStorage(s3, { clock });
  const world = { root, s3, clock, queue, storage };
  worlds.push(world);
  return world;
}

afterEach(async () => {
  for (const { root, queue, storage } of worlds.splice(0)) {
    await Promise.all([queue.close(), storage.close()]);
    await rm(root, { recursive: true });
  }
});

/** Sends a user's readings, one at noon of each of some days before today. */
async function send({ queue, clock }: World, userId: string, daysAgo: readonly number[], deviceId = 'watch') {
  const readings = daysAgo.map((days) => ({
    userId,
    deviceId,
    timestamp: clock.now - days * DAY_MS,
    heartRate: 60 + days,
  }));
  await enqueue({ queue, clock }, readings);
}

async function drain({ queue, storage, clock }: World, maxSmallParts = 32) {
  let expired = 0;
  for (;;) {
    const step = await drainBatch({ queue, storage, clock }, { maxSmallParts });
    expired += step.expired;
    if (step.outcome === 'empty') return expired;
  }
}

function run({ storage, queue, clock }: World, trustClock = false) {
  return expire({ storage, queue, clock }, { trustClock });
}

async function keep({ storage }: World, days: number | null, rules: RetentionInput['rules'] = []) {
  return await storage.erasures.keepFor({ days, rules });
}

/** Days ago of what is answered. */
async function daysOf({ storage, clock }: World, userId: string, deviceId?: string): Promise<number[]> {
  const rows = await query({ storage }, { userId, deviceId, ...ALL });
  return rows.map(({ timestamp }) => Math.round((clock.now - Date.parse(timestamp)) / DAY_MS)).reverse();
}

/** What there is below the dates, by names. */
async function places({ root, s3 }: World): Promise<string[]> {
  if (s3 !== null) return [...s3.objects.keys()].filter((key) => /\d{8}/.test(key) && !key.includes('.erasures'));
  const all = await readdir(path.join(root, 'data'), { recursive: true });
  return all.filter((name) => /\d{8}/.test(name) && !name.startsWith('.erasures'));
}

describe.each(['directory', 's3'] as const)('in %s', (kind) => {
  it.each([32, 0])(
    'days that are over are not answered, and leave the disk unread (small parts: %s)',
    async (small) => {
      const world = await openWorld(kind);
      const { storage, clock } = world;
      for (const user of ['ana', 'ben']) await send(world, user, [0, 1, 2, 3, 9]);
      await drain(world, small);
      const before = await queryTag({ storage }, { userId: 'ana', ...ALL });
      const today = { userId: 'ana', start: NOON_MS - DAY_MS / 2, end: NOON_MS + DAY_MS / 2 };
      const todays = await queryTag({ storage }, today);
      expect(await keep(world, 3)).toBe('said');
      expect(await keep(world, 3)).toBe('same');
      expect(await daysOf(world, 'ana')).toEqual([0, 1, 2]);
      expect(await queryTag({ storage }, { userId: 'ana', ...ALL })).not.toBe(before);
      expect(await queryTag({ storage }, today)).toBe(todays);
      const [first] = await devices({ storage }, { userId: 'ana' });
      expect(first?.first.heartRate).toBe(62);
      expect(await run(world)).toMatchObject({ dates: 2, files: small === 0 ? 2 : 4, held: 0 });
      const left = await places(world);
      expect(left.filter((name) => name.includes('20240112') || name.includes('20240106'))).toEqual([]);
      expect(left.some((name) => name.includes('20240113'))).toBe(true);
      expect(await run(world)).toMatchObject({ dates: 0, files: 0, held: 0 });
      // The next day the next one goes, and is sent again in vain.
      clock.now += DAY_MS;
      expect(await daysOf(world, 'ben')).toEqual([1, 2]);
      expect(await latest({ storage }, { userId: 'ben' })).toMatchObject({ latest: { heartRate: 60 } });
    },
  );

  it('a user of whom nothing is kept is in no list, and counts nowhere', async () => {
    const world = await openWorld(kind);
    const { storage } = world;
    await send(world, 'ana', [0, 1]);
    await send(world, 'old', [40]);
    await drain(world);
    await keep(world, 30);
    const { users } = await listUsers({ storage }, {});
    expect(users.map(({ userId }) => userId)).toEqual(['ana']);
    expect(await latest({ storage }, { userId: 'old' })).toMatchObject({ latest: null });
    expect((await measureStorage({ storage })).users).toBe(1);
  });

  it('a clock that jumps ahead hides, but deletes nothing; once it is right all is there', async () => {
    const world = await openWorld(kind);
    const { storage, clock } = world;
    await send(world, 'ana', [0, 1, 2], 'watch');
    await send(world, 'ana', [0, 1, 2], 'strap');
    await drain(world);
    await keep(world, 30, [{ device_id: 'strap', days: 2 }]);
    await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
    clock.now += 300 * DAY_MS;
    expect(await daysOf(world, 'ana')).toEqual([]);
    expect(await run(world)).toMatchObject({ dates: 0, files: 0, held: 3 });
    await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
    // What waited in the queue is stored, though it is not answered.
    clock.now -= 300 * DAY_MS;
    await send(world, 'ana', [0], 'ring');
    clock.now += 300 * DAY_MS;
    expect(await drain(world)).toBe(0);
    clock.now -= 300 * DAY_MS;
    expect(await daysOf(world, 'ana', 'watch')).toEqual([0, 1, 2]);
    expect(await daysOf(world, 'ana', 'strap')).toEqual([0, 1]);
    expect(await daysOf(world, 'ana', 'ring')).toEqual([0]);
    clock.now += 300 * DAY_MS;
    expect(await run(world, true)).toMatchObject({ dates: 3, held: 0 });
    expect(await places(world)).toEqual([]);
  });

  it('users and devices have days of their own, and others keep theirs', async () => {
    const world = await openWorld(kind);
    const { storage, clock } = world;
    const days = [0, 1, 4, 8, 20];
    for (const user of ['ana', 'ben', 'cleo'])
      for (const device of ['watch', 'strap']) await send(world, user, days, device);
    await drain(world, 0);
    await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
    await keep(world, 10, [
      { user_id: 'ana', days: 2 },
      { user_id: 'ben', days: null },
      { device_id: 'strap', days: 5 },
      { user_id: 'ben', device_id: 'strap', days: 9 },
    ]);
    async function check() {
      expect(await daysOf(world, 'ana', 'watch')).toEqual([0, 1]);
      expect(await daysOf(world, 'ana', 'strap')).toEqual([0, 1]);
      expect(await daysOf(world, 'ben', 'watch')).toEqual(days);
      expect(await daysOf(world, 'ben', 'strap')).toEqual([0, 1, 4, 8]);
      expect(await daysOf(world, 'cleo', 'watch')).toEqual([0, 1, 4, 8]);
      expect(await daysOf(world, 'cleo', 'strap')).toEqual([0, 1, 4]);
    }
    await check();
    for (let step = 0; step < 3; step += 1) {
      await run(world);
      await compact({ storage, clock }, { sweepAfterMs: 0 });
      await check();
    }
    // A dry look through everything that is left, without any mask.
    await keep(world, null);
    await check();
    expect((await places(world)).some((name) => name.includes('ana') && name.includes('20240111'))).toBe(false);
  });

  it('what is too old is refused with a reason, and dropped where it waited in the queue meanwhile', async () => {
    const world = await openWorld(kind);
    const { queue, storage, clock } = world;
    await send(world, 'ana', [0, 1, 2]);
    await drain(world);
    await send(world, 'ana', [0, 5, 6]);
    await keep(world, 3, [{ user_id: 'ben', days: 10 }]);
    const { retention } = await storage.erasures.current();
    const old = { userId: 'ana', deviceId: 'watch', timestamp: clock.now - 3 * DAY_MS, heartRate: 60 };
    const error = await enqueue({ queue, clock }, [{ ...old, timestamp: clock.now }, old], { retention }).catch(
      (thrown: unknown) => thrown,
    );
    expect(isHrmError(error) && error.faults).toEqual([
      { path: '/1/timestamp', message: expect.stringContaining('kept no longer') },
    ]);
    const series = { userId: 'ana', deviceId: 'watch', timestamps: [clock.now, old.timestamp], heartRates: [60, 61] };
    await expect(enqueue({ queue, clock }, series, { retention })).rejects.toMatchObject({
      faults: [{ path: '/timestamps/1' }],
    });
    await enqueue({ queue, clock }, { ...old, userId: 'ben' }, { retention });
    expect(await drain(world)).toBe(2);
    expect((await queue.depth()).deadLetters).toBe(0);
    expect(await daysOf(world, 'ana')).toEqual([0, 1, 2]);
    expect(await daysOf(world, 'ben')).toEqual([3]);
  });
});

it.each([
  ['directory', 'before'],
  ['directory', 'after'],
  ['s3', 'before'],
] as const)(
  'in %s nothing that is kept is lost, whichever call fails %s its effect',
  { timeout: 300_000 },
  async (kind, when) => {
    let at = 1;
    for (; ; at += 1) {
      const world = await openWorld(kind);
      const { queue, clock } = world;
      for (const device of ['watch', 'strap']) {
        await send(world, 'ana', [0, 1, 3, 4], device);
        await send(world, 'ben', [0, 1, 3, 4], device);
        await drain(world, device === 'watch' ? 0 : 32);
      }
      await send(world, 'ana', [4], 'ring');
      const fault = { at, when, calls: 0, isLast: true };
      const storage = failingStorage(world.storage, fault);
      let isSaid = false;
      try {
        await keep({ ...world, storage }, 3, [{ device_id: 'strap', days: 1 }]);
        isSaid = true;
        await drain({ ...world, storage });
        await run({ ...world, storage });
        await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
      } catch {
        // The process died there.
      }
      const after = async () => [await daysOf(world, 'ana', 'watch'), await daysOf(world, 'ben', 'strap')];
      if (isSaid) expect(await after()).toEqual([[0, 1], [0]]);
      else await keep(world, 3, [{ device_id: 'strap', days: 1 }]);
      clock.now += 60_000;
      await drain(world);
      await run(world);
      for (let step = 0; step < 3; step += 1)
        await compact({ storage: world.storage, clock }, { all: true, sweepAfterMs: 0 });
      expect(await after()).toEqual([[0, 1], [0]]);
      const days = [...new Set((await places(world)).map((name) => /\d{8}/.exec(name)?.[0]))].sort();
      expect(days).toEqual(['20240114', '20240115']);
      expect((await queue.depth()).readings).toBe(0);
      // Nothing of what is hidden is left in files that stay.
      await keep(world, null);
      expect(await after()).toEqual([[0, 1], [0]]);
      if (fault.calls < at) break;
    }
    expect(at).toBeGreaterThan(10);
  },
);

it('what stands beside the files goes with its day: dead letters, quarantine, what a producer of its own sent', async () => {
  const world = await openWorld('directory');
  const { queue, storage, clock } = world;
  await send(world, 'ana', [0, 1, 20]);
  await drain(world);
  const letterOf = (days: number) =>
    JSON.stringify({ user_id: 'ana', device_id: 'w', timestamp_ms: clock.now - days * DAY_MS, heart_rate: 999 });
  for (const text of [letterOf(2), letterOf(40), 'no JSON at all'])
    await queue.push([{ bytes: Buffer.from(text), readings: 1 }]);
  await drain(world);
  expect((await queue.depth()).deadLetters).toBe(3);
  const snapshot = await storage.snapshot({ date: '20231226', directory: 'ana' });
  await storage.quarantine(snapshot, snapshot.files[0]?.name ?? '', 'for this test');
  await snapshot.close();
  await keep(world, 10);
  expect(await run(world)).toMatchObject({ letters: 1, quarantined: 1 });
  // Of what says nothing it is the day on which it came.
  clock.now += 11 * DAY_MS;
  await send(world, 'ana', [0, 1]);
  await drain(world);
  expect(await run(world)).toMatchObject({ letters: 2 });
});

it('a process that watched its clock for a day believes it', async () => {
  const world = await openWorld('directory');
  const { clock } = world;
  await send(world, 'ana', [0, 1]);
  await drain(world);
  await keep(world, 3);
  const elapsed = vi.spyOn(performance, 'now');
  try {
    const startMs = 1_000_000;
    elapsed.mockReturnValue(startMs);
    clock.now += 20 * DAY_MS;
    expect(await run(world)).toMatchObject({ dates: 0, held: 2 });
    clock.now += DAY_MS - 1;
    elapsed.mockReturnValue(startMs + DAY_MS - 1);
    expect(await run(world)).toMatchObject({ dates: 0, held: 2 });
    // Set by an hour meanwhile: it begins anew.
    clock.now += 3_600_001;
    elapsed.mockReturnValue(startMs + DAY_MS);
    expect(await run(world)).toMatchObject({ dates: 0, held: 2 });
    clock.now += DAY_MS;
    elapsed.mockReturnValue(startMs + 2 * DAY_MS);
    expect(await run(world)).toMatchObject({ dates: 2, held: 0 });
  } finally {
    elapsed.mockRestore();
  }
});

it('one date alone behind a long gap says nothing of the day', async () => {
  const world = await openWorld('directory');
  const { clock } = world;
  await send(world, 'ana', [0, 1, 2]);
  await drain(world);
  await keep(world, 30);
  clock.now += 300 * DAY_MS;
  await send(world, 'ana', [0]);
  await drain(world);
  expect(await run(world)).toMatchObject({ dates: 0, held: 3 });
  await send(world, 'ana', [1]);
  await drain(world);
  expect(await run(world)).toMatchObject({ dates: 3, held: 0 });
});

it('settings are stored with the data, and wrong rules stop the start', async () => {
  const root = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-retention-'));
  const [dataDir, retentionFile] = [path.join(root, 'data'), path.join(root, 'rules.json')];
  try {
    await writeFile(retentionFile, '[{"user_id":"ana","days":7},{"device_id":"strap","days":null}]');
    const said = async (settings: object) => {
      const storage = await openStorage({ dataDir, ...settings });
      const record = await storage.erasures.retention();
      await storage.close();
      return record;
    };
    expect(await said({})).toBeNull();
    expect(await said({ retentionDays: 30, retentionFile })).toMatchObject({ days: 30, rules: [{}, {}] });
    expect(await said({ retentionDays: 'store' })).toMatchObject({ days: 30 });
    expect(await said({ retentionDays: 0 })).toMatchObject({ days: null, rules: [] });
    for (const [text, problem] of [
      ['[{"days":3}]', 'user_id or a device_id'],
      ['[{"user_id":"secret","days":0}]', '0/days'],
      ['[{"user_id":"secret","days":3},{"user_id":"secret","days":4}]', 'two rules of the same'],
      ['{"a":', 'JSON list'],
    ] as const) {
      await writeFile(retentionFile, text);
      const error = await said({ retentionFile }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        kind: 'invalid',
        code: 'invalid_retention',
        message: expect.stringContaining(problem),
      });
      expect(String(error)).not.toContain('secret');
    }
    await expect(said({ retentionFile: `${root}/none` })).rejects.toMatchObject({ code: 'retention_unreadable' });
  } finally {
    await rm(root, { recursive: true });
  }
});
