/** Days of readings on the disk, written by the SDK as the service would write them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { compact, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { DAY_MS, makeReadings, START_MS } from './readings.js';

/** Whose readings a data set holds, unless it says otherwise. */
export const USER_ID = 'user-1000001';

/**
 * What to write.
 * @typedef {object} DatasetShape
 * @property {string} directory
 * @property {string} [userId] default {@link USER_ID}
 * @property {readonly string[]} deviceIds all of them measure at the same milliseconds
 * @property {number} days
 * @property {number} stepMs
 * @property {number} [fromMs] of the first day, default `START_MS`
 * @property {number} [spanMs] of each day, default all of it
 * @property {number} [partsPerDay] default 1
 * @property {boolean} [compacted] default true
 */

/**
 * Writes a data directory.
 * @param {DatasetShape} shape
 */
export async function writeDataset({ directory, deviceIds, days, stepMs, ...shape }) {
  const { userId = USER_ID, fromMs = START_MS, spanMs = DAY_MS, partsPerDay = 1, compacted = true } = shape;
  const storage = await openDirectoryStorage({ directory });
  /** @param {number} part the number of readings in all parts before it */
  const before = (part) => Math.floor((part * spanMs) / stepMs / partsPerDay);
  for (let day = 0; day < days; day += 1) {
    for (let part = 0; part < partsPerDay; part += 1) {
      const startMs = fromMs + day * DAY_MS + before(part) * stepMs;
      const series = { userId, startMs, stepMs, count: before(part + 1) - before(part) };
      const readings = deviceIds.flatMap((deviceId) => makeReadings({ ...series, deviceId }));
      await writePart({ storage }, readings);
    }
  }
  if (compacted) await compactAll(storage);
  await storage.close();
}

/**
 * Brings every partition to one file.
 * @param {import('hrm-core').Storage} storage
 */
export async function compactAll(storage) {
  // The first run replaces, the second one deletes what was replaced.
  for (let run = 0; run < 2; run += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
}

/**
 * Writes some minutes of many users, one reading a minute, from the first day on.
 * @param {{ directory: string, users: number, days?: number }} shape
 */
export async function writeUsers({ directory, users, days = 1 }) {
  const storage = await openDirectoryStorage({ directory });
  for (let user = 0; user < users; user += 1) {
    const userId = `user-${2_000_000 + user}`;
    const readings = Array.from({ length: days }, (_, day) =>
      makeReadings({ userId, startMs: START_MS + day * DAY_MS, stepMs: 60_000, count: 60 }),
    );
    await writePart({ storage }, readings.flat());
  }
  await storage.close();
}

/**
 * Paths of the Parquet files in a data directory.
 * @param {string} directory
 */
export function listFiles(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.parquet'))
    .map((entry) => path.join(entry.path, entry.name));
}

/**
 * Reads files and does nothing with them; returns their bytes.
 * @param {readonly string[]} files
 */
export function readBytes(files) {
  let bytes = 0;
  for (const file of files) bytes += readFileSync(file).length;
  return bytes;
}
