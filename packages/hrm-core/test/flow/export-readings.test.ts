import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compact } from '../../src/flow/compact/compact.js';
import { exportReadings } from '../../src/flow/read/export-readings.js';
import { writePart } from '../../src/flow/write/write-part.js';
import type { Storage } from '../../src/ports/storage.js';
import { columnsFromReadings, type Reading } from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { partName } from '../../src/pure/partition.js';
import { compareUtf8 } from '../../src/pure/utf8.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';
import { decodeFile, encodeReadings } from '../support/whole-files.js';

const START_MS = Date.UTC(2024, 1, 28);
const DAY_MS = 86_400_000;
const USERS = ['ana', 'Ana', 'bo'];
const DEVICES = ['watch', '😀', '～', 'ring'];

let directory: string;
let storage: Storage;
beforeEach(async () => {
  directory = await mkdtemp(join(MEMORY_DIRECTORY, 'hrm-core-'));
  storage = await openPromptStorage({ directory });
});
afterEach(async () => {
  await storage.close();
  await rm(directory, { recursive: true, force: true });
});

/** Exports, and reads the file back as `[device, timestampMs, heartRate, receivedMinute]`. */
async function exported(input: Parameters<typeof exportReadings>[1]) {
  const pieces: Uint8Array[] = [];
  for await (const piece of exportReadings({ storage }, input)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const file = {
    name: 'part-x.parquet',
    version: 'x',
    byteLength: bytes.length,
    ageMs: 0,
    mask: null,
    read: async (from: number, to: number) => new Uint8Array(bytes.subarray(from, to)).buffer,
  };
  const { columns } = await decodeFile(file, { date: '20240228', directory: 'x' });
  expect(new Set(columns.users).size).toBeLessThanOrEqual(1);
  const rows = Array.from({ length: columns.length }, (_, row) => [
    columns.devices[columns.device[row] as number] as string,
    columns.timestampMs[row] as number,
    columns.heartRate[row] as number,
    columns.receivedMinute[row] as number,
  ]);
  return { rows, pieces, users: columns.users };
}

/** Rule 1, and the order of the files. */
function expected(readings: readonly Reading[], userId: string, fromMs: number, toMs: number) {
  const best = new Map<string, (string | number)[]>();
  for (const { userId: user, deviceId, timestampMs, heartRate, receivedMs } of readings) {
    if (user !== userId || timestampMs < fromMs || timestampMs >= toMs) continue;
    const row = [deviceId, timestampMs, heartRate, Math.floor(receivedMs / 60_000)];
    const key = `${deviceId} ${timestampMs}`;
    const [, , rate = 0, minute = -1] = best.get(key) ?? [];
    if (Number(row[3]) > Number(minute) || (row[3] === minute && heartRate > Number(rate))) best.set(key, row);
  }
  return [...best.values()].sort((a, b) => compareUtf8(String(a[0]), String(b[0])) || Number(a[1]) - Number(b[1]));
}

describe('exportReadings', () => {
  it('holds what rule 1 keeps of one user, sorted as stored files are', async () => {
    const random = randomFrom(testSeed());
    const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T;
    const all: Reading[] = [];
    for (let batch = 0; batch < 8; batch += 1) {
      const readings = Array.from({ length: 1_500 }, (_, i) => ({
        // Some batches are of very many users, and so shared parts.
        userId: batch % 2 === 0 && i % 3 === 0 ? `crowd-${i}` : pick(USERS),
        deviceId: pick(DEVICES),
        timestampMs: START_MS + Math.floor(random() * 400) * 1_000_000,
        heartRate: 30 + Math.floor(random() * 191),
        receivedMs: START_MS + 20 * DAY_MS + Math.floor(random() * 5) * 60_000,
      }));
      all.push(...readings);
      await writePart({ storage }, readings);
      if (batch % 3 === 2) await compact({ storage }, { all: batch === 5 });
    }
    for (const userId of USERS) {
      for (const [fromMs, toMs] of [
        [START_MS, START_MS + 10 * DAY_MS],
        [START_MS + 5_000_000, START_MS + 2 * DAY_MS - 5_000_000],
      ] as const) {
        const { rows, users } = await exported({ userId, start: fromMs, end: toMs });
        expect(rows.length).toBeGreaterThan(50);
        expect(rows).toEqual(expected(all, userId, fromMs, toMs));
        expect(users).toEqual([userId]);
        const ofRing = await exported({ userId, start: fromMs, end: toMs, deviceId: 'ring' });
        expect(ofRing.rows).toEqual(rows.filter(([device]) => device === 'ring'));
      }
    }
  });

  it('goes on in pieces through a day that is too large to be held', async () => {
    const readings = Array.from({ length: 300_000 }, (_, i) => ({
      userId: 'ana',
      deviceId: 'strap',
      timestampMs: START_MS + i * 250,
      heartRate: 60 + (i % 100),
      receivedMs: START_MS + DAY_MS,
    }));
    await writePart({ storage }, readings.slice(0, 200_000));
    await writePart({ storage }, readings.slice(100_000));
    const { rows, pieces } = await exported({ userId: 'ana', start: START_MS, end: START_MS + DAY_MS });
    expect(rows).toEqual(expected(readings, 'ana', START_MS, START_MS + DAY_MS));
    // A piece a row group: none holds much of the whole.
    expect(pieces.length).toBeGreaterThan(3);
  });

  it('goes by the column: a file system that does not tell Ana from ana keeps both in one file', async () => {
    const readings = ['Ana', 'ana'].map((userId) => ({
      userId,
      deviceId: `watch of ${userId}`,
      timestampMs: START_MS,
      heartRate: 60,
      receivedMs: START_MS,
    }));
    const bytes = encodeReadings(mergeReadings([columnsFromReadings(readings)]));
    await storage.publish({ date: '20240228', directory: 'ana' }, partName(bytes), bytes);
    const { rows } = await exported({ userId: 'ana', start: START_MS, end: START_MS + 1 });
    expect(rows).toEqual([['watch of ana', START_MS, 60, START_MS / 60_000]]);
  });

  it('of nobody is a file without rows; a wrong question is refused at once', async () => {
    expect((await exported({ userId: 'nobody', start: 0, end: 1 })).rows).toEqual([]);
    expect(() => exportReadings({ storage }, { userId: '', start: 1, end: 0 })).toThrow(/userId.*start must not be/s);
  });

  it('ends when it is aborted', async () => {
    await writePart({ storage }, [
      { userId: 'ana', deviceId: 'w', timestampMs: START_MS, heartRate: 60, receivedMs: START_MS },
    ]);
    const options = { signal: AbortSignal.abort() };
    const all = exportReadings({ storage }, { userId: 'ana', start: START_MS, end: START_MS + 1 }, options);
    await expect(all.next()).rejects.toMatchObject({ kind: 'closed' });
  });
});
