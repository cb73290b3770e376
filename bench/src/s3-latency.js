/** What a service on the network costs: draining and questions over S3 that answers after 35 ms, against a directory. */
import { fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compactAll, drainBatches, query, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { givenCredentials, openS3Storage } from 'hrm-core/s3';
import { fill, READINGS } from './support/drain-step.js';
import { interleave, perSecond, runFigure, timeMs } from './support/figure.js';
import { DAY_MS, makeReadings, START_MS } from './support/readings.js';

const LATENCY_MS = 35;
const USERS = 1_000;
/** Batches of a backlog: so many that the wait for the last one is little of it. */
const BATCHES = 30;
const PROGRAM = fileURLToPath(new URL('./support/s3-process.js', import.meta.url));

/** @returns {Promise<{ endpoint: string, end: () => void }>} */
function startS3() {
  const child = fork(PROGRAM, [String(LATENCY_MS)]);
  return new Promise((resolve, reject) => {
    child.once('message', (port) =>
      resolve({ endpoint: `http://127.0.0.1:${port}`, end: () => void child.disconnect() }),
    );
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)));
  });
}

await runFigure('s3-latency', async (bench) => {
  const { endpoint, end } = await startS3();
  const credentials = givenCredentials({ accessKeyId: 'id', secretAccessKey: 'secret' });
  /** @param {string} [cacheDir] */
  const openS3 = (cacheDir) => openS3Storage({ url: 's3://bucket/data', endpoint, credentials, cacheDir });
  const directory = await bench.directory('s3');
  const storages = {
    s3: await openS3(),
    directory: await openDirectoryStorage({ directory: path.join(directory, 'data') }),
  };

  const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue') });
  let batch = 0;
  /** @param {import('hrm-core').Storage} storage */
  async function drain(storage) {
    for (let i = 0; i < BATCHES; i += 1) {
      batch += 1;
      await fill(queue, USERS, START_MS - DAY_MS + (batch % 10) * 7_200_000);
    }
    // The queue's first store would be its only one.
    const fresh = { ...queue, store: { get: async () => null, remember: async (/** @type {string} */ id) => id } };
    const took = await timeMs(async () => {
      const { claimed } = await drainBatches({ queue: fresh, storage });
      if (claimed !== BATCHES * READINGS) throw new Error(`${claimed} readings claimed`);
    });
    return perSecond(took, BATCHES * READINGS);
  }
  const drains = await interleave(
    { 'drained into S3': () => drain(storages.s3), 'into a directory': () => drain(storages.directory) },
    bench.quick ? 2 : 9,
  );
  const note = `${USERS} users, ${LATENCY_MS} ms a request`;
  bench.compare(drains, 'drained into S3', 'into a directory', 'readings/s', note, { ratio: 0.8 });
  await queue.close();

  const days = bench.quick ? 30 : 365;
  for (const storage of Object.values(storages)) {
    for (let day = 0; day < days; day += 1) {
      const startMs = START_MS + day * DAY_MS;
      await writePart(
        { storage },
        makeReadings({ userId: 'ana', deviceId: 'watch', startMs, count: 8_640, stepMs: 10_000 }),
      );
    }
    await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
    await storage.close();
  }
  const cacheDir = path.join(directory, 'cache');
  /** A process that has just started. @param {() => Promise<import('hrm-core').Storage>} open @param {'1m' | '1d'} interval */
  async function ask(open, interval) {
    const storage = await open();
    const question = { userId: 'ana', start: START_MS, end: START_MS + days * DAY_MS, interval };
    const took = await timeMs(async () => {
      const rows = await query({ storage }, question);
      if (rows.length !== days * (interval === '1d' ? 1 : 1_440)) throw new Error(`${rows.length} rows`);
    });
    await storage.close();
    return took;
  }
  const local = () => openDirectoryStorage({ directory: path.join(directory, 'data') });
  for (const interval of /** @type {const} */ (['1d', '1m'])) {
    const of = `${days} days by ${interval}`;
    const samples = await interleave(
      {
        [`${of}, from S3`]: () => ask(() => openS3(), interval),
        [`${of}, cached on the disk`]: () => ask(() => openS3(cacheDir), interval),
        'from a directory': () => ask(local, interval),
      },
      bench.quick ? 1 : 5,
    );
    const targets = bench.quick ? [] : [{ value: 3_000 }, { value: 300 }];
    bench.compare(samples, `${of}, from S3`, 'from a directory', 'ms', `${LATENCY_MS} ms a request`, targets[0]);
    bench.compare(samples, `${of}, cached on the disk`, 'from a directory', 'ms', 'a new process', targets[1]);
  }
  end();
});
