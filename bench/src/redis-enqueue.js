/**
 * The SDK's enqueue into Redis, without HTTP: against RPUSH of the same bytes by hand, which validates and encodes
 * nothing, as one call and as ioredis bundles single calls by itself (`enableAutoPipelining`). CPU counts redis-server's too.
 */
import { enqueue } from 'hrm-core';
import { openRedisQueue } from 'hrm-core/redis';
import { Redis } from 'ioredis';
import { interleave, perSecond, runFigure, timeMs } from './support/figure.js';
import { makeReadings, toElement, toWire } from './support/readings.js';
import { QUEUE_KEY, withRedis } from './support/redis.js';

const READINGS = 1_000;
const AT_ONCE = 10;
const ELSEWHERE = 'by-hand';

await runFigure('redis-enqueue', async (bench) => {
  await withRedis({ directory: await bench.directory('redis') }, async ({ url, admin, cpuMs }) => {
    const readings = makeReadings({ userId: 'user-1000001', deviceId: 'garmin-forerunner-255', count: READINGS });
    const wire = readings.map(toWire);
    const singles = readings.map((reading) => Buffer.from(JSON.stringify(toElement(reading))));
    const array = Buffer.from(JSON.stringify(readings.map(toElement)));
    const queue = await openRedisQueue({ server: url });
    const hand = new Redis(url);
    const bundled = new Redis(url, { enableAutoPipelining: true });
    const rounds = bench.quick ? 25 : 50;

    /**
     * @param {() => Promise<unknown>} push
     * @param {number} [calls] of 1,000 readings that a push is
     */
    async function rate(push, calls = 1) {
      const beforeMs = await cpuMs();
      const took = await timeMs(async () => {
        for (let done = 0; done < rounds; done += calls) await push();
      });
      const cpu = Number(took.cpu) + (await cpuMs()) - beforeMs;
      await admin.unlink(QUEUE_KEY, ELSEWHERE);
      return { ...perSecond(took, rounds * READINGS), cpu };
    }
    const ten = Array.from({ length: AT_ONCE }, () => array);

    const single = `enqueue, one reading a call, ${READINGS} calls at once`;
    const singleBundled = 'ioredis autopipelining, an RPUSH for each';
    const singleHand = 'one RPUSH of them all';
    const one = `enqueue, ${READINGS} readings a call, one call after the other`;
    const oneHand = 'an RPUSH of their array';
    const many = `enqueue, ${READINGS} readings a call, ${AT_ONCE} calls at once`;
    const manyHand = `an RPUSH of ${AT_ONCE} arrays`;
    const samples = await interleave(
      {
        [single]: () => rate(() => Promise.all(wire.map((reading) => enqueue({ queue }, reading)))),
        [singleBundled]: () => rate(() => Promise.all(singles.map((bytes) => bundled.rpush(ELSEWHERE, bytes)))),
        [singleHand]: () => rate(() => hand.rpush(ELSEWHERE, ...singles)),
        [one]: () => rate(() => enqueue({ queue }, wire)),
        [oneHand]: () => rate(() => hand.rpush(ELSEWHERE, array)),
        [many]: () => rate(() => Promise.all(ten.map(() => enqueue({ queue }, wire))), AT_ONCE),
        [manyHand]: () => rate(() => hand.rpush(ELSEWHERE, ...ten), AT_ONCE),
      },
      bench.quick ? 3 : 7,
    );
    await queue.close();
    hand.disconnect();
    bundled.disconnect();
    for (const limit of [singleBundled, singleHand]) bench.compare(samples, single, limit, 'readings/s');
    bench.compare(samples, one, oneHand, 'readings/s');
    bench.compare(samples, many, manyHand, 'readings/s');
  });
});
