import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsFromReadings, type Reading, type ReadingColumns } from '../../src/pure/columns.js';
import { mergeReadings, mergeYielding, resolveDevices } from '../../src/pure/merge.js';

function reading(userId: string, deviceId: string, timestampMs: number, heartRate: number, minute = 0): Reading {
  return { userId, deviceId, timestampMs, heartRate, receivedMs: minute * 60_000 };
}

function rows(columns: ReadingColumns): [string, string, number, number, number][] {
  return Array.from({ length: columns.length }, (_, i) => [
    columns.users[columns.user[i] as number] as string,
    columns.devices[columns.device[i] as number] as string,
    columns.timestampMs[i] as number,
    columns.heartRate[i] as number,
    columns.receivedMinute[i] as number,
  ]);
}

const anyReading = fc.record({
  userId: fc.constantFrom('ana', '～', '😀'),
  deviceId: fc.constantFrom('a', 'b', '～', '😀'),
  timestampMs: fc.integer({ min: 0, max: 20 }),
  heartRate: fc.integer({ min: 60, max: 64 }),
  receivedMs: fc.integer({ min: 0, max: 200_000 }),
});

describe('rule 1', () => {
  it('keeps the reading received in the latest minute, and within it the greatest', () => {
    const columns = columnsFromReadings([
      reading('u', 'd', 5, 90, 1),
      reading('u', 'd', 5, 60, 2),
      reading('u', 'd', 5, 61, 2),
      reading('u', 'd', 5, 200, 0),
    ]);
    expect(rows(mergeReadings([columns]))).toEqual([['u', 'd', 5, 61, 2]]);
  });

  it('is the same however readings are split, ordered, doubled and merged before', () => {
    const history = fc.array(anyReading, { maxLength: 60 });
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat(2)), (readings, choices) => {
        const shares: Reading[][] = [[], [], []];
        const choose = choices[Symbol.iterator]();
        for (const one of readings) shares[choose.next().value as number]?.push(one);
        const [first = [], second = [], third = []] = shares;
        const inner = mergeReadings([columnsFromReadings(second), columnsFromReadings(third.toReversed())]);
        const merged = mergeReadings([inner, columnsFromReadings(first), inner, columnsFromReadings(readings)]);
        expect(rows(merged)).toEqual(rows(mergeReadings([columnsFromReadings(readings)])));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is the same of very many tables, merged by the hundreds, with turns for others', async () => {
    const readings = Array.from({ length: 5_000 }, (_, i) => {
      return reading(`u${i % 3}`, `d${i % 7}`, (i * 7_919) % 1_000, 60 + (i % 90), i % 4);
    });
    let turns = 0;
    const tables = readings.map((one) => columnsFromReadings([one]));
    const merged = await mergeYielding(tables, async () => {
      turns += 1;
    });
    expect(rows(merged)).toEqual(rows(mergeReadings([columnsFromReadings(readings)])));
    expect(turns).toBeGreaterThan(3);
    expect(rows(await mergeYielding([], async () => undefined))).toEqual([]);
  });

  it('sorts by user, device in UTF-8 byte order, then time, without repeats', () => {
    fc.assert(
      fc.property(fc.array(anyReading, { maxLength: 60 }), (readings) => {
        const merged = rows(mergeReadings([columnsFromReadings(readings)]));
        const keys = merged.map(([user, device, time]) => [user, device, String(time).padStart(4, '0')].join('\0'));
        const sorted = [...new Set(keys)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(keys).toEqual(sorted);
        expect(new Set(keys)).toEqual(
          new Set(readings.map((r) => [r.userId, r.deviceId, String(r.timestampMs).padStart(4, '0')].join('\0'))),
        );
      }),
    );
  });
});

describe('rule 2', () => {
  function winners(priority: Record<string, number>, ...devices: string[]): string[] {
    const merged = mergeReadings([columnsFromReadings(devices.map((device) => reading('u', device, 7, 70)))]);
    return [...resolveDevices(merged, priority)].map((row) => merged.devices[merged.device[row] as number] as string);
  }

  it('prefers the best rank, then listed devices, then the smaller id', () => {
    expect(winners({ b: 1, a: 2 }, 'a', 'b')).toEqual(['b']);
    expect(winners({ z: 9 }, 'a', 'z')).toEqual(['z']);
    expect(winners({ b: 3, a: 3 }, 'b', 'a')).toEqual(['a']);
    expect(winners({}, '😀', '～')).toEqual(['～']);
  });

  it('is not taken in by ids that are names of Object.prototype', () => {
    expect(winners({}, 'constructor', 'a')).toEqual(['a']);
    expect(winners(JSON.parse('{"__proto__": 1}'), '__proto__', 'a')).toEqual(['__proto__']);
  });

  it('holds at the very millisecond only, and keeps the order of time', () => {
    const merged = mergeReadings([
      columnsFromReadings([reading('u', 'a', 8, 70), reading('u', 'b', 7, 71), reading('u', 'b', 8, 72)]),
    ]);
    const order = resolveDevices(merged, { b: 1 });
    expect([...order].map((row) => merged.heartRate[row])).toEqual([71, 72]);
  });
});
