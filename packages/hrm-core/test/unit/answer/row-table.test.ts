import fc from 'fast-check';
import { expect, it } from 'vitest';
import { joinTables, type RowTable, rowsOf } from '../../../src/pure/answer/row-table.js';

const DAY_MS = Date.UTC(2024, 0, 15);

function tableOf(rows: readonly { at: number; values: readonly number[]; devices: readonly string[] }[]): RowTable {
  return {
    length: rows.length,
    startMs: Float64Array.from(rows, ({ at }) => DAY_MS + at * 60_000),
    sum: Float64Array.from(rows, ({ values }) => values.reduce((sum, value) => sum + value, 0)),
    count: Int32Array.from(rows, ({ values }) => values.length),
    min: Int32Array.from(rows, ({ values }) => Math.min(...values)),
    max: Int32Array.from(rows, ({ values }) => Math.max(...values)),
    deviceSet: Uint32Array.from(rows, (_, i) => i),
    deviceSets: rows.map(({ devices }) => devices),
  };
}

const anyRow = fc.record({
  values: fc.array(fc.integer({ min: 30, max: 220 }), { minLength: 1, maxLength: 5 }),
  devices: fc.uniqueArray(fc.constantFrom('a', 'é', '～', '😀'), { minLength: 1 }).map((ids) => ids.sort(byBytes)),
});

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

it('joins two tables, also in the midst of an interval', () => {
  fc.assert(
    fc.property(fc.array(anyRow), fc.array(anyRow), fc.boolean(), (before, after, isCut) => {
      const left = before.map((row, i) => ({ ...row, at: i }));
      const shared = isCut && before.length > 0 ? 1 : 0;
      const right = after.map((row, i) => ({ ...row, at: before.length - shared + i }));
      const expected = new Map<number, { at: number; values: number[]; devices: string[] }>();
      for (const row of [...left, ...right]) {
        const known = expected.get(row.at) ?? { at: row.at, values: [], devices: [] };
        known.values.push(...row.values);
        known.devices = [...new Set([...known.devices, ...row.devices])].sort(byBytes);
        expected.set(row.at, known);
      }
      expect(rowsOf(joinTables(tableOf(left), tableOf(right)))).toEqual(rowsOf(tableOf([...expected.values()])));
    }),
  );
});
