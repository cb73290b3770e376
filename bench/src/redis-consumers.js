/**
 * Two consumers of the queue in Redis against one, each a process that drains a full queue into Parquet. They share the
 * cores with redis-server, so what two processes get that only compute is measured beside them: that is what the machine
 * had to give.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { enqueue } from 'hrm-core';
import { openRedisQueue } from 'hrm-core/redis';
import { interleave, median, runFigure } from './support/figure.js';
import { DAY_MS, makeReadings, START_MS, toWire } from './support/readings.js';
import { withRedis } from './support/redis.js';

const PROGRAM = fileURLToPath(new URL('./support/consumer-process.js', import.meta.url));
const USERS = 10;
/** Of each user in a row, as a device sends what it has saved up: so 50,000 readings are of all users. */
const RUN_READINGS = 5_000;

/** @typedef {{ readings: number, cpuMs: number }} Done */

/**
 * @param {import('hrm-core').Queue} queue
 * @param {number} readings
 * @param {number} startMs of a time that was not stored before: a part that is there already costs little
 */
async function fill(queue, readings, startMs) {
  for (let run = 0; run * RUN_READINGS < readings; run += 1) {
    const userId = `user-${1_000_000 + (run % USERS)}`;
    const from = startMs + Math.floor(run / USERS) * RUN_READINGS * 1_000;
    const made = makeReadings({ userId, deviceId: 'garmin-forerunner-255', startMs: from, count: RUN_READINGS });
    await enqueue({ queue }, made.map(toWire));
  }
}

/** @param {string[]} args */
function startConsumer(...args) {
  const child = fork(PROGRAM, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then(() => {
    throw new Error('a consumer ended');
  });
  ended.catch(() => undefined);
  const ready = Promise.race([once(child, 'message'), ended]);
  /**
   * @param {'drain' | 'compute'} what
   * @returns {Promise<Done>}
   */
  async function ask(what) {
    const answered = Promise.race([once(child, 'message'), ended]);
    child.send(what);
    return (await answered)[0];
  }
  return { ready, ask, end: () => child.kill('SIGKILL') };
}

/**
 * What all of them did, and how long it took until the last was done.
 * @param {readonly ReturnType<typeof startConsumer>[]} consumers
 * @param {'drain' | 'compute'} what
 */
async function work(consumers, what) {
  const startMs = performance.now();
  const done = await Promise.all(consumers.map(({ ask }) => ask(what)));
  const tookMs = performance.now() - startMs;
  const readings = done.reduce((sum, one) => sum + one.readings, 0);
  const cpuMs = done.reduce((sum, one) => sum + one.cpuMs, 0);
  return { readings, value: (readings / tookMs) * 1_000, cpu: cpuMs / readings };
}

await runFigure('redis-consumers', async (bench) => {
  await withRedis({ directory: await bench.directory('redis') }, async (redis) => {
    const queue = await openRedisQueue({ server: redis.url });
    const readings = bench.quick ? 500_000 : 1_000_000;
    const data = await bench.directory('data');
    const consumers = [startConsumer(redis.url, data), startConsumer(redis.url, data)];
    let days = 0;
    /** @type {number[]} */
    const redisShares = [];
    /** @param {number} count */
    async function drain(count) {
      await fill(queue, readings, START_MS + days * DAY_MS);
      days += 2;
      const beforeMs = await redis.cpuMs();
      const sample = await work(consumers.slice(0, count), 'drain');
      if (sample.readings !== readings) throw new Error(`drained ${sample.readings} readings of ${readings}`);
      if (count === 2) redisShares.push(((await redis.cpuMs()) - beforeMs) / (readings / sample.value) / 1_000);
      return sample;
    }
    try {
      await Promise.all(consumers.map(({ ready }) => ready));
      const two = 'two consumers drain a full queue';
      const one = 'one consumer';
      const twoBusy = 'two processes that decode JSON, nothing else';
      const oneBusy = 'one such process';
      const samples = await interleave(
        {
          [two]: () => drain(2),
          [one]: () => drain(1),
          [twoBusy]: () => work(consumers, 'compute'),
          [oneBusy]: () => work(consumers.slice(0, 1), 'compute'),
        },
        bench.quick ? 3 : 5,
      );
      bench.compare(samples, two, one, 'readings/s', `redis-server ${median(redisShares).toFixed(2)} of a core`);
      bench.compare(samples, twoBusy, oneBusy, 'readings/s', 'what the cores gave');
    } finally {
      for (const { end } of consumers) end();
      await queue.close();
    }
  });
});
