/** Days of readings on the disk, written by the SDK as the service would write them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { compact, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { DAY_MS, makeReadings, START_MS } from './readings.js';

/**
 * What to write.
 * @typedef {object} DatasetShape
 * @property {string} directory
 * @property {string} userId
 * @property {readonly string[]} deviceIds all of them measure at the same milliseconds
 * @property {number} days
 * @property {number} stepMs
 * @property {number} [partsPerDay] default 1
 * @property {boolean} [compacted] default true
 */

/**
 * Writes a data directory.
 * @param {DatasetShape} shape
 */
export async function writeDataset({ directory, userId, deviceIds, days, stepMs, partsPerDay = 1, compacted = true }) {
  const storage = await openDirectoryStorage({ directory });
  for (let day = 0; day < days; day += 1) {
    const count = DAY_MS / stepMs / partsPerDay;
    for (let part = 0; part < partsPerDay; part += 1) {
      const startMs = START_MS + day * DAY_MS + part * count * stepMs;
      const readings = deviceIds.flatMap((deviceId) => makeReadings({ userId, deviceId, startMs, stepMs, count }));
      await writePart({ storage }, readings);
    }
  }
  if (compacted) {
    await compact({ storage }, { all: true, sweepAfterMs: 0 });
    // The first run replaces, the second one deletes what was replaced.
    await compact({ storage }, { all: true, sweepAfterMs: 0 });
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
