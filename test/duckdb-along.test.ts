/** DuckDB, which knows nothing of grace or of what replaces what, reads along while shared parts go home. */
import { setTimeout as delay } from 'node:timers/promises';
import { compact, type Reading, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { expect, it } from 'vitest';
import { openDuckDb } from './support/duckdb.js';
import { temporaryDirectory } from './support/hrm.js';

const START_MS = Date.UTC(2024, 0, 15);
const USERS = 300;
const GRACE_MS = 2_000;
const LASTS_MS = 8_000;

function batch(b: number): Reading[] {
  return Array.from({ length: USERS }, (_, user) => {
    const timestampMs = START_MS + b * 1_000;
    return { userId: `user-${user}`, deviceId: 'watch', timestampMs, heartRate: 60 + (b % 90), receivedMs: START_MS };
  });
}

it('DuckDB never silently sees fewer readings than are stored while shared parts go home', {
  timeout: 240_000,
}, async () => {
  const data = await temporaryDirectory();
  const duckdb = await openDuckDb();
  const storage = await openDirectoryStorage({ directory: data });
  const all = `SELECT count(DISTINCT (user_id, timestamp_ms)) FROM read_parquet('${data}/*/*/*.parquet')`;
  let [stored, seen, failed, compacted, swept, isOver] = [0, 0, 0, 0, 0, false];

  async function write(): Promise<void> {
    for (let b = 0; !isOver; b += 1) {
      await writePart({ storage }, batch(b));
      stored += USERS;
      await delay(400);
    }
  }

  async function splitShared(): Promise<void> {
    while (!isOver) {
      const summary = await compact({ storage }, { all: true, sweepAfterMs: GRACE_MS });
      expect(summary.failures).toEqual([]);
      compacted += summary.compacted;
      swept += summary.swept;
      await delay(100);
    }
  }

  async function read(): Promise<void> {
    const endMs = performance.now() + LASTS_MS;
    try {
      // As long on a busy machine as there is something to see.
      while (performance.now() < endMs || compacted <= USERS || swept === 0) {
        const before = stored;
        try {
          const reader = await duckdb.runAndReadAll(all);
          const count = Number(reader.getRowsJS()[0]?.[0]);
          expect(count).toBeGreaterThanOrEqual(before);
          seen += 1;
        } catch (error) {
          // A file that was listed and has been swept since, or none yet; or one that was replaced after DuckDB had read its end, and
          // that it opens anew for its pages: said aloud, and tried again.
          if (!/IO Error|TProtocolException/.test(String(error))) throw error;
          failed += 1;
        }
      }
    } finally {
      isOver = true;
    }
  }

  await Promise.all([write(), splitShared(), read()]);
  await storage.close();
  expect(compacted).toBeGreaterThan(USERS);
  expect(swept).toBeGreaterThan(0);
  expect(seen).toBeGreaterThan(10);
  console.log(
    `DuckDB read along ${seen} times, and tried again ${failed} times; ${compacted} files made, ${swept} swept`,
  );
});
