import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, it, test } from 'vitest';
import { until } from '../../../../test/support/until.js';
import { queueContract } from '../../src/contract/index.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { withHighWater } from '../../src/drivers/queue/high-water.js';
import { HrmError, isHrmError } from '../../src/errors.js';
import { openQueue } from '../../src/open.js';
import type { Queue } from '../../src/ports/queue.js';

const WORKER = fileURLToPath(new URL('high-water-worker.mjs', import.meta.url));
const CLAIM = { maxReadings: 1_000_000, maxBytes: 1e9, maxElements: 1e6, leaseMs: 60_000 };

function element(readings: number) {
  return { bytes: Buffer.from('a'), readings };
}

function isFullError(error: unknown): boolean {
  return (
    isHrmError(error) &&
    error.kind === 'unavailable' &&
    error.code === 'queue_full' &&
    /run more consumers, or raise HRM_QUEUE_HIGH_WATER/.test(error.message)
  );
}

/** `true` when the queue took it, `false` when it was refused as full. */
async function tryPush(queue: Queue, readings = 1): Promise<boolean> {
  try {
    await queue.push([element(readings)]);
    return true;
  } catch (error) {
    if (isFullError(error)) return false;
    throw error;
  }
}

async function takeAll(queue: Queue): Promise<void> {
  for (let claim = await queue.claim(CLAIM); claim !== null; claim = await queue.claim(CLAIM)) {
    await queue.ack(claim.token);
  }
}

describe('queue contract', () =>
  queueContract({
    test,
    histories: 3,
    fixture: async () => {
      const directory = mkdtempSync(join(tmpdir(), 'hrm-water-'));
      let nowMs = 1_700_000_000_000;
      const handles: Queue[] = [];
      return {
        open: async () => {
          const embedded = await openEmbeddedQueue({ directory, clock: { nowMs: () => nowMs } });
          const queue = withHighWater(embedded, { highWaterReadings: 1_000_000 });
          handles.push(queue);
          return queue;
        },
        advance: (ms) => {
          nowMs += ms;
        },
        dispose: async () => {
          for (const queue of handles) await queue.close();
          rmSync(directory, { recursive: true });
        },
      };
    },
  }));

describe('a queue with a high-water mark', () => {
  let queueDir = '';
  beforeEach(() => {
    queueDir = mkdtempSync(join(tmpdir(), 'hrm-water-'));
  });
  afterEach(() => rmSync(queueDir, { recursive: true }));

  it('takes readings up to the mark and no others, and says what to do', async () => {
    const queue = await openQueue({ queueDir, queueHighWater: 10 });
    for (let i = 0; i < 10; i += 1) await queue.push([element(1)]);
    await assert.rejects(queue.push([element(1)]), isFullError);
    assert.equal((await queue.depth()).readings, 10);
    await queue.close();
  });

  it('counts what is on its way, not only what has arrived', async () => {
    const queue = await openQueue({ queueDir, queueHighWater: 10 });
    const results = await Promise.all(Array.from({ length: 50 }, () => tryPush(queue)));
    assert.equal(results.filter((taken) => taken).length, 10);
    await queue.close();
  });

  it('takes a batch that crosses the mark whole, however large: an empty queue refuses nothing', async () => {
    const queue = await openQueue({ queueDir, queueHighWater: 10 });
    await queue.push([element(900), element(100)]);
    await assert.rejects(queue.push([element(1)]), isFullError);
    await queue.close();
  });

  it('counts what was there before it was opened, and what is claimed, but no dead letters', async () => {
    const before = await openEmbeddedQueue({ directory: queueDir });
    await before.push([element(6)]);
    await before.claim(CLAIM);
    await before.push([element(4)]);
    const queue = await openQueue({ queueDir, queueHighWater: 10 });
    await assert.rejects(queue.push([element(1)]), isFullError);
    await queue.close();
    const rest = await before.claim(CLAIM);
    const deadLetter = { reason: 'bad', bytes: Buffer.from('a'), stampMs: 1, attempts: 1 };
    await before.ack(rest?.token ?? '', { deadLetters: Array.from({ length: 20 }, () => deadLetter) });
    const again = await openQueue({ queueDir, queueHighWater: 10 });
    assert.equal(await tryPush(again, 4), true);
    assert.equal(await tryPush(again), false);
    await again.close();
    await before.close();
  });

  it('takes readings again by itself once consumers of another handle made room, without a push in between', async () => {
    const queue = await openQueue({ queueDir, queueHighWater: 10 });
    const consumer = await openEmbeddedQueue({ directory: queueDir });
    assert.equal(await tryPush(queue, 10), true);
    assert.equal(await tryPush(queue), false);
    await takeAll(consumer);
    // No push meanwhile that could have measured.
    await sleep(1_500);
    assert.equal(await tryPush(queue), true);
    await queue.close();
    await consumer.close();
  });

  it('never refuses a redrive, nor what an acknowledgement puts back', async () => {
    const queue = await openQueue({ queueDir, queueHighWater: 10 });
    await queue.push([element(10)]);
    assert.equal(await tryPush(queue), false);
    const claim = await queue.claim(CLAIM);
    const bytes = Buffer.from('a');
    const deadLetter = { reason: 'bad', bytes, stampMs: 1, attempts: 1 };
    const requeue = [{ bytes, readings: 30, stampMs: 1 }];
    assert.equal(await queue.ack(claim?.token ?? '', { deadLetters: [deadLetter], requeue }), 'acked');
    const [dead] = await queue.deadLetters.list({ limit: 10 });
    assert.equal(await queue.deadLetters.redrive([dead?.id ?? '']), 1);
    assert.equal((await queue.depth()).readings, 31);
    assert.equal(await tryPush(queue), false);
    await queue.check();
    await queue.close();
  });

  it('is bounded, approximately, with several handles and processes that push as fast as they can', async () => {
    const mark = 2_000;
    const children = Array.from({ length: 2 }, () =>
      spawn(process.execPath, [WORKER, queueDir, String(mark)], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    const outputs = children.map(async (child) => {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (data: string) => {
        text += data;
      });
      const [code] = await once(child, 'close');
      assert.equal(code, 0);
      return JSON.parse(text) as { taken: number; refused: number };
    });
    const reports = await Promise.all(outputs);
    const watcher = await openEmbeddedQueue({ directory: queueDir });
    const { readings } = await watcher.depth();
    await watcher.close();
    assert.equal(
      readings,
      reports.reduce((sum, { taken }) => sum + taken, 0),
    );
    for (const { refused } of reports) assert.ok(refused > 0);
    assert.ok(readings >= mark, `only ${readings}`);
    // Each of the four handles can be wrong by what the others push in a second, and by no more than all of them took.
    assert.ok(readings <= 4 * (mark + 100), `${readings} of ${mark}`);
  });

  it('asks for the depth once a second at most while pushes come, one at a time', async () => {
    let asked = 0;
    let running = 0;
    const inner = await openEmbeddedQueue({ directory: queueDir });
    const depth: Queue['depth'] = async () => {
      asked += 1;
      running += 1;
      assert.equal(running, 1);
      const result = await inner.depth();
      await sleep(50);
      running -= 1;
      return result;
    };
    const queue = withHighWater({ ...inner, depth }, { highWaterReadings: 1_000_000 });
    const startMs = performance.now();
    while (performance.now() - startMs < 2_500) await Promise.all([queue.push([element(1)]), queue.push([element(1)])]);
    const seconds = (performance.now() - startMs) / 1_000;
    assert.ok(asked >= 2 && asked <= seconds + 1, `${asked} in ${seconds} s`);
    await queue.close();
  });

  it('lets no push but the first wait for the depth', async () => {
    const inner = await openEmbeddedQueue({ directory: queueDir });
    let isHeld = false;
    let isAsked = false;
    const depth: Queue['depth'] = () => {
      isAsked = isHeld;
      return isHeld ? new Promise(() => undefined) : inner.depth();
    };
    const queue = withHighWater({ ...inner, depth }, { highWaterReadings: 5 });
    assert.equal(await tryPush(queue, 4), true);
    isHeld = true;
    await sleep(1_100);
    assert.equal(await tryPush(queue), true);
    assert.equal(isAsked, true);
    // Full by the figure that it has; when that is too old to say so, it refuses nothing.
    assert.equal(await tryPush(queue), false);
    await until(() => tryPush(queue), 'the old figure no longer counts');
    await queue.close();
  });

  it('refuses nothing where the depth cannot be had, and nothing because of pushes that failed', async () => {
    const inner = await openEmbeddedQueue({ directory: queueDir });
    let isBroken = true;
    const broken = new HrmError('no', { kind: 'unavailable', code: 'queue_unavailable' });
    const blind = withHighWater({ ...inner, depth: () => Promise.reject(broken) }, { highWaterReadings: 1 });
    for (let i = 0; i < 5; i += 1) await blind.push([element(1)]);
    await takeAll(inner);
    const queue = withHighWater(
      { ...inner, push: (elements) => (isBroken ? Promise.reject(broken) : inner.push(elements)) },
      { highWaterReadings: 5 },
    );
    for (let i = 0; i < 10; i += 1) await assert.rejects(queue.push([element(1)]), broken);
    isBroken = false;
    await assert.rejects(queue.push([element(Number.NaN)]), { code: 'invalid_element' });
    assert.equal(await tryPush(queue, 5), true);
    assert.equal(await tryPush(queue), false);
    await queue.close();
  });

  it('measures nothing after it was closed, and then says that it is closed, not full', async () => {
    const inner = await openEmbeddedQueue({ directory: queueDir });
    let asked = 0;
    const depth: Queue['depth'] = () => {
      asked += 1;
      return inner.depth();
    };
    const queue = withHighWater({ ...inner, depth }, { highWaterReadings: 1 });
    assert.equal(await tryPush(queue), true);
    assert.equal(await tryPush(queue), false);
    await queue.close();
    const atClose = asked;
    await sleep(600);
    assert.equal(asked, atClose);
    await assert.rejects(queue.push([element(1)]), { kind: 'closed' });
  });
});
