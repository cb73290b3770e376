import type { Row } from 'hrm-core/client';
import { describe, expect, it } from 'vitest';
import { collectRows } from '../../dashboard/rows.js';

async function* rowsOf(count: number, rowAt: (i: number) => Partial<Row>): AsyncGenerator<Row> {
  const row = { timestamp: '2024-01-15T10:00:00Z', heartRate: 70, min: 70, max: 70, count: 1, deviceIds: ['watch'] };
  for (let i = 0; i < count; i += 1) yield { ...row, ...rowAt(i) };
}

describe('rows that are collected', () => {
  it('are columns, with the devices of each row', async () => {
    const given = [
      { heartRate: 75.5, max: 81, count: 12, deviceIds: ['a,"b', 'ñ'] },
      { timestamp: '2024-02-29T23:59:00Z', heartRate: 72, min: 65, max: 220 },
      { timestamp: '2024-03-01T00:00:00Z', deviceIds: ['a,"b', 'ñ'] },
    ];
    const rows = await collectRows(rowsOf(3, (i) => given[i] ?? {}));
    expect(rows.length).toBe(3);
    const startsMs = [Date.UTC(2024, 0, 15, 10), Date.UTC(2024, 1, 29, 23, 59), Date.UTC(2024, 2, 1)];
    expect([...rows.startMs.slice(0, 3)]).toEqual(startsMs);
    expect([rows.mean, rows.min, rows.max, rows.count].map((column) => [...column.slice(0, 3)])).toEqual([
      [75.5, 72, 70],
      [70, 65, 70],
      [81, 220, 70],
      [12, 1, 1],
    ]);
    expect(rows.deviceSets).toEqual([['a,"b', 'ñ'], ['watch']]);
    expect([...rows.deviceSet.slice(0, 3)]).toEqual([0, 1, 0]);
  });

  it('are none of none, and as many as there are', async () => {
    expect(await collectRows(rowsOf(0, () => ({})))).toMatchObject({ length: 0, deviceSets: [] });
    const count = 10_000;
    const rows = await collectRows(rowsOf(count, (i) => ({ count: i })));
    expect([rows.length, rows.count[0], rows.count[4_096], rows.count[count - 1]]).toEqual([count, 0, 4_096, 9_999]);
  });

  it('have more sets of devices than 16 bits tell apart, each its own', async () => {
    const count = 2 ** 16 + 2;
    const { length, deviceSet, deviceSets } = await collectRows(rowsOf(count, (i) => ({ deviceIds: [`d${i}`] })));
    expect(length).toBe(count);
    for (const row of [0, 2 ** 16 - 1, 2 ** 16, 2 ** 16 + 1])
      expect(deviceSets[deviceSet[row] ?? -1]).toEqual([`d${row}`]);
  });

  it('throw what reading them throws', async () => {
    const broken = rowsOf(2, (i) => {
      if (i === 1) throw new TypeError('broken');
      return {};
    });
    await expect(collectRows(broken)).rejects.toThrow('broken');
  });
});
