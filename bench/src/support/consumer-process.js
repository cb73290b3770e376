/**
 * A consumer in a process of its own: `consumer-process.js REDIS_URL DATA_DIR`. At the message `drain` it works until the
 * queue is empty, at `compute` it decodes for a while without Redis and disk; then it tells the readings that it took and
 * its CPU time, and it ends with the parent.
 */
import { drainBatch } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { openRedisQueue } from 'hrm-core/redis';
import { makeReadings, toElement } from './readings.js';

const [url = '', directory = ''] = process.argv.slice(2);
const COMPUTE_MS = 500;

const queue = await openRedisQueue({ server: url });
const storage = await openDirectoryStorage({ directory });
const element = JSON.stringify(makeReadings({ userId: 'user-1000001', count: 1_000 }).map(toElement));

async function drain() {
  let readings = 0;
  for (;;) {
    const { claimed, outcome } = await drainBatch({ queue, storage });
    if (outcome === 'empty') return readings;
    if (outcome === 'stale') throw new Error('the lease of a batch ended: this machine is too busy to measure');
    readings += claimed;
  }
}

function compute() {
  const endMs = performance.now() + COMPUTE_MS;
  let readings = 0;
  while (performance.now() < endMs) readings += JSON.parse(element).length;
  return readings;
}

process.on('disconnect', () => process.exit());
process.on('message', async (message) => {
  const before = process.cpuUsage();
  const readings = message === 'drain' ? await drain() : compute();
  const { user, system } = process.cpuUsage(before);
  process.send?.({ readings, cpuMs: (user + system) / 1_000 });
});
process.send?.('ready');
