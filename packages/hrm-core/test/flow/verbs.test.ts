import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import {
  compact,
  type DamageReport,
  drainBatch,
  enqueue,
  HrmError,
  type Queue,
  query,
  type Storage,
  writePart,
} from '../../src/index.js';
import { MAX_MERGE_FILES, MAX_RECEIVED_MS } from '../../src/limits.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { withDirectory } from '../support/temporary-directory.js';

const DAY = { start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
const START_MS = Date.parse(DAY.start);
const WIRE = { device_id: 'watch', user_id: 'ana', timestamp_ms: START_MS, heart_rate: 70, received_ms: START_MS };

interface System {
  queue: Queue;
  storage: Storage;
  data: string;
  clock: { now: number; nowMs: () => number };
}

async function withSystem(use: (system: System) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const clock = { now: START_MS, nowMs: () => clock.now };
    const data = path.join(directory, 'data');
    const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
    const storage = await openPromptStorage({ directory: data });
    try {
      await use({ queue, storage, data, clock });
    } finally {
      await queue.close();
      await storage.close();
    }
  });
}

function push(queue: Queue, ...elements: (object | string)[]): Promise<void> {
  const bytes = elements.map((element) => Buffer.from(typeof element === 'string' ? element : JSON.stringify(element)));
  return queue.push(bytes.map((element) => ({ bytes: element, readings: 1 })));
}

function part(storage: Storage, minute: number, heartRate = 70, userId = 'ana') {
  const timestampMs = START_MS + minute * 60_000;
  return writePart({ storage }, [{ userId, deviceId: 'watch', timestampMs, heartRate, receivedMs: timestampMs }]);
}

it('enqueue takes nothing of a batch with one fault, and says where each fault is', async () => {
  await withSystem(async ({ queue, clock }) => {
    const good = { user_id: 'ana', device_id: 'watch', timestamp: DAY.start, heart_rate: 70 };
    await expect(enqueue({ queue, clock }, [good, { ...good, heart_rate: 29 }])).rejects.toMatchObject({
      kind: 'invalid',
      code: 'invalid_readings',
      faults: [{ path: '/1/heart_rate' }],
      faultCount: 1,
    });
    await expect(enqueue({ queue, clock }, [])).rejects.toMatchObject({ kind: 'invalid', code: 'empty_batch' });
    const many = Array.from({ length: 10_001 }, () => good);
    await expect(enqueue({ queue, clock }, many)).rejects.toMatchObject({ kind: 'invalid', code: 'too_many_readings' });
    await expect(enqueue({ queue, clock }, good, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      kind: 'closed',
    });
    expect((await queue.depth()).readings).toBe(0);
    expect(await enqueue({ queue, clock }, many.slice(1))).toEqual({ accepted: 10_000 });
    expect((await queue.depth()).readings).toBe(10_000);
  });
});

it('drainBatch sets aside what cannot be stored, with reason, time, attempts and bytes, and stores the rest', async () => {
  await withSystem(async ({ queue, storage, clock }) => {
    await push(queue, 'not json', WIRE, [
      { ...WIRE, timestamp_ms: START_MS + 60_000 },
      { ...WIRE, heart_rate: 5 },
    ]);
    clock.now += 1_234;
    const summary = await drainBatch({ queue, storage, clock });
    expect(summary).toMatchObject({ claimed: 4, deadLettered: 2, outcome: 'acked', lagMs: 1_234 });
    expect(await query({ storage }, { userId: 'ana', ...DAY })).toHaveLength(2);
    const deadLetters = await queue.deadLetters.list({ limit: 10 });
    expect(
      deadLetters.map(({ reason, bytes, attempts, stampMs, deadMs }) => [
        reason.split(':')[0],
        Buffer.from(bytes).toString(),
        attempts,
        stampMs,
        deadMs,
      ]),
    ).toEqual([
      ['not_json', 'not json', 1, START_MS, START_MS + 1_234],
      ['invalid_reading', JSON.stringify({ ...WIRE, heart_rate: 5 }), 1, START_MS, START_MS + 1_234],
    ]);
    expect(await drainBatch({ queue, storage, clock })).toEqual({
      claimed: 0,
      parts: [],
      deadLettered: 0,
      erased: 0,
      expired: 0,
      postponed: 0,
      undecided: 0,
      left: 0,
      failures: [],
      lagMs: 0,
      outcome: 'empty',
    });
  });
});

it('drainBatch whose lease was taken over answers stale, and both consumers write the same part', async () => {
  await withSystem(async ({ queue, storage, clock }) => {
    await push(queue, WIRE, 'not json');
    const slow: Queue = {
      ...queue,
      async ack(token, deadLetters) {
        clock.now += 60_000;
        expect(await drainBatch({ queue, storage, clock })).toMatchObject({
          outcome: 'acked',
          deadLettered: 1,
          parts: [{ outcome: 'exists' }],
        });
        return queue.ack(token, deadLetters);
      },
    };
    const summary = await drainBatch({ queue: slow, storage, clock }, { leaseMs: 30_000 });
    expect(summary).toMatchObject({ outcome: 'stale', deadLettered: 0, parts: [{ outcome: 'written' }] });
    expect((await queue.deadLetters.list({ limit: 10 })).length).toBe(1);
    expect(await queue.depth()).toMatchObject({ readings: 0, claimedReadings: 0 });
  });
});

it('drainBatch keeps its lease while it works, however long that takes', async () => {
  await withSystem(async ({ queue, storage, clock }) => {
    await push(queue, WIRE);
    const slow: Storage = {
      ...storage,
      async publish(...args) {
        // Two and a half leases, by the real clock that renewals go by and by the queue's.
        for (let tick = 0; tick < 10; tick += 1) {
          await new Promise((resolve) => setTimeout(resolve, 75));
          clock.now += 75;
          expect(await queue.claim({ maxReadings: 1, maxBytes: 1e6, maxElements: 1, leaseMs: 1 })).toBeNull();
        }
        return storage.publish(...args);
      },
    };
    expect(await drainBatch({ queue, storage: slow, clock }, { leaseMs: 300 })).toMatchObject({ outcome: 'acked' });
  });
});

it('writePart and drainBatch refuse what is out of bounds before they write anything', async () => {
  await withSystem(async ({ queue, storage, data }) => {
    const good = { userId: 'ana', deviceId: 'watch', timestampMs: START_MS, heartRate: 70, receivedMs: START_MS };
    for (const wrong of [
      { timestampMs: -5 },
      { timestampMs: 5.5 },
      { heartRate: 1e9 },
      { receivedMs: Number.NaN },
      { userId: '' },
    ]) {
      const refused = writePart({ storage }, [good, { ...good, ...wrong }]);
      await expect(refused).rejects.toMatchObject({ kind: 'invalid', faults: [{ path: '/1' }] });
    }
    await push(queue, WIRE);
    for (const settings of [{ batchMaxReadings: 0 }, { leaseMs: -5 }, { leaseMs: Number.NaN }]) {
      await expect(drainBatch({ queue, storage }, settings)).rejects.toMatchObject({
        kind: 'invalid',
        code: 'invalid_settings',
      });
    }
    expect((await readdir(data)).filter((name) => !name.startsWith('.'))).toEqual([]);
    expect(await queue.depth()).toMatchObject({ readings: 1, claimedReadings: 0 });
  });
});

it('drainBatch that is aborted gives its batch back', async () => {
  await withSystem(async ({ queue, storage, clock }) => {
    await push(queue, WIRE);
    const stop = new AbortController();
    const stopping: Queue = {
      ...queue,
      async claim(...args) {
        const claim = await queue.claim(...args);
        stop.abort();
        return claim;
      },
    };
    await expect(drainBatch({ queue: stopping, storage, clock }, {}, { signal: stop.signal })).rejects.toMatchObject({
      kind: 'closed',
    });
    expect(await queue.depth()).toMatchObject({ readings: 1, claimedReadings: 0 });
    expect(await drainBatch({ queue, storage, clock })).toMatchObject({ outcome: 'acked', claimed: 1 });
  });
});

it('compact merges a bounded number of parts at once, forgets none of the others, and gets to one file', async () => {
  await withSystem(async ({ storage, data }) => {
    const minutes = MAX_MERGE_FILES + 10;
    for (let minute = 0; minute < minutes; minute += 1) await part(storage, minute);
    expect(await compact({ storage }, { all: true, sweepAfterMs: 60_000 })).toMatchObject({
      compacted: 2,
      merged: minutes,
      readings: MAX_MERGE_FILES + minutes,
    });
    expect(await query({ storage }, { userId: 'ana', ...DAY })).toHaveLength(minutes);
    const swept = minutes + 1;
    expect(await compact({ storage }, { all: true, sweepAfterMs: 0 })).toMatchObject({
      merged: 0,
      swept,
      failures: [],
    });
    expect(await query({ storage }, { userId: 'ana', ...DAY })).toHaveLength(minutes);
    expect(await readdir(path.join(data, '20240115', 'ana'))).toEqual(['compacted.parquet']);
  });
});

it('compact keeps replaced files for their grace, then sweeps them', async () => {
  await withSystem(async ({ storage, data }) => {
    await part(storage, 0);
    await part(storage, 1);
    const files = () => readdir(path.join(data, '20240115', 'ana'));
    expect(await compact({ storage }, { sweepAfterMs: 60_000 })).toMatchObject({ compacted: 1, swept: 0 });
    expect(await compact({ storage }, { sweepAfterMs: 60_000 })).toMatchObject({ compacted: 0, swept: 0 });
    expect(await files()).toHaveLength(3);
    expect(await compact({ storage }, { sweepAfterMs: 0 })).toMatchObject({ compacted: 0, swept: 2 });
    expect(await files()).toEqual(['compacted.parquet']);
  });
});

it('compact looks only where it is told to', async () => {
  await withSystem(async ({ storage }) => {
    for (const user of ['ana', 'ben']) for (const minute of [0, 1, 2_000, 2_001]) await part(storage, minute, 70, user);
    expect(await compact({ storage }, { userId: 'ana', date: '20240116', all: true })).toMatchObject({
      partitions: 1,
      compacted: 1,
    });
    expect(await compact({ storage }, { userId: 'ben', all: true })).toMatchObject({ partitions: 2, compacted: 2 });
    expect(await compact({ storage }, { all: true })).toMatchObject({ partitions: 4, compacted: 1 });
    expect(await compact({ storage }, { userId: 'nobody' })).toMatchObject({ partitions: 0 });
    await expect(compact({ storage }, { date: '20240230' })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'invalid_settings',
    });
  });
});

it('compact sets damaged files aside, says which, and merges the rest', async () => {
  await withSystem(async ({ storage, data }) => {
    const [damaged] = await part(storage, 0);
    for (const minute of [1, 2]) await part(storage, minute);
    for (const minute of [0, 1]) await part(storage, minute, 70, 'ben');
    const directory = path.join(data, '20240115', 'ana');
    await truncate(path.join(directory, damaged?.name ?? ''), 100);
    await writeFile(path.join(directory, 'part-empty.parquet'), '');
    const reports: DamageReport[] = [];
    const summary = await compact({ storage }, { all: true }, { onDamage: (report) => reports.push(report) });
    expect(summary).toMatchObject({ compacted: 2, merged: 4, failures: [] });
    expect(reports.map(({ name, outcome }) => [name, outcome]).sort()).toEqual(
      [
        [damaged?.name, 'quarantined'],
        ['part-empty.parquet', 'quarantined'],
      ].sort(),
    );
    expect(await query({ storage }, { userId: 'ana', ...DAY })).toHaveLength(2);
    expect(await query({ storage }, { userId: 'ben', ...DAY })).toHaveLength(2);
    expect((await readdir(path.join(data, '.quarantine'))).filter((name) => name.endsWith('.damaged'))).toHaveLength(2);
  });
});

it('compact deletes nothing by the word of a compacted file that is damaged, and makes another', async () => {
  await withSystem(async ({ storage, data }) => {
    for (const minute of [0, 1]) await part(storage, minute);
    await compact({ storage }, { all: true });
    const directory = path.join(data, '20240115', 'ana');
    const file = path.join(directory, 'compacted.parquet');
    const bytes = await readFile(file);
    // In its pages: the footer, which names what it replaces, is whole.
    bytes[10] = (bytes[10] as number) ^ 1;
    await writeFile(file, bytes);
    const summary = await compact({ storage }, { all: true, sweepAfterMs: 0 });
    expect(summary).toMatchObject({ compacted: 1, merged: 2, failures: [] });
    expect(await readdir(path.join(data, '.quarantine'))).toHaveLength(2);
    expect(await query({ storage }, { userId: 'ana', ...DAY })).toHaveLength(2);
  });
});

it('compact reports what is damaged and cannot be moved, and goes on with the others', async () => {
  await withSystem(async ({ storage, data }) => {
    for (const userId of ['ana', 'ben']) for (const minute of [0, 1]) await part(storage, minute, 70, userId);
    await writeFile(path.join(data, '20240115', 'ana', 'part-empty.parquet'), '');
    const broken = new HrmError('the disk fell off', { kind: 'unavailable', code: 'storage_unavailable' });
    const stuck: Storage = { ...storage, quarantine: () => Promise.reject(broken) };
    expect(await compact({ storage: stuck }, { all: true })).toMatchObject({
      compacted: 1,
      failures: [{ partition: { date: '20240115', directory: 'ana' }, code: 'file_damaged' }],
    });
  });
});

it('drainBatch stores everybody else where one partition cannot be written, and postpones that one', async () => {
  await withSystem(async ({ queue, storage, data, clock }) => {
    // A file in the way of a user's directory.
    await mkdir(path.join(data, '20240115'), { recursive: true });
    await writeFile(path.join(data, '20240115', 'bad'), '');
    await push(queue, [WIRE, { ...WIRE, user_id: 'bad' }], { ...WIRE, user_id: 'good' }, 'not json');
    const summary = await drainBatch({ queue, storage, clock });
    expect(summary).toMatchObject({ claimed: 4, postponed: 1, deadLettered: 1, outcome: 'acked' });
    expect(summary.failures).toMatchObject([{ partition: { directory: 'bad' }, code: 'storage_unavailable' }]);
    for (const userId of ['ana', 'good']) expect(await query({ storage }, { userId, ...DAY })).toHaveLength(1);
    // What comes later is not behind it.
    await push(queue, { ...WIRE, user_id: 'later' });
    expect(await drainBatch({ queue, storage, clock })).toMatchObject({ claimed: 2, postponed: 1 });
    expect(await query({ storage }, { userId: 'later', ...DAY })).toHaveLength(1);
    await rm(path.join(data, '20240115', 'bad'));
    expect(await drainBatch({ queue, storage, clock })).toMatchObject({ claimed: 1, postponed: 0 });
    expect(await query({ storage }, { userId: 'bad', ...DAY })).toMatchObject([{ heartRate: 70, count: 1 }]);
    expect(await queue.depth()).toMatchObject({ readings: 0, claimedReadings: 0, deadLetters: 1 });
  });
});

it('an element nested too deep to be written again is kept whole, and blocks nothing', async () => {
  await withSystem(async ({ queue, storage, clock }) => {
    const deep = `[{"user_id":${'['.repeat(8_000)}${']'.repeat(8_000)}},7]`;
    await push(queue, deep, WIRE);
    expect(await drainBatch({ queue, storage, clock })).toMatchObject({ deadLettered: 2, parts: [{ readings: 1 }] });
    const deadLetters = await queue.deadLetters.list({ limit: 5 });
    expect(deadLetters.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([deep, '7']);
  });
});

it('enqueue refuses a clock that gives no time, and cuts one that gives fractions', async () => {
  await withSystem(async ({ queue, storage }) => {
    const reading = { userId: 'ana', deviceId: 'watch', timestamp: DAY.start, heartRate: 70 };
    const bad = { nowMs: () => Number.NaN };
    await expect(enqueue({ queue, clock: bad }, reading)).rejects.toMatchObject({ code: 'bad_clock' });
    // A minute later than a file can say.
    const late = { nowMs: () => MAX_RECEIVED_MS + 1 };
    const refused = { kind: 'unavailable', code: 'bad_clock', message: expect.stringContaining('set it right') };
    await expect(enqueue({ queue, clock: late }, reading)).rejects.toMatchObject(refused);
    await queue.push([{ bytes: Buffer.from('{}'), readings: 1 }]);
    await expect(drainBatch({ queue, storage, clock: late })).rejects.toMatchObject(refused);
    expect(await queue.depth()).toMatchObject({ readings: 1, deadLetters: 0 });
    await drainBatch({ queue, storage });
    await enqueue({ queue, clock: { nowMs: () => START_MS + 0.75 } }, reading);
    expect(await drainBatch({ queue, storage })).toMatchObject({ claimed: 1, deadLettered: 0 });
  });
});

it('query refuses what is no question before it reads anything, and stops when told to', async () => {
  await withSystem(async ({ storage }) => {
    await part(storage, 0);
    const untouched = { ...storage, partitions: () => expect.unreachable() } as unknown as Storage;
    await expect(query({ storage: untouched }, { userId: '', ...DAY })).rejects.toMatchObject({
      code: 'invalid_query',
    });
    expect(await query({ storage: untouched }, { userId: 'ana', start: DAY.start, end: DAY.start })).toEqual([]);
    const signal = AbortSignal.abort();
    await expect(query({ storage }, { userId: 'ana', ...DAY }, { signal })).rejects.toMatchObject({ kind: 'closed' });
    await expect(query({ storage }, { userId: 'nobody', ...DAY }, { signal })).rejects.toMatchObject({
      kind: 'closed',
    });
    await expect(writePart({ storage }, [], { signal })).rejects.toMatchObject({ kind: 'closed' });
    await expect(query({ storage }, undefined as never)).rejects.toMatchObject({ code: 'invalid_query' });
  });
});
