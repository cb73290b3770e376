import fc from 'fast-check';
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { answerCsv, answerJson, answerNdjson } from '../../../src/pure/answer/answer-forms.js';
import { parseFields, ROW_FIELDS } from '../../../src/pure/answer/row-fields.js';
import { type RowTable, rowsOf } from '../../../src/pure/answer/row-table.js';
import { FieldsSchema } from '../../../src/schemas/wire.js';

const anyRow = fc.record({
  startMs: fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) / 60_000 }).map((minute) => minute * 60_000),
  count: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 86_400_000 })),
  mean: fc.oneof(fc.integer({ min: 30, max: 220 }), fc.double({ min: -300, max: 3e9, noNaN: true })),
  min: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer()).map((value) => value | 0),
  max: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer()).map((value) => value | 0),
  set: fc.integer({ min: 0, max: 2 }),
});
const anyTable = fc
  .tuple(
    fc.array(anyRow, { minLength: 1, maxLength: 30 }),
    fc.array(fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 128 }), { minLength: 1, maxLength: 3 }), {
      minLength: 3,
      maxLength: 3,
    }),
  )
  .map(
    ([rows, deviceSets]): RowTable => ({
      length: rows.length,
      startMs: Float64Array.from(rows, ({ startMs }) => startMs),
      sum: Float64Array.from(rows, ({ mean, count }) => Math.round(mean * count)),
      count: Int32Array.from(rows, ({ count }) => count),
      min: Int32Array.from(rows, ({ min }) => min),
      max: Int32Array.from(rows, ({ max }) => max),
      deviceSet: Uint32Array.from(rows, ({ set }) => set),
      deviceSets,
    }),
  );

const JSON_ROWS = { name: 'json', hasFields: true };
/** Without a time zone there is no end. */
const UTC_FIELDS = ROW_FIELDS.filter((field) => field !== 'end');

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const held: Uint8Array[] = [];
  for await (const piece of pieces) held.push(piece);
  return Buffer.concat(held).toString('utf8');
}

async function* each(tables: readonly RowTable[]) {
  yield* tables;
}

it('writes exactly what JSON.stringify writes of the rows, at once, a line each, and a record each', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.array(anyTable, { maxLength: 4 }), async (userId, tables) => {
      const data = tables
        .flatMap((table) => rowsOf(table))
        .map(({ timestamp, heartRate, min, max, count, deviceIds }) => {
          return { timestamp, heart_rate: heartRate, min, max, count, device_ids: deviceIds };
        });
      const expected = JSON.stringify({ user_id: userId, data, count: data.length });
      expect(await textOf(answerJson(userId, each(tables)))).toBe(expected);
      const lines = data.map((row) => `${JSON.stringify(row)}\n`).join('');
      expect(await textOf(answerNdjson(each(tables)))).toBe(lines);
      const end = JSON.stringify({ end: true, count: data.length });
      expect(await textOf(answerNdjson(each(tables), { withEnd: true }))).toBe(`${lines}${end}\n`);
      const records = data.map(({ device_ids: ids, ...row }) => {
        return `${[...Object.values(row), `"${JSON.stringify(ids).replaceAll('"', '""')}"`].join(',')}\r\n`;
      });
      const csv = `timestamp,heart_rate,min,max,count,device_ids\r\n${records.join('')}`;
      expect(await textOf(answerCsv(each(tables)))).toBe(csv);
      expect(await textOf(answerCsv(each(tables), { withEnd: true }))).toBe(`${csv}end,,,,${data.length},\r\n`);
    }),
    { numRuns: 500 },
  );
});

it('writes a row of any length, in pieces of some hundred kilobytes', async () => {
  const ids = (from: number) => Array.from({ length: 9_000 }, (_, i) => `${'€'.repeat(118)}"${from + i}`);
  const table: RowTable = {
    length: 3,
    startMs: Float64Array.of(0, 60_000, 120_000),
    sum: Float64Array.of(60, 61, 62),
    count: Int32Array.of(1, 1, 1),
    min: Int32Array.of(60, 61, 62),
    max: Int32Array.of(60, 61, 62),
    deviceSet: Uint32Array.of(0, 1, 0),
    deviceSets: [ids(100_000), ids(200_000)],
  };
  const data = rowsOf(table).map(({ timestamp, heartRate, min, max, count, deviceIds }) => {
    return { timestamp, heart_rate: heartRate, min, max, count, device_ids: deviceIds };
  });
  const record = ({ device_ids: deviceIds, ...row }: (typeof data)[number]) =>
    `${[...Object.values(row), `"${JSON.stringify(deviceIds).replaceAll('"', '""')}"`].join(',')}\r\n`;
  for (const [pieces, expected] of [
    [answerJson('ana', each([table])), JSON.stringify({ user_id: 'ana', data, count: 3 })],
    [answerNdjson(each([table])), data.map((row) => `${JSON.stringify(row)}\n`).join('')],
    [answerCsv(each([table])), `timestamp,heart_rate,min,max,count,device_ids\r\n${data.map(record).join('')}`],
  ] as const) {
    const held: Uint8Array[] = [];
    for await (const piece of pieces) held.push(piece);
    expect(Buffer.concat(held).toString('utf8') === expected).toBe(true);
    expect(Math.max(...held.map(({ length }) => length))).toBeLessThan(400_000);
  }
});

it('writes the columns that were chosen, in every form', async () => {
  const anyFields = fc
    .subarray(UTC_FIELDS, { minLength: 1 })
    .map((names) => parseFields(names.toReversed().join(), JSON_ROWS, {}));
  await fc.assert(
    fc.asyncProperty(anyFields, fc.array(anyTable, { maxLength: 3 }), async (fields, tables) => {
      const rows = tables
        .flatMap((table) => rowsOf(table))
        .map(({ heartRate, deviceIds, ...row }) => {
          return { ...row, heart_rate: heartRate, device_ids: deviceIds };
        });
      const data = rows.map((row) => Object.fromEntries(fields.map((field) => [field, row[field]])));
      const expected = JSON.stringify({ user_id: 'ana', data, count: data.length });
      expect(await textOf(answerJson('ana', each(tables), { fields }))).toBe(expected);
      const lines = data.map((row) => `${JSON.stringify(row)}\n`).join('');
      expect(await textOf(answerNdjson(each(tables), { fields }))).toBe(lines);
      const csvOf = (columns: readonly (typeof ROW_FIELDS)[number][]) => {
        const cell = (value: unknown) =>
          Array.isArray(value) ? `"${JSON.stringify(value).replaceAll('"', '""')}"` : String(value);
        const records = rows.map((row) => `${columns.map((column) => cell(row[column])).join()}\r\n`);
        return `${columns.join()}\r\n${records.join('')}`;
      };
      expect(await textOf(answerCsv(each(tables), { fields }))).toBe(csvOf(fields));
      // The end has its number in a column of its own.
      const withCount = UTC_FIELDS.filter((field) => field === 'count' || fields.includes(field));
      const end = withCount.map((field) => ({ timestamp: 'end', count: data.length })[field as string] ?? '').join();
      const ended = await textOf(answerCsv(each(tables), { fields, withEnd: true }));
      expect(ended).toBe(`${csvOf(withCount)}${end}\r\n`);
    }),
    { numRuns: 300 },
  );
});

it.each(['', 'bpm', 'heart_rate,', 'heart_rate, count', 'heartRate', 'count;min'])('refuses the columns %j', (text) => {
  expect(() => parseFields(text, JSON_ROWS, {})).toThrow(
    expect.objectContaining({ code: 'invalid_query', kind: 'invalid' }),
  );
});

it('the schema of the wire names the same columns', () => {
  expect(v.is(FieldsSchema, ROW_FIELDS.join())).toBe(true);
  for (const text of ['', 'bpm', 'count,', 'count,bpm']) expect(v.is(FieldsSchema, text)).toBe(false);
});
