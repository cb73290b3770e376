/** A Parquet file is the readings that are in it, whoever wrote it, and what is no such file is refused. */
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { enqueueParquet, enqueueUntrusted, isHrmError, type QueueElement } from '../../src/index.js';
import { columnsFromReadings } from '../../src/pure/columns.js';
import { testSeed } from '../support/random.js';
import { withDirectory } from '../support/temporary-directory.js';
import { encodeReadings } from '../support/whole-files.js';

const NOW_MS = Date.parse('2024-01-15T12:00:00Z');
const clock = { nowMs: () => NOW_MS };

interface Row {
  readonly user_id: string;
  readonly device_id: string;
  readonly timestamp_ms: number;
  readonly heart_rate: number;
}

/** What is pushed, or what is wrong. */
async function outcome(take: (queue: { push(elements: readonly QueueElement[]): Promise<void> }) => Promise<unknown>) {
  const pushed: QueueElement[] = [];
  const queue = { push: async (elements: readonly QueueElement[]) => void pushed.push(...elements) };
  try {
    return { accepted: await take(queue), readings: pushed.reduce((sum, { readings }) => sum + readings, 0) };
  } catch (error) {
    if (!isHrmError(error)) throw error;
    const paths = error.faults.map(({ path, message }) => `${path} ${message}`).sort();
    return { code: error.code, paths, faultCount: error.faultCount, message: error.message };
  }
}

function ofFile(bytes: Uint8Array, options = {}) {
  return outcome((queue) => enqueueParquet({ queue, clock }, bytes, options));
}

function write(rows: readonly Row[], more: readonly { name: string; data: unknown[]; type: 'INT32' }[] = []) {
  const columnData = [
    { name: 'heart_rate', type: 'INT32' as const, data: rows.map((row) => row.heart_rate) },
    { name: 'user_id', type: 'STRING' as const, data: rows.map((row) => row.user_id) },
    { name: 'timestamp_ms', type: 'INT64' as const, data: rows.map((row) => BigInt(row.timestamp_ms)) },
    { name: 'device_id', type: 'STRING' as const, data: rows.map((row) => row.device_id) },
    ...more,
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

const GOOD: Row = { user_id: 'ana', device_id: 'watch', timestamp_ms: NOW_MS - 5_000, heart_rate: 70 };

const row = fc.record({
  user_id: fc.constantFrom('ana', 'ben', 'añа🫀', '', 'x'.repeat(129)),
  device_id: fc.constantFrom('watch', 'strap', 'a\u0007'),
  timestamp_ms: fc.constantFrom(NOW_MS, NOW_MS - 1, 0, -1, NOW_MS + 90_000_000, 2 ** 53 - 1),
  heart_rate: fc.constantFrom(29, 30, 72, 220, 221),
});
const goodRow = fc.record({
  user_id: fc.constantFrom('ana', 'ben', 'añа🫀'),
  device_id: fc.constantFrom('watch', 'strap'),
  timestamp_ms: fc.integer({ min: NOW_MS - 10_000, max: NOW_MS }),
  heart_rate: fc.integer({ min: 30, max: 220 }),
});

describe('a Parquet file', () => {
  it('has the verdict of its rows as readings, and their faults', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof({ weight: 30, arbitrary: goodRow }, row), { minLength: 1 }), async (rows) => {
        const readings = rows.map(({ timestamp_ms, ...rest }) => {
          const isInstant = timestamp_ms >= 0 && timestamp_ms < 8.64e15;
          return { ...rest, timestamp: isInstant ? new Date(timestamp_ms).toISOString() : 'none' };
        });
        const whole = await outcome((queue) => enqueueUntrusted({ queue, clock }, readings, { wireOnly: true }));
        const found = await ofFile(write(rows));
        accepted += 'accepted' in found ? 1 : 0;
        if ('accepted' in whole) expect(found).toEqual(whole);
        else expect(found.code).toBe(whole.code);
        // Of the rows of one device the id is told once; every other fault is told of its row.
        const rowsOf = (paths: readonly string[] = []) =>
          new Set(paths.filter((path) => path.includes('/heart_rate')).map((path) => path.split('/')[1]));
        expect(rowsOf(found.paths)).toEqual(rowsOf(whole.paths));
      }),
      { seed: testSeed(), numRuns: 300 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  it('may be one of ours, one of DuckDB, one of other columns and orders, of 100,000 rows', async () => {
    const readings = Array.from({ length: 100_000 }, (_, i) => ({
      userId: `user-${Math.floor(i / 1_000)}`,
      deviceId: 'watch',
      timestampMs: NOW_MS - i * 1_000,
      heartRate: 60 + (i % 100),
      receivedMs: 0,
    })).sort((a, b) => (a.userId < b.userId ? -1 : a.userId > b.userId ? 1 : a.timestampMs - b.timestampMs));
    expect(await ofFile(encodeReadings(columnsFromReadings(readings)))).toEqual({
      accepted: { accepted: 100_000 },
      readings: 100_000,
    });
    await withDirectory(async (directory) => {
      const { readFileSync } = await import('node:fs');
      const duckdb = await (await DuckDBInstance.create()).connect();
      for (const codec of ['snappy', 'zstd', 'uncompressed']) {
        await duckdb.run(`COPY (SELECT 'ana' AS user_id, 'd' || (i % 7) AS device_id, ${NOW_MS} - i * 10 AS timestamp_ms,
          (60 + i % 90)::INTEGER AS heart_rate, i AS more FROM range(100000) t(i)) TO '${directory}/x.parquet' (FORMAT parquet, CODEC '${codec}')`);
        const found = await ofFile(readFileSync(`${directory}/x.parquet`));
        expect(found, codec).toEqual({ accepted: { accepted: 100_000 }, readings: 100_000 });
      }
      duckdb.closeSync();
    });
    expect(await ofFile(write([GOOD], [{ name: 'received_minute', type: 'INT32', data: [7] }]))).toMatchObject({
      readings: 1,
    });
  });

  it('is asked about before it is judged, and refused as a whole', async () => {
    const asked: unknown[] = [];
    const admit = (batch: unknown) => {
      asked.push(batch);
      throw new TypeError('not these');
    };
    const rows = [GOOD, { ...GOOD, user_id: 'ben', heart_rate: 7 }, GOOD];
    await expect(ofFile(write(rows), { admit })).rejects.toThrow('not these');
    expect(asked).toEqual([{ length: 3, users: ['ana', 'ben'], devices: ['watch'] }]);
    expect(await ofFile(write(rows))).toMatchObject({ code: 'invalid_readings', faultCount: 1 });
  });

  it('is refused with what is wrong where it is none, has too much, or lacks a column', async () => {
    const many = Array.from({ length: 100_001 }, () => GOOD);
    const lacking = parquetWriteBuffer({ columnData: [{ name: 'bpm', type: 'INT32', data: [70] }] });
    for (const [bytes, why] of [
      [Buffer.from(''), /shorter than the end/],
      [Buffer.from('[{"user_id":"ana"}]'), /does not end with PAR1|longer than itself/],
      [write(many), /more than 100000 rows/],
      [new Uint8Array(lacking), /its columns are bpm, and timestamp_ms is not among them/],
      [write([GOOD]).slice(0, -9), /./],
    ] as const)
      expect(await ofFile(bytes), String(why)).toMatchObject({
        code: 'invalid_parquet',
        message: expect.stringMatching(why),
      });
    expect(await ofFile(write([]))).toMatchObject({ code: expect.stringMatching(/empty_batch|invalid_parquet/) });
  });

  it('ends nothing and takes nothing that is wrong, wherever a bit is flipped or it is cut', async () => {
    const bytes = write(Array.from({ length: 40 }, (_, i) => ({ ...GOOD, timestamp_ms: NOW_MS - i * 1_000 })));
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      for (const wrong of [flipped, bytes.subarray(0, at)]) {
        const found = await ofFile(wrong);
        refused += 'code' in found ? 1 : 0;
        if ('code' in found) expect(found.code).toMatch(/^(?:invalid_parquet|invalid_readings|empty_batch)$/);
      }
    }
    expect(refused).toBeGreaterThan(bytes.length);
  });
});
