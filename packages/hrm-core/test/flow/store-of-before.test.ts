/**
 * A store of the version before is answered from and compacted by this one. test/data/store-of-before was written while hyparquet-writer
 * laid out all pages, and rollups were of versions 1 (ana) and 2 (ben, who has 40 devices). It has a part that is in no compacted file yet, and
 * a shared one.
 */
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { oracleAnswer } from '../property/oracle.js';
import { withDirectory } from '../support/temporary-directory.js';

const STORE = fileURLToPath(new URL('../data/store-of-before', import.meta.url));
const DAY_MS = Date.UTC(2024, 0, 15);

/** What was stored. */
function readingsOfBefore(): Reading[] {
  const all: Reading[] = [];
  function add(userId: string, deviceId: string, offsetMs: number, heartRate: number): void {
    const timestampMs = DAY_MS + offsetMs;
    all.push({ userId, deviceId, timestampMs, heartRate, receivedMs: timestampMs + 2_000 });
  }
  for (let i = 0; i < 2_400; i += 1) add('ana', 'watch', i * 1_000, 60 + ((i * 7) % 31));
  for (let i = 0; i < 1_200; i += 1) add('ana', 'strap', i * 2_000, 61 + ((i * 11) % 29));
  for (let d = 0; d < 40; d += 1)
    for (let m = 0; m < 3; m += 1) add('ben', `d${d}`, m * 60_000 + (m === 2 ? d : 0), 40 + ((d * 7 + m) % 100));
  for (let u = 0; u < 60; u += 1)
    for (let i = 0; i < 2; i += 1) add(`user-${u}`, 'watch', i * 60_000, 70 + (u % 50) + i);
  return all;
}

async function expectAnswers(storage: Storage, readings: readonly Reading[]): Promise<void> {
  for (const userId of ['ana', 'ben', 'user-0', 'user-59'])
    for (const deviceId of [undefined, 'watch'])
      for (const [start, end] of [
        [DAY_MS, DAY_MS + 86_400_000],
        [DAY_MS + 61_001, DAY_MS + 1_234_567],
      ] as const) {
        const asked = { userId, deviceId, fromMs: start, toMs: end, intervalMs: 60_000, priority: {} };
        const rows = await query({ storage }, { userId, deviceId, start, end });
        expect(rows, JSON.stringify(asked)).toEqual(oracleAnswer(readings, asked));
      }
}

it('answers from it, finds nothing wrong with it, and compacts it with what comes', () =>
  withDirectory(async (directory) => {
    cpSync(STORE, directory, { recursive: true });
    const before = readingsOfBefore();
    const storage = await openDirectoryStorage({ directory });
    await expectAnswers(storage, before);
    expect(await verify({ storage })).toMatchObject({ faultCount: 0 });
    const added = before
      .filter(({ userId }) => userId === 'ana')
      .map((reading) => ({ ...reading, deviceId: 'ring', timestampMs: reading.timestampMs + 500 }));
    await writePart({ storage }, added);
    await expectAnswers(storage, [...before, ...added]);
    for (let run = 0; run < 3; run += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
    await expectAnswers(storage, [...before, ...added]);
    expect(await verify({ storage })).toMatchObject({ faultCount: 0 });
    await storage.close();
  }));
