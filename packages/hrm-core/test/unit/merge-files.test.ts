/** Merging and building in pieces, against merging and rolling up everything at once. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { buildFile } from '../../src/flow/files/build-file.js';
import { mergeFiles } from '../../src/flow/files/merge-files.js';
import type { StoredFile } from '../../src/ports/storage.js';
import {
  columnsFromReadings,
  concatColumns,
  type Reading,
  type ReadingColumns,
  sameReadings,
} from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { sameRollup } from '../../src/pure/rollup/rollup.js';
import { rollUp } from '../support/roll-up.js';
import { decodeBytes, encodeReadings } from '../support/whole-files.js';

const DAY_MS = Date.UTC(2024, 0, 15);
const SEED = Number(process.env.HRM_SEED ?? Date.now() % 2 ** 31);
const PARTITION = { date: '20240115', directory: 'ana' };
const REPLACED = `part-${'a'.repeat(32)}.parquet`;

function inMemory(bytes: Uint8Array<ArrayBuffer>, name: string): StoredFile & { reads: number; largest: number } {
  const file = {
    name,
    version: name,
    byteLength: bytes.length,
    ageMs: 0,
    mask: null,
    reads: 0,
    largest: 0,
    async read(from: number, to: number) {
      file.reads += 1;
      file.largest = Math.max(file.largest, to - from);
      return bytes.slice(from, to).buffer;
    },
  };
  return file;
}

const anyTable = fc
  .array(
    fc.record({
      userId: fc.constantFrom('ana', 'Ana', '😀', '～'),
      deviceId: fc.constantFrom('strap', 'watch', 'é'),
      timestampMs: fc.integer({ min: DAY_MS, max: DAY_MS + 3_000 }),
      heartRate: fc.integer({ min: 30, max: 220 }),
      receivedMs: fc.integer({ min: DAY_MS, max: DAY_MS + 200_000 }),
    }),
    { minLength: 1, maxLength: 3_000, size: 'max' },
  )
  .map((readings: Reading[]) => mergeReadings([columnsFromReadings(readings)]));

it(`merges files of many row groups as it merges tables (HRM_SEED=${SEED})`, { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyTable, { minLength: 1, maxLength: 4 }),
      anyTable,
      fc.constantFrom(300, 2_000),
      async (tables, extra, heldRows) => {
        const files = tables.map((table, i) => inMemory(encodeReadings(table, { shared: true }), `part-${i}.parquet`));
        const inputs = files.map((file) => ({ file, partition: PARTITION }));
        const merged: ReadingColumns[] = [];
        for await (const chunk of mergeFiles(inputs, { table: extra, heldRows })) merged.push(chunk);
        for (const { length } of merged) expect(length).toBeLessThanOrEqual(heldRows > 500 ? 9_000 : 5_000);
        if (heldRows === 300)
          expect(merged.length).toBeGreaterThanOrEqual(
            Math.max(...tables.map(({ length }) => Math.ceil(length / 1_000))),
          );
        expect(sameReadings(concatColumns(merged), mergeReadings([...tables, extra]))).toBe(true);
      },
    ),
    { numRuns: 60, seed: SEED, endOnFailure: true },
  );
});

it('refuses a file whose row groups are not sorted, and mends one that is read at once', async () => {
  const rows = Array.from({ length: 2_000 }, (_, i) => {
    return { userId: 'ana', deviceId: 'watch', timestampMs: DAY_MS + i * 7, heartRate: 70, receivedMs: DAY_MS };
  });
  const backwards = columnsFromReadings([...rows].reverse());
  const file = () => ({
    file: inMemory(encodeReadings(backwards, { shared: true }), 'part-x.parquet'),
    partition: PARTITION,
  });
  const drain = async (tables: AsyncIterable<ReadingColumns>) => {
    const all: ReadingColumns[] = [];
    for await (const table of tables) all.push(table);
    return concatColumns(all);
  };
  await expect(drain(mergeFiles([file()], { heldRows: 1 }))).rejects.toMatchObject({
    kind: 'data',
    code: 'file_damaged',
  });
  expect(sameReadings(await drain(mergeFiles([file()])), columnsFromReadings(rows))).toBe(true);
});

it.each([3, 40])(
  `rolls up in windows as it does at once, of %i devices (HRM_SEED=${SEED})`,
  { timeout: 120_000 },
  async (devices) => {
    const anyDay = fc.array(
      fc.record({
        userId: fc.constant('ana'),
        deviceId: fc.constantFrom(
          ...['strap', 'watch', 'é', ...Array.from({ length: 37 }, (_, d) => `d${d}`)].slice(0, devices),
        ),
        timestampMs: fc.integer({ min: 0, max: 40_000 }).map((second) => DAY_MS + second * 2_000),
        heartRate: fc.integer({ min: 30, max: 220 }),
        receivedMs: fc.constant(DAY_MS),
      }),
      { minLength: 1, maxLength: 15_000, size: 'max' },
    );
    let windows = 0;
    await fc.assert(
      fc.asyncProperty(anyDay, fc.constantFrom({}, { watch: 1 }), async (readings, priority) => {
        const columns = mergeReadings([columnsFromReadings(readings)]);
        const { bytes, rows } = await buildFile([columns], {
          replaces: [REPLACED],
          rollup: { dayMs: DAY_MS, priority },
          maxRows: 2_000,
        });
        const decoded = await decodeBytes(bytes);
        windows += columns.length > 2_000 ? 1 : 0;
        expect(rows).toBe(columns.length);
        expect(decoded.replaces).toEqual([REPLACED]);
        expect(sameReadings(decoded.columns, columns)).toBe(true);
        expect(decoded.rollup).not.toBeNull();
        expect(sameRollup(decoded.rollup, rollUp(columns, DAY_MS, priority))).toBe(true);
      }),
      { numRuns: 20, seed: SEED, endOnFailure: true },
    );
    expect(windows).toBeGreaterThan(3);
  },
);
