/**
 * What a consumer does with the queue in Redis, without the files: claim, decode, acknowledge. Against moving elements one
 * by one with LMOVE, and removing each with LREM, as the original system did: awaited, and pipelined. LREM finds each at
 * once here, since it is the first of a short list; behind others it is O(n). CPU counts redis-server's too.
 *
 * Of arrays of 1,000 readings the decoding alone is more than half of the work on either side, so that no queue could be
 * five times faster there: 70 % of this process's time is JSON.parse, 4 % the claim's own.
 */
import { openRedisQueue } from 'hrm-core/redis';
import { Redis } from 'ioredis';
import { interleave, perSecond, runFigure, timeMs } from './support/figure.js';
import { makeReadings, toElement } from './support/readings.js';
import { QUEUE_KEY, withRedis } from './support/redis.js';

const LIMITS = { maxReadings: 50_000, maxBytes: 64 * 1024 * 1024, maxElements: 50_000, leaseMs: 30_000 };
const PIPELINED = 1_000;
const PROCESSING = 'by-hand:processing';

/** @param {Uint8Array} bytes */
function decode(bytes) {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
}

/**
 * @param {import('hrm-core').Queue} queue
 * @param {number} elements that must be there
 */
async function claimAll(queue, elements) {
  let left = elements;
  while (left > 0) {
    const claim = await queue.claim(LIMITS);
    if (claim === null) throw new Error(`${left} elements are missing`);
    for (const { bytes } of claim.elements) decode(bytes);
    await queue.ack(claim.token);
    left -= claim.elements.length;
  }
}

/**
 * @param {Redis} client
 * @param {number} elements
 */
async function moveOneByOne(client, elements) {
  for (let left = elements; left > 0; left -= 1) {
    const element = await client.lmoveBuffer(QUEUE_KEY, PROCESSING, 'LEFT', 'RIGHT');
    decode(present(element));
    await client.lrem(PROCESSING, 1, present(element));
  }
}

/**
 * @param {Redis} client
 * @param {number} elements
 */
async function movePipelined(client, elements) {
  for (let left = elements; left > 0; left -= PIPELINED) {
    const moves = client.pipeline();
    for (let i = 0; i < Math.min(left, PIPELINED); i += 1) moves.lmoveBuffer(QUEUE_KEY, PROCESSING, 'LEFT', 'RIGHT');
    const removals = client.pipeline();
    for (const [error, element] of (await moves.exec()) ?? []) {
      if (error !== null) throw error;
      const bytes = present(/** @type {Buffer | null} */ (element));
      decode(bytes);
      removals.lrem(PROCESSING, 1, bytes);
    }
    await removals.exec();
  }
}

/** @param {Buffer | null} element */
function present(element) {
  if (element === null) throw new Error('an element is missing');
  return element;
}

await runFigure('redis-claim', async (bench) => {
  await withRedis({ directory: await bench.directory('redis') }, async ({ url, admin, cpuMs }) => {
    const queue = await openRedisQueue({ server: url });
    const client = new Redis(url);

    /**
     * @param {readonly Buffer[]} elements
     * @param {number} readings in each
     * @param {(elements: number) => Promise<void>} empty
     */
    async function rate(elements, readings, empty) {
      for (let from = 0; from < elements.length; from += PIPELINED) {
        await admin.rpush(QUEUE_KEY, ...elements.slice(from, from + PIPELINED));
      }
      const beforeMs = await cpuMs();
      const took = await timeMs(() => empty(elements.length));
      const count = elements.length * readings;
      const cpu = (Number(took.cpu) + (await cpuMs()) - beforeMs) / count;
      return { ...perSecond(took, count), cpu };
    }
    /**
     * @param {number} readings of one element
     * @param {{ claimed: number, pipelined: number, awaited: number }} counts of elements
     */
    async function compareClaim(readings, { claimed, pipelined, awaited }) {
      const made = makeReadings({ userId: 'user-1000001', deviceId: 'garmin-forerunner-255', count: readings });
      const json = JSON.stringify(readings === 1 ? made.map(toElement)[0] : made.map(toElement));
      const elements = Array.from({ length: claimed }, () => Buffer.from(json));
      const what = readings === 1 ? 'one reading an element' : `${readings} readings an element`;
      const subject = `claim + decode + ack, ${what}`;
      const one = `LMOVE, decode, LREM, awaited one by one, ${what}`;
      const many = `LMOVE, decode, LREM, pipelined by ${Math.min(PIPELINED, pipelined)}, ${what}`;
      const samples = await interleave(
        {
          [subject]: () => rate(elements, readings, (count) => claimAll(queue, count)),
          [one]: () => rate(elements.slice(0, awaited), readings, (count) => moveOneByOne(client, count)),
          [many]: () => rate(elements.slice(0, pipelined), readings, (count) => movePipelined(client, count)),
        },
        bench.quick ? 3 : 7,
      );
      for (const limit of [one, many]) {
        bench.compare(samples, subject, limit, 'readings/s', `${claimed} elements`);
      }
    }
    await compareClaim(1, {
      claimed: bench.quick ? 20_000 : 50_000,
      pipelined: bench.quick ? 5_000 : 20_000,
      awaited: bench.quick ? 200 : 500,
    });
    await compareClaim(1_000, { claimed: 100, pipelined: 100, awaited: 50 });
    await queue.close();
    client.disconnect();
  });
});
