/** One step of draining: a batch of 50,000 readings of so many users, from the queue into parts. */
import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { drainBatch, enqueue } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { perSecond, timeMs } from './figure.js';
import { makeReadings, START_MS, toWire } from './readings.js';

/** Readings of a batch. */
export const READINGS = 50_000;
const PER_CALL = 10_000;
/** Files written at once where they are written bare. */
export const IN_FLIGHT = 32;

/**
 * Fills a queue as clients do: each device sends what it measured, batch after batch.
 * @param {import('hrm-core').Queue} queue
 * @param {number} users
 * @param {number} startMs
 */
export async function fill(queue, users, startMs) {
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
 * Draining and its limit for a number of users. Each drain fills the queue first, which does not count.
 * @param {import('./figure.js').Bench} bench
 * @param {number} users
 */
export async function openDrain(bench, users) {
  const directory = await bench.directory('drain');
  const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue') });
  /** Parts and their bytes, told by the drain that ran before. */
  let files = users;
  let byteLength = 1_000;
  let batch = 0;
  let bare = path.join(directory, 'bare');
  let data = await openDirectoryStorage({ directory: path.join(directory, 'data') });

  /** @param {boolean} isNew into a storage that knows none of these users */
  async function drain(isNew) {
    batch += 1;
    if (isNew) {
      await data.close();
      data = await openDirectoryStorage({ directory: path.join(directory, `data-${batch}`) });
    }
    await fill(queue, users, START_MS + (batch % 10) * 7_200_000);
    const took = await timeMs(async () => {
      const { claimed, parts } = await drainBatch({ queue, storage: data });
      const stored = parts.reduce((sum, part) => sum + part.readings, 0);
      if (claimed !== READINGS || stored !== READINGS) throw new Error(`${claimed} readings claimed, ${stored} stored`);
      files = parts.length;
      byteLength = Math.round(parts.reduce((sum, part) => sum + part.byteLength, 0) / files);
    });
    return perSecond(took, READINGS);
  }
  /**
   * As many files of that size as the last drain wrote.
   * @param {boolean} isNew
   */
  async function writeBare(isNew) {
    batch += 1;
    const name = createHash('md5').update(String(batch)).digest('hex');
    if (isNew) bare = path.join(directory, `bare-${batch}`);
    return perSecond(await timeMs(() => writeFiles({ directory: bare, files, byteLength, name })), READINGS);
  }
  async function close() {
    await data.close();
    await queue.close();
  }
  return { drain, writeBare, close, note: () => `${files} parts of ${byteLength} bytes` };
}
