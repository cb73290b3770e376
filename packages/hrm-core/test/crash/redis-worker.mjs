// One process on a queue in Redis under test: `node redis-worker.mjs URL`. Pushes and consumes at once, until it is killed;
// writes a line whenever it has pushed or acknowledged something.
import { writeSync } from 'node:fs';
import { openRedisQueue } from 'hrm-core/redis';

const LIMITS = { maxReadings: 300, maxBytes: 1_000_000, maxElements: 50, leaseMs: 150 };
const queue = await openRedisQueue({ server: process.argv[2] });

function upTo(limit) {
  return Math.floor(Math.random() * limit);
}

function makeElement() {
  const readings = Array.from({ length: upTo(2) === 0 ? 1 : 1 + upTo(60) }, () => ({
    device_id: 'd'.repeat(1 + upTo(100)),
    user_id: 'u'.repeat(1 + upTo(100)),
    timestamp_ms: Date.now(),
    heart_rate: 60,
    received_ms: Date.now(),
  }));
  const json = JSON.stringify(readings.length === 1 ? readings[0] : readings);
  return { bytes: Buffer.from(json), readings: readings.length };
}

async function produce() {
  for (;;) {
    await queue.push(Array.from({ length: 1 + upTo(3) }, makeElement));
    writeSync(1, 'pushed\n');
  }
}

async function consume() {
  for (;;) {
    const claim = await queue.claim(LIMITS);
    if (claim === null) continue;
    if (upTo(10) === 0) await queue.release(claim.token);
    else {
      const requeue = upTo(10) === 0 ? [{ ...makeElement(), stampMs: 1 }] : [];
      const deadLetters =
        upTo(10) === 0 ? [{ reason: 'test', bytes: Buffer.from('bad'), stampMs: 1, attempts: 1 }] : [];
      await queue.ack(claim.token, { requeue, deadLetters });
      writeSync(1, 'acked\n');
    }
    if (upTo(20) === 0)
      await queue.deadLetters.redrive((await queue.deadLetters.list({ limit: 5 })).map(({ id }) => id));
    await queue.depth();
  }
}

await Promise.all([produce(), consume()]);
