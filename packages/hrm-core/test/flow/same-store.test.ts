/** A queue and the store that its readings go to: nothing is emptied into another one, as the mount point of a disk that is away. */
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { adoptStore, drainBatch, enqueue, type Queue, query, type Storage } from '../../src/index.js';
import { openQueue, openStorage, rememberedStore } from '../../src/open.js';

const DAY = { userId: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
const MISSING = { kind: 'unavailable', code: 'storage_missing', message: expect.stringContaining('--adopt') };
const REPLACED = { kind: 'unavailable', code: 'storage_replaced', message: expect.stringContaining('--adopt') };

let directory: string;
let data: string;
let queueDir: string;
let queue: Queue;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hrm-same-store-'));
  data = path.join(directory, 'data');
  queueDir = path.join(directory, 'queue');
  queue = await openQueue({ queueDir });
});
afterEach(async () => {
  await queue.close();
  await rm(directory, { recursive: true });
});

async function open(dataDir = data, store: string | null = null): Promise<Storage> {
  const storage = await openStorage({ dataDir }, { store });
  onTestFinished(() => storage.close());
  return storage;
}

async function push(minute: number): Promise<void> {
  const timestamp = `2024-01-15T10:0${minute}:00Z`;
  await enqueue({ queue }, { userId: 'ana', deviceId: 'strap', timestamp, heartRate: 60 + minute });
}

/** Drains one reading into a store that is made for it. */
async function drainFirst(): Promise<void> {
  await push(0);
  expect(await drainBatch({ queue, storage: await open() })).toMatchObject({ outcome: 'acked' });
}

async function expectUntouched(storage: Storage): Promise<void> {
  await push(1);
  await expect(drainBatch({ queue, storage })).rejects.toMatchObject(REPLACED);
  // Nothing was claimed: no reading waits for a lease to end, nor counts as delivered once more.
  expect(await queue.depth()).toMatchObject({ readings: 1, claimedReadings: 0, endedClaims: 0 });
  expect(await query({ storage }, DAY)).toEqual([]);
}

describe('a queue whose readings went to a store', () => {
  it('is not emptied into the empty directory that is left when the disk is away, and goes on when it is back', async () => {
    await drainFirst();
    renameSync(data, `${data}.away`);
    mkdirSync(data);
    await expectUntouched(await open());
    rmSync(data, { recursive: true });
    renameSync(`${data}.away`, data);
    const storage = await open();
    expect(await drainBatch({ queue, storage })).toMatchObject({ claimed: 1, outcome: 'acked' });
    expect(await query({ storage }, DAY)).toHaveLength(2);
  });

  it('is not emptied into another store', async () => {
    await drainFirst();
    await expectUntouched(await open(`${data}.other`));
  });

  it('is emptied into the same store wherever it was moved to, and into a copy of it', async () => {
    await drainFirst();
    renameSync(data, `${data}.moved`);
    await push(1);
    expect(await drainBatch({ queue, storage: await open(`${data}.moved`) })).toMatchObject({ outcome: 'acked' });
    cpSync(`${data}.moved`, data, { recursive: true });
    await push(2);
    expect(await drainBatch({ queue, storage: await open() })).toMatchObject({ outcome: 'acked' });
  });

  it('is emptied into another where somebody said so, and no longer into the first', async () => {
    await drainFirst();
    const first = await open();
    const other = await open(`${data}.other`);
    await adoptStore({ queue, storage: other });
    await push(1);
    await expect(drainBatch({ queue, storage: first })).rejects.toMatchObject(REPLACED);
    expect(await drainBatch({ queue, storage: other })).toMatchObject({ outcome: 'acked' });
  });

  it.each(['nothing', 'an empty directory'])('has its opening make nothing where there is %s', async (what) => {
    await drainFirst();
    const store = await queue.store.get();
    const away = path.join(directory, 'mount');
    if (what !== 'nothing') mkdirSync(away);
    for (const options of [{}, { create: false }, { readOnly: true }]) {
      await expect(openStorage({ dataDir: away }, { ...options, store })).rejects.toMatchObject(MISSING);
    }
    expect(readdirSync(directory).includes('mount')).toBe(what !== 'nothing');
    if (what !== 'nothing') expect(readdirSync(away)).toEqual([]);
    await expect(open(`${data}.other`).then(() => open(`${data}.other`, store))).rejects.toMatchObject(REPLACED);
    await open(data, store);
  });

  it('takes a copy of the readings without their identity for another store', async () => {
    await drainFirst();
    cpSync(path.join(data, '20240115'), path.join(`${data}.part`, '20240115'), { recursive: true });
    await expect(open(`${data}.part`, await queue.store.get())).rejects.toMatchObject(REPLACED);
    expect(readdirSync(`${data}.part`)).toEqual(['20240115']);
  });
});

describe('a queue that remembers no store', () => {
  it('takes that of its first batch, and none for a batch of which nothing was stored', async () => {
    await queue.push([{ bytes: Buffer.from('no reading'), readings: 1 }]);
    expect(await drainBatch({ queue, storage: await open() })).toMatchObject({ deadLettered: 1 });
    expect(await queue.store.get()).toBeNull();
    await drainFirst();
    expect(await queue.store.get()).toBe(await (await open()).identity());
  });

  it('keeps the readings that were written to a store while somebody was first with another', async () => {
    await push(0);
    const first = await open();
    const late = await open(`${data}.other`);
    const raced: Storage = {
      ...late,
      async publish(...args) {
        const outcome = await late.publish(...args);
        await adoptStore({ queue, storage: first });
        return outcome;
      },
    };
    await expect(drainBatch({ queue, storage: raced })).rejects.toMatchObject(REPLACED);
    expect(await drainBatch({ queue, storage: first })).toMatchObject({ claimed: 1, outcome: 'acked' });
    expect(await query({ storage: first }, DAY)).toHaveLength(1);
  });
});

it('tells who has no use for the queue which store it was, and nothing where there is no queue', async () => {
  await drainFirst();
  expect(await rememberedStore({ queueDir })).toBe(await (await open()).identity());
  const none = path.join(directory, 'none');
  expect(await rememberedStore({ queueDir: none })).toBeNull();
  expect(readdirSync(directory)).not.toContain('none');
});

it('is known by the file system that is looked at alone', async () => {
  const storage = await openDirectoryStorage({ directory: path.join(directory, 'none'), readOnly: true });
  expect(await storage.identity()).toBeNull();
  await storage.close();
});
