/** What `verify` counts: what is stored, once, and apart from it what waits for the sweep; and what was received ahead of the clock. */
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, HrmError, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const HOUR_MS = 3_600_000;
const USERS = 40;

function readings(userId: string, count: number, batch: number, receivedMs = START_MS): Reading[] {
  return Array.from({ length: count }, (_, i) => ({
    userId,
    deviceId: 'watch',
    timestampMs: START_MS + (batch * count + i) * 1_000,
    heartRate: 60 + i,
    receivedMs,
  }));
}

/** Two parts of ana's, and two that she shares with {@link USERS} others; 500 readings. */
async function fill(storage: Storage): Promise<void> {
  for (const batch of [0, 1]) {
    const others = Array.from({ length: USERS }, (_, u) => readings(`user ${u}`, 3, batch)).flat();
    await writePart({ storage }, readings('ana', 120, batch));
    await writePart({ storage }, [...others, ...readings('ana', 10, batch + 100)]);
  }
}
const ALL = 2 * (120 + USERS * 3 + 10);

async function withStorage(use: (storage: Storage) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    await use(storage);
    await storage.close();
  });
}

async function counts(storage: Storage) {
  const { files, readings: rows, superseded, faultCount } = await verify({ storage });
  expect(faultCount).toBe(0);
  return { files, readings: rows, superseded };
}

it('counts each reading once, and tells what is superseded and not swept yet', () =>
  withStorage(async (storage) => {
    await fill(storage);
    expect(await counts(storage)).toEqual({ files: 4, readings: ALL, superseded: { files: 0, readings: 0 } });
    // It ends when half of the users have theirs of their own: of the shared parts, what the others have in them still counts.
    let calls = 0;
    const failing: Storage = {
      ...storage,
      async replace(replacement) {
        calls += 1;
        if (calls <= USERS / 2) return storage.replace(replacement);
        throw new HrmError('the disk fell off', { kind: 'unavailable', code: 'storage_full' });
      },
    };
    await expect(compact({ storage: failing }, { all: true })).rejects.toMatchObject({ code: 'storage_full' });
    const half = await counts(storage);
    expect(half.readings).toBe(ALL);
    expect(half.files).toBeGreaterThan(4);
    expect(half.superseded.readings).toBeGreaterThan(0);
    await compact({ storage }, { all: true });
    const { files, readings: rows, superseded } = await counts(storage);
    expect([files, rows]).toEqual([USERS + 1, ALL]);
    expect(superseded.files).toBeGreaterThanOrEqual(4);
    expect(superseded.readings).toBeGreaterThanOrEqual(ALL);
    for (let run = 0; run < 2; run += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await counts(storage)).toEqual({ files: USERS + 1, readings: ALL, superseded: { files: 0, readings: 0 } });
  }));

it('tells how many readings were received ahead of the clock, once each, and the latest minute', () =>
  withStorage(async (storage) => {
    const clock = { nowMs: () => START_MS + HOUR_MS };
    await fill(storage);
    const ask = async () => (await verify({ storage, clock })).receivedAhead;
    expect(await ask()).toEqual({ readings: 0, latestMs: null });
    const latestMs = START_MS + 5 * HOUR_MS;
    const others = Array.from({ length: USERS }, (_, u) => readings(`user ${u}`, 1, 500)).flat();
    await writePart({ storage }, [...others, ...readings('ana', 2, 300, latestMs + 59_999)]);
    await writePart({ storage }, readings('ana', 3, 400, latestMs - 60_000));
    const found = { readings: 5, latestMs };
    expect(await ask()).toEqual(found);
    await compact({ storage }, { all: true });
    expect(await ask()).toEqual(found);
    for (let run = 0; run < 2; run += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await ask()).toEqual(found);
    expect((await verify({ storage })).receivedAhead).toEqual({ readings: 0, latestMs: null });
  }));
