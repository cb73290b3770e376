import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { HrmError } from '../../src/errors.js';
import type { Chunk } from '../../src/import/chunks.js';
import { toDestination } from '../../src/import/destination.js';
import { enqueueChunks, type Tally } from '../../src/import/enqueue-chunks.js';
import { closeInputs, importReadings, openCheckpoint, openInputs } from '../../src/import/index.js';
import type { Input } from '../../src/import/inputs.js';
import { openQueue } from '../../src/open.js';
import type { Queue } from '../../src/ports/queue.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hrm-import-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** What chunks are of. */
const input = { label: 'f' } as Input;

function line(i: number): string {
  const timestamp = new Date(Date.UTC(2024, 0, 15) + i * 1_000).toISOString();
  return `${JSON.stringify({ user_id: 'ana', device_id: 'watch', timestamp, heart_rate: 72 })}\n`;
}

describe('an import of files', () => {
  it('takes lines that are series among lines that are readings', async () => {
    const queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
    const series = { user_id: 'ana', device_id: 'watch', start: '2024-01-15T10:00:00Z', interval_ms: 500, note: 'x' };
    const one = (heart_rates: readonly number[]) => `${JSON.stringify({ ...series, heart_rates })}\n`;
    const bad = one([70, 300]);
    const tooLong = one(Array(100_001).fill(70));
    const full = one(Array(100_000).fill(70));
    await writeFile(join(directory, 'a.ndjson'), line(0) + one([70, 71]) + bad + line(1) + tooLong + full + full);
    const inputs = await openInputs(['a.ndjson'], { cwd: directory });
    try {
      const summary = await importReadings({ queue }, inputs, { skipInvalid: true });
      expect(summary).toMatchObject({ enqueued: 200_004, rejected: 2, faultCount: 2 });
      expect(summary.faults.map(({ path }) => path)).toEqual(['a.ndjson:3/heart_rates/1', 'a.ndjson:5']);
      expect(summary.reasons.map(({ message }) => message)).toContainEqual(expect.stringMatching(/^heart_rates must/));
      expect((await queue.depth()).readings).toBe(200_004);
    } finally {
      await closeInputs(inputs);
      await queue.close();
    }
  });

  it.each([
    [
      'user_id last, no end of line',
      'heart_rate,device_id,timestamp,user_id',
      '72,w,2024-01-15T10:00:00Z,ana',
      ['a.csv:2'],
    ],
    [
      'device_id last, quoted',
      'heart_rate,user_id,timestamp,device_id',
      '72,ana,2024-01-15T10:00:00Z,"w"',
      ['a.csv:2'],
    ],
    ['an end of line', 'heart_rate,device_id,timestamp,user_id', '72,w,2024-01-15T10:00:00Z,ana\n', []],
    ['a number last', 'user_id,device_id,timestamp,heart_rate', 'ana,w,2024-01-15T10:00:00Z,72', []],
    ['another column last', 'heart_rate,device_id,timestamp,user_id,note', '72,w,2024-01-15T10:00:00Z,ana,x', []],
  ])('tells of an id at which the input may have been broken off: %s', async (_, header, row, expected) => {
    const queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
    await writeFile(join(directory, 'a.csv'), `${header}\n${row}`);
    const inputs = await openInputs(['a.csv'], { cwd: directory });
    const places: string[] = [];
    try {
      const summary = await importReadings({ queue }, inputs, { onMayBeCut: (place) => places.push(place) });
      expect(summary.enqueued).toBe(1);
    } finally {
      await closeInputs(inputs);
      await queue.close();
    }
    expect(places).toEqual(expected);
  });

  it('enqueues, counts and ranks what it passes over, and goes on from its checkpoint', async () => {
    const queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
    const path = join(directory, 'a.ndjson');
    await writeFile(path, `${line(0)}no JSON\n${line(1)}{}\nno JSON\n`);
    const told: number[] = [];
    async function importAgain() {
      const inputs = await openInputs(['a.ndjson'], { cwd: directory });
      const checkpoint = await openCheckpoint(join(directory, 'checkpoint.json'), 'way');
      const onProgress = ({ bytesRead }: { bytesRead: number }) => told.push(bytesRead);
      try {
        return await importReadings({ queue }, inputs, { skipInvalid: true, checkpoint, onProgress });
      } finally {
        await closeInputs(inputs);
      }
    }
    const { reasons, faults, ...counts } = await importAgain();
    expect(counts).toEqual({ inputs: 1, enqueued: 2, rejected: 3, expired: 0, faultCount: 6 });
    expect(reasons[0]).toEqual({ message: 'the line is not JSON', count: 2, examples: ['a.ndjson:2', 'a.ndjson:5'] });
    expect(faults.map(({ path: place }) => place)).toContain('a.ndjson:4/heart_rate');
    expect(told.at(-1)).toBeGreaterThan(2 * line(0).length);
    await writeFile(path, line(2), { flag: 'a' });
    expect(await importAgain()).toMatchObject({ enqueued: 1, rejected: 0 });
    expect((await queue.depth()).readings).toBe(3);
    await queue.close();
  });
});

describe('a checkpoint', () => {
  it('is none where it is too large for one, and is not read', async () => {
    const path = join(directory, 'checkpoint.json');
    await writeFile(path, '{}');
    await truncate(path, 3 * 1024 ** 3);
    const none = { code: 'invalid_checkpoint', message: expect.stringContaining('is no checkpoint') };
    await expect(openCheckpoint(path, 'way')).rejects.toMatchObject(none);
  });
});

describe('a queue that is unavailable', () => {
  let queue: Queue;
  beforeEach(async () => {
    queue = await openEmbeddedQueue({ directory });
  });
  afterEach(() => queue.close());

  const rules = { skipInvalid: false, signal: new AbortController().signal };

  async function* chunks(): AsyncGenerator<Chunk> {
    for (let i = 0; i < 5; i += 1) {
      const item = { user_id: 'u', device_id: 'd', timestamp: `2024-01-15T10:00:0${i}Z`, heart_rate: 72 };
      yield { input, rows: [{ line: i + 1, size: 1, item }], point: null };
    }
  }

  /** The real queue, which fails the pushes that `fails` picks. */
  function failing(fails: (call: number) => boolean) {
    let calls = 0;
    const push: Queue['push'] = async (...args) => {
      calls += 1;
      if (fails(calls)) throw new HrmError('away', { kind: 'unavailable', code: 'queue_unavailable' });
      return await queue.push(...args);
    };
    return { push, depth: queue.depth, calls: () => calls };
  }

  it('for a moment is tried again, and nothing is lost', async () => {
    const tally: Tally = { enqueued: 0, rejected: 0, expired: 0, faults: [], faultCount: 0, reasons: new Map() };
    await enqueueChunks(toDestination({ queue: failing((call) => call % 2 === 0) }), chunks(), rules, tally);
    expect(tally.enqueued).toBe(5);
    expect((await queue.depth()).readings).toBe(5);
  });

  it('for long ends the import after bounded tries, with what came before counted', async () => {
    const tally: Tally = { enqueued: 0, rejected: 0, expired: 0, faults: [], faultCount: 0, reasons: new Map() };
    const { calls, ...failed } = failing((call) => call > 1);
    await expect(enqueueChunks(toDestination({ queue: failed }), chunks(), rules, tally)).rejects.toMatchObject({
      kind: 'unavailable',
    });
    expect(tally.enqueued).toBe(1);
    expect((await queue.depth()).readings).toBe(1);
    // The first, and four in flight with five retries each.
    expect(calls()).toBeLessThanOrEqual(1 + 4 * 6);
  });
});

describe('a full queue out of which nothing moves', () => {
  const stallMs = 1_500;

  async function* chunks(): AsyncGenerator<Chunk> {
    for (let i = 0; i < 8; i += 1) {
      const item = { user_id: 'u', device_id: 'd', timestamp: `2024-01-15T10:00:0${i}Z`, heart_rate: 72 };
      yield { input, rows: [{ line: i + 1, size: 1, item }], point: null };
    }
  }

  it('ends the import after a while, unavailable, with what came before counted', async () => {
    const queue = await openQueue({ queueDir: directory, queueHighWater: 2 });
    const tally: Tally = { enqueued: 0, rejected: 0, expired: 0, faults: [], faultCount: 0, reasons: new Map() };
    const rules = { skipInvalid: false, signal: new AbortController().signal, stallMs };
    const startMs = performance.now();
    await expect(enqueueChunks(toDestination({ queue }), chunks(), rules, tally)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'queue_full',
      message: expect.stringMatching(/run more consumers.*\n.*nothing has left it for 2 s: start a consumer/s),
    });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(stallMs);
    expect(tally.enqueued).toBe(2);
    expect((await queue.depth()).readings).toBe(2);
    await queue.close();
  });

  it('is not one out of which a little moves, for however long', async () => {
    const queue = await openQueue({ queueDir: directory, queueHighWater: 20 });
    const tally: Tally = { enqueued: 0, rejected: 0, expired: 0, faults: [], faultCount: 0, reasons: new Map() };
    for (let i = 0; i < 25 && (await queue.depth()).readings < 20; i += 1) {
      await queue.push([{ bytes: Buffer.from('x'), readings: 1 }]);
    }
    const rules = { skipInvalid: false, signal: new AbortController().signal, stallMs };
    const importing = enqueueChunks(toDestination({ queue }), chunks(), rules, tally);
    // One reading a second leaves a queue that others keep full.
    const startMs = performance.now();
    let isDone = false;
    const watched = importing.finally(() => {
      isDone = true;
    });
    while (!isDone && performance.now() - startMs < 30_000) {
      await sleep(700);
      const claim = await queue.claim({ maxReadings: 1, maxBytes: 1e6, maxElements: 1, leaseMs: 60_000 });
      if (claim !== null) await queue.ack(claim.token);
    }
    await watched;
    expect(tally.enqueued).toBe(8);
    expect(performance.now() - startMs).toBeGreaterThan(2 * stallMs);
    await queue.close();
  });
});
