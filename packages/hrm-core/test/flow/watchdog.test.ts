/** The watchdog over real loops on real drivers, of which a call hangs: until its signal fires, or for ever. */
import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { until } from '../../../../test/support/until.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  HrmError,
  type Queue,
  runCompacter,
  runConsumer,
  type Storage,
  superviseLoop,
  type WatchdogEvent,
  type WatchedLoop,
  writePart,
} from '../../src/index.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.parse('2024-01-15T00:00:00Z');
/** A call may take a second on a busy machine, and is no stall. */
const WATCH = { stallMs: 1_200, graceMs: 5_000, restartPauseMs: 10 };
const CONSUMER = { batchMaxAgeMs: 0, leaseMs: 600 };

interface System {
  readonly data: string;
  readonly queue: Queue;
  readonly storage: Storage;
  /** Ends when the test does. */
  readonly stop: AbortController;
}

/** A queue with one reading in it, and an empty storage. */
async function withSystem(use: (system: System) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const data = join(directory, 'data');
    const queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
    const storage = await openDirectoryStorage({ directory: data });
    const stop = new AbortController();
    const wire = { user_id: 'ana', device_id: 'watch', timestamp_ms: START_MS, heart_rate: 70 };
    await queue.push([{ bytes: Buffer.from(JSON.stringify(wire)), readings: 1 }]);
    try {
      await use({ data, queue, storage, stop });
    } finally {
      stop.abort();
      await queue.close();
      await storage.close();
    }
    // A disk that is busy with others' tests must not look like a call that hangs.
  }, MEMORY_DIRECTORY);
}

/** As a call does whose server is slow to answer, and which hears its signal. */
function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const error = () => reject(new HrmError('aborted', { kind: 'closed', code: 'aborted' }));
    if (signal?.aborted) error();
    signal?.addEventListener('abort', error);
  });
}

const FOREVER = new Promise<never>(() => undefined);

function storedFiles(data: string): string[] {
  return readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.parquet'));
}

const isQueueEmpty = async (queue: Queue) => {
  const { readings, claimedReadings } = await queue.depth();
  return readings + claimedReadings === 0;
};

/** A consumer under a watchdog, and what happened to it. */
function watchConsumer(
  components: { queue: Queue; storage: Storage },
  stop: AbortController,
  wait?: () => Promise<boolean>,
) {
  const events: WatchdogEvent[] = [];
  const watched = superviseLoop('consumer', (loop) => runConsumer(components, CONSUMER, loop), WATCH, {
    signal: stop.signal,
    onEvent: (event) => events.push(event),
    hasWork: wait,
  });
  return { events, watched };
}

test.concurrent('a consumer that stands still is started anew, and stores the batch', async () => {
  await withSystem(async ({ data, queue, storage, stop }) => {
    let hangs = 1;
    const slow: Storage = {
      ...storage,
      publish: (...call) => (hangs-- > 0 ? untilAborted(call[3]?.signal) : storage.publish(...call)),
    };
    const { events, watched } = watchConsumer({ queue, storage: slow }, stop);
    await until(() => isQueueEmpty(queue), 'the batch is stored');
    expect(storedFiles(data)).toHaveLength(1);
    expect(events).toEqual([
      { type: 'stalled', silentMs: expect.any(Number) },
      { type: 'restarted', restarts: 1 },
    ]);
    expect(events[0]).toMatchObject({ silentMs: expect.toSatisfy((ms: number) => ms >= WATCH.stallMs && ms < 30_000) });
    stop.abort();
    await watched;
  });
});

test.concurrent('one that hangs for ever fails, and another consumer takes its batch over when the lease has ended', async () => {
  await withSystem(async ({ data, queue, storage, stop }) => {
    const { events, watched } = watchConsumer({ queue, storage: { ...storage, publish: () => FOREVER } }, stop);
    await expect(watched).rejects.toMatchObject({ kind: 'unavailable', code: 'loop_stalled' });
    expect(events.map(({ type }) => type)).toEqual(['stalled']);
    const other = runConsumer({ queue, storage }, CONSUMER, { signal: stop.signal });
    await until(() => isQueueEmpty(queue), 'the batch is stored');
    expect(storedFiles(data)).toHaveLength(1);
    stop.abort();
    await other;
  });
});

test.concurrent('one that stands still whenever it is restarted fails', async () => {
  await withSystem(async ({ queue, storage, stop }) => {
    const slow: Storage = { ...storage, publish: (...call) => untilAborted(call[3]?.signal) };
    const { events, watched } = watchConsumer({ queue, storage: slow }, stop);
    const error = await watched.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'unavailable', code: 'loop_stalled' });
    expect((error as Error).message).toContain('3 restarts did not help');
    expect(events.filter(({ type }) => type === 'restarted')).toHaveLength(3);
    // It was told to end, and gave the batch back.
    expect(await queue.depth()).toMatchObject({ readings: 1, claimedReadings: 0, endedClaims: 1 });
  });
});

test.concurrent('restarts that helped do not count', async () => {
  await withSystem(async ({ queue, storage, stop }) => {
    const hanging = new Set([1, 3, 5, 7, 9]);
    let calls = 0;
    const slow: Storage = {
      ...storage,
      publish(...call) {
        calls += 1;
        return hanging.has(calls) ? untilAborted(call[3]?.signal) : storage.publish(...call);
      },
    };
    const { events, watched } = watchConsumer({ queue, storage: slow }, stop);
    for (let count = 1; count <= 5; count += 1) {
      await until(() => isQueueEmpty(queue), `${count} batches are stored`);
      const wire = { user_id: 'ana', device_id: 'watch', timestamp_ms: START_MS + count, heart_rate: 70 };
      if (count < 5) await queue.push([{ bytes: Buffer.from(JSON.stringify(wire)), readings: 1 }]);
    }
    expect(events.map((event) => (event.type === 'restarted' ? event.restarts : 0))).toEqual([
      0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
    ]);
    stop.abort();
    await watched;
  });
});

test.concurrent('steps that fail are no stall, however long they do', async () => {
  await withSystem(async ({ queue, storage, stop }) => {
    let isFull = true;
    const full = () => Promise.reject(new HrmError('full', { kind: 'unavailable', code: 'storage_full' }));
    const { events, watched } = watchConsumer(
      { queue, storage: { ...storage, publish: (...call) => (isFull ? full() : storage.publish(...call)) } },
      stop,
    );
    await sleep(WATCH.stallMs * 6);
    isFull = false;
    await until(() => isQueueEmpty(queue), 'the batch is stored');
    expect(events).toEqual([]);
    stop.abort();
    await watched;
  });
});

test.concurrent('a batch whose parts come one by one is no stall', async () => {
  await withSystem(async ({ queue, storage, stop }) => {
    const users = Array.from({ length: 100 }, (_, i) => ({
      user_id: `u${i}`,
      device_id: 'w',
      // Of a day each: of one day they would share a part.
      timestamp_ms: i * 86_400_000,
      heart_rate: 70,
    }));
    await queue.push([{ bytes: Buffer.from(JSON.stringify(users)), readings: users.length }]);
    let turn: Promise<unknown> = Promise.resolve();
    const slow: Storage = {
      ...storage,
      async publish(...call) {
        turn = turn.then(() => sleep(50));
        await turn;
        return storage.publish(...call);
      },
    };
    const startMs = performance.now();
    const { events, watched } = watchConsumer({ queue, storage: slow }, stop);
    await until(() => isQueueEmpty(queue), 'the batch is stored');
    expect(performance.now() - startMs).toBeGreaterThan(WATCH.stallMs * 3);
    expect(events).toEqual([]);
    stop.abort();
    await watched;
  });
});

test.concurrent('an idle consumer is left alone, unless work waits that it does not see', async () => {
  await withSystem(async ({ queue, storage, stop }) => {
    let isBlind = true;
    let work = false;
    const blind: Queue = {
      ...queue,
      async wait(threshold, options) {
        if (!isBlind) return await queue.wait(threshold, options);
        await sleep(20, undefined, { signal: options.signal }).catch(() => undefined);
        return false;
      },
    };
    const { events, watched } = watchConsumer({ queue: blind, storage }, stop, async () => work);
    await sleep(WATCH.stallMs * 4);
    expect(events).toEqual([]);
    work = true;
    await until(() => events.length === 2, 'it is restarted');
    isBlind = false;
    await until(() => isQueueEmpty(queue), 'the batch is stored');
    expect(events.map(({ type }) => type)).toEqual(['stalled', 'restarted']);
    stop.abort();
    await watched;
  });
});

test.concurrent('a queue that does not say whether work waits is no reason to restart', async () => {
  await withSystem(async ({ queue, storage, stop }) => {
    const idle: Queue = { ...queue, wait: async () => sleep(20).then(() => false) };
    const answers = [() => FOREVER, () => Promise.reject(new Error('no answer'))];
    for (const hasWork of answers) {
      const { events, watched } = watchConsumer({ queue: idle, storage }, stop, hasWork);
      const outcome = await Promise.race([watched, sleep(WATCH.stallMs * 4)]);
      expect([outcome, events]).toEqual([undefined, []]);
    }
  });
});

test.concurrent('a compacter that stands still in a partition is started anew; its pauses and long runs are no stall', async () => {
  await withSystem(async ({ data, storage, stop }) => {
    const dates = Array.from({ length: 20 }, (_, day) => START_MS + day * 86_400_000);
    for (const timestampMs of dates.flatMap((dateMs) => [dateMs, dateMs + 1])) {
      await writePart({ storage }, [
        { userId: 'ana', deviceId: 'w', timestampMs, heartRate: 70, receivedMs: timestampMs },
      ]);
    }
    const events: WatchdogEvent[] = [];
    const runs: number[] = [];
    let snapshots = 0;
    const slow: Storage = {
      ...storage,
      async snapshot(...call) {
        snapshots += 1;
        if (snapshots === 3) return await untilAborted(call[1]?.signal);
        await sleep(100);
        return await storage.snapshot(...call);
      },
    };
    // Twenty days in a row: one of them is slow by itself sooner than a single call is.
    const watch = { ...WATCH, stallMs: 4_000 };
    const run = (loop: WatchedLoop) =>
      runCompacter(
        { storage: slow },
        { compactEveryMs: watch.stallMs * 2, sweepAfterMs: 0 },
        {
          ...loop,
          onEvent: (event) => runs.push(event.type === 'compacted' ? event.summary.compacted : -1),
        },
      );
    const watched = superviseLoop('compacter', run, watch, {
      signal: stop.signal,
      onEvent: (event) => events.push(event),
    });
    await until(() => runs.length === 2, 'two runs are over');
    expect(storedFiles(data)).toHaveLength(20);
    expect(runs).not.toContain(-1);
    expect(events.map(({ type }) => type)).toEqual(['stalled', 'restarted']);
    stop.abort();
    await watched;
  });
});

test.concurrent('a loop that ends by itself is started anew, and given up when it goes on to', async () => {
  const events: WatchdogEvent[] = [];
  const defect = new TypeError('a defect');
  const watched = superviseLoop('consumer', () => Promise.reject(defect), WATCH, {
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
  });
  await expect(watched).rejects.toMatchObject({ kind: 'internal', code: 'loop_ended', cause: defect });
  expect(events).toEqual([1, 2, 3].map((restarts) => ({ type: 'restarted', restarts, error: defect })));
});

test.concurrent('when it is stopped, it resolves once the loop has ended, and starts nothing anew', async () => {
  const stop = new AbortController();
  let lives = 0;
  let hasEnded = false;
  const watched = superviseLoop(
    'consumer',
    async ({ signal }) => {
      lives += 1;
      await untilAborted(signal).catch(() => undefined);
      await sleep(50);
      hasEnded = true;
    },
    { stallMs: 60_000 },
    { signal: stop.signal },
  );
  await sleep(20);
  expect(hasEnded).toBe(false);
  stop.abort();
  await watched;
  expect([lives, hasEnded]).toEqual([1, true]);
});

// Alone, since it stops everything in this process.
test('time in which the whole process stood still does not count', async () => {
  const stop = new AbortController();
  const events: WatchdogEvent[] = [];
  // Its signs come with input and output, which a process that wakes up looks at after its timers.
  const watched = superviseLoop(
    'consumer',
    async ({ signal, onAlive }) => {
      while (!signal.aborted) {
        await stat('/');
        onAlive({ kind: 'alive' });
      }
    },
    { ...WATCH, stallMs: 600 },
    { signal: stop.signal, onEvent: (event) => events.push(event) },
  );
  for (let count = 0; count < 3; count += 1) {
    await sleep(300);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_200);
  }
  await sleep(600);
  expect(events).toEqual([]);
  stop.abort();
  await watched;
});
