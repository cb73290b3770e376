import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openQueue } from 'hrm-core/open';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Chunk } from '../src/import/chunks.js';
import { toQueue } from '../src/import/destination.js';
import { enqueueChunks, type Tally } from '../src/import/enqueue-chunks.js';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const READINGS = 40_000;
const SMALL = { HRM_QUEUE_HIGH_WATER: '5000' };

async function untilSaid(said: () => string, words: string): Promise<void> {
  for (const endMs = performance.now() + 60_000; !said().includes(words); await sleep(20)) {
    if (performance.now() > endMs) throw new Error(`waited a minute in vain for "${words}", got ${said()}`);
  }
}

describe('an import that meets a full queue', () => {
  async function start(...more: string[]) {
    await writeFile(join(sandbox.directory, 'a.ndjson'), ndjson(READINGS));
    const running = sandbox.start(['import', 'a.ndjson', ...more], SMALL);
    let text = '';
    running.child.stderr?.on('data', (data: string) => {
      text += data;
    });
    return { ...running, said: () => text };
  }

  it('says so, waits, and goes on as consumers make room', async () => {
    const { child, finished, said } = await start();
    await untilSaid(said, 'waiting for a consumer');
    // It waits for a while, and neither ends nor says it again.
    await sleep(1_500);
    expect(child.exitCode).toBeNull();
    const consumer = sandbox.start(['serve', '--only', 'consumer'], { HRM_BATCH_MAX_AGE_MS: '50' });
    const { code, stdout, stderr } = await finished;
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/readings enqueued +40000\n/) });
    expect(stderr).toBe(
      'hrm import: the queue is full; waiting for a consumer to make room (hrm serve, or hrm drain --all)\n',
    );
    consumer.child.kill('SIGTERM');
    await consumer.finished;
    expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
    const { data } = JSON.parse((await sandbox.run(queryArgs('ana', '--json'))).stdout);
    expect(data.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(READINGS);
  });

  it('ends at a signal while it waits, and says how far it came', async () => {
    const { child, finished, said } = await start();
    await untilSaid(said, 'waiting for a consumer');
    child.kill('SIGINT');
    const { code, stderr } = await finished;
    expect(code).toBe(6);
    expect(stderr).toMatch(
      /[\d,]+ readings enqueued before that\. Importing again is harmless; an import with --resume/,
    );
  });
});

describe('a full queue out of which nothing moves', () => {
  const stallMs = 1_500;

  async function* chunks(): AsyncGenerator<Chunk> {
    for (let i = 0; i < 8; i += 1) {
      const item = { user_id: 'u', device_id: 'd', timestamp: `2024-01-15T10:00:0${i}Z`, heart_rate: 72 };
      yield { label: 'f', rows: [{ line: i + 1, size: 1, item }], point: null };
    }
  }

  it('ends the import after a while, unavailable, with what came before counted', async () => {
    const queue = await openQueue({ queueDir: sandbox.queueDir, queueHighWater: 2 });
    const tally: Tally = { enqueued: 0, rejected: 0, faults: [], faultCount: 0, reasons: new Map() };
    const rules = { skipInvalid: false, signal: new AbortController().signal, stallMs };
    const startMs = performance.now();
    await expect(enqueueChunks(toQueue(queue), chunks(), rules, tally)).rejects.toMatchObject({
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
    const queue = await openQueue({ queueDir: sandbox.queueDir, queueHighWater: 20 });
    const tally: Tally = { enqueued: 0, rejected: 0, faults: [], faultCount: 0, reasons: new Map() };
    for (let i = 0; i < 25 && (await queue.depth()).readings < 20; i += 1) {
      await queue.push([{ bytes: Buffer.from('x'), readings: 1 }]);
    }
    const rules = { skipInvalid: false, signal: new AbortController().signal, stallMs };
    const importing = enqueueChunks(toQueue(queue), chunks(), rules, tally);
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
