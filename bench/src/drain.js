/** One batch of 50,000 readings from the queue into parts: against files of the same number and size, each synced. */
import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { drainBatch, enqueue } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { interleave, perSecond, runFigure, timeMs } from './support/figure.js';
import { makeReadings, START_MS, toWire } from './support/readings.js';

const READINGS = 50_000;
const PER_CALL = 10_000;
const IN_FLIGHT = 32;

/**
 * Fills a queue as clients do: each device sends what it measured, batch after batch.
 * @param {import('hrm-core').Queue} queue
 * @param {number} users
 * @param {number} startMs
 */
async function fill(queue, users, startMs) {
  const count = READINGS / users;
  const readings = Array.from({ length: users }, (_, user) =>
    makeReadings({ userId: `user-${1_000_000 + user}`, deviceId: 'garmin-forerunner-255', startMs, count }),
  ).flat();
  for (let from = 0; from < READINGS; from += PER_CALL) {
    await enqueue({ queue }, readings.slice(from, from + PER_CALL).map(toWire));
  }
}

/**
 * Writes files of one size durably, several at a time, each into a directory of its own.
 * @param {{ directory: string, files: number, byteLength: number, name: string }} shape
 */
async function writeFiles({ directory, files, byteLength, name }) {
  const bytes = Buffer.alloc(byteLength, 1);
  let next = 0;
  async function writeNext() {
    while (next < files) {
      const parent = path.join(directory, `user-${next}`);
      next += 1;
      await mkdir(parent, { recursive: true });
      await synced(path.join(parent, name), 'wx', bytes);
      await synced(parent, 'r', null);
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, writeNext));
}

/**
 * @param {string} file
 * @param {string} flags
 * @param {Uint8Array | null} bytes
 */
async function synced(file, flags, bytes) {
  const handle = await open(file, flags);
  try {
    if (bytes !== null) await handle.write(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * @param {import('./support/figure.js').Bench} bench
 * @param {number} users
 */
async function compareDrain(bench, users) {
  const directory = await bench.directory('drain');
  const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue') });
  /** Bytes a part, told by the drain that ran before. */
  let byteLength = 1_000;
  let batch = 0;
  /** @type {import('hrm-core').Storage | null} */
  let storage = null;

  /** @param {boolean} isNew into a storage that knows none of these users */
  async function drain(isNew) {
    batch += 1;
    if (isNew || storage === null) {
      await storage?.close();
      storage = await openDirectoryStorage({ directory: path.join(directory, `data-${batch}`) });
    }
    await fill(queue, users, START_MS + (batch % 10) * 7_200_000);
    const components = { queue, storage };
    const took = await timeMs(async () => {
      const { claimed, parts } = await drainBatch(components);
      if (claimed !== READINGS || parts.length !== users)
        throw new Error(`${claimed} readings in ${parts.length} parts`);
      byteLength = Math.round(parts.reduce((sum, part) => sum + part.byteLength, 0) / parts.length);
    });
    return perSecond(took, READINGS);
  }
  /** @param {boolean} isNew */
  async function files(isNew) {
    batch += 1;
    const name = createHash('md5').update(String(batch)).digest('hex');
    if (isNew) bare = path.join(directory, `bare-${batch}`);
    const shape = { directory: bare, files: users, byteLength, name };
    return perSecond(await timeMs(() => writeFiles(shape)), READINGS);
  }
  let bare = path.join(directory, 'bare');

  for (const isNew of [true, false]) {
    const when = isNew ? 'their first batch of the day' : 'a later batch';
    const subject = `drainBatch of ${READINGS} from ${users} users, ${when}`;
    const limit = `${users} files + their directories, synced, ${IN_FLIGHT} in flight`;
    const samples = await interleave(
      { [subject]: () => drain(isNew), [limit]: () => files(isNew) },
      bench.quick ? 2 : 5,
    );
    bench.compare(samples, subject, limit, 'readings/s', `${byteLength} bytes a part`);
  }
  await queue.close();
}

await runFigure('drain', async (bench) => {
  await compareDrain(bench, 10);
  await compareDrain(bench, 1_000);
});
