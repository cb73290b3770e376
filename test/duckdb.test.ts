import fc from 'fast-check';
import { compact, type Reading, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { expect, it } from 'vitest';
import { answerByUser, openDuckDb, rulesSql } from './support/duckdb.js';
import { environment, getRows, startService, temporaryDirectory, type WireRow } from './support/hrm.js';
import { expectSame } from './support/same.js';

const SEED = Number(process.env.HRM_SEED ?? Date.now() % 2 ** 31);
const START_MS = Date.UTC(2024, 1, 28, 22);
const RANGE = { start: '2024-02-28T00:00:00Z', end: '2024-03-03T00:00:00Z' };
const DEVICES = ['watch', 'strap', '😀', '～', 'ring'];
const PRIORITY = { ring: 1, watch: 2, '～': 2 };
const PRIORITY_SQL = "CASE device_id WHEN 'ring' THEN 1 WHEN 'watch' THEN 2 WHEN '～' THEN 2 ELSE 3 END";

const anyReading: fc.Arbitrary<Reading> = fc.record({
  userId: fc.constantFrom('Ana', 'ana', '../x', '😀'),
  deviceId: fc.constantFrom(...DEVICES),
  timestampMs: fc
    .oneof(
      fc.integer({ min: 0, max: 300 }).map((n) => n * 1_000),
      fc.nat(50 * 3_600_000),
    )
    .map((ms) => START_MS + ms),
  heartRate: fc.integer({ min: 30, max: 220 }),
  receivedMs: fc.nat(10 * 60_000).map((ms) => START_MS + ms),
});

async function compare(
  url: string,
  expected: Map<string, WireRow[]>,
  question: Record<string, string> = {},
): Promise<void> {
  expect(expected.size).toBe(4);
  for (const [user, rows] of expected) expectSame(await getRows(url, { ...RANGE, ...question, user_id: user }), rows);
}

it(`DuckDB over the same directory gives the minutes that GET gives (HRM_SEED=${SEED} repeats it)`, async () => {
  console.log(`duckdb: HRM_SEED=${SEED}`);
  const duckdb = await openDuckDb();
  for (let history = 0; history < 8; history += 1) {
    const directory = await temporaryDirectory();
    const env = environment(directory, { HRM_DEVICE_PRIORITY: JSON.stringify(PRIORITY), HRM_SWEEP_AFTER_MS: '0' });
    const service = await startService(env, '--only', 'api');
    const storage = await openDirectoryStorage({ directory: String(env.HRM_DATA_DIR) });
    const arbitrary = fc.array(anyReading, { minLength: 300, maxLength: 400, size: 'max' });
    const batches = fc.sample(arbitrary, { seed: SEED + history, numRuns: 8 });
    const stored = `read_parquet('${env.HRM_DATA_DIR}/*/*/*.parquet')`;
    for (const [b, batch] of batches.entries()) {
      await writePart({ storage }, batch);
      if (b % 3 === 2) expect((await compact({ storage }, { all: true, sweepAfterMs: 0 })).failures).toEqual([]);
      await compare(service.url, await answerByUser(duckdb, rulesSql(stored, PRIORITY_SQL)));
    }
    const quarters = await answerByUser(duckdb, rulesSql(stored, PRIORITY_SQL, 900_000), 900_000);
    await compare(service.url, quarters, { interval: '15m' });
    const strap = await answerByUser(duckdb, rulesSql(`(FROM ${stored} WHERE device_id = 'strap')`));
    await compare(service.url, strap, { device_id: 'strap' });
    await storage.close();
    expect(await service.end('SIGTERM')).toBe(0);
  }
});
