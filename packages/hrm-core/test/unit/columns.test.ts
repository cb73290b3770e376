import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  columnsFromReadings,
  concatColumns,
  NO_READINGS,
  narrowDictionaries,
  type Reading,
  sameReadings,
  sliceRows,
} from '../../src/pure/columns.js';

const anyReading: fc.Arbitrary<Reading> = fc.record({
  userId: fc.constantFrom('ana', 'é', '～', '😀'),
  deviceId: fc.constantFrom('a', 'b', '～'),
  timestampMs: fc.nat(20),
  heartRate: fc.integer({ min: 60, max: 64 }),
  receivedMs: fc.nat(200_000),
});

it('narrowed dictionaries have the ids of the rows, in order, and the rows are the same', () => {
  fc.assert(
    fc.property(fc.array(anyReading, { maxLength: 30 }), fc.nat(30), fc.nat(30), (readings, from, length) => {
      const columns = columnsFromReadings(readings);
      const to = Math.min(columns.length, from + length);
      const slice = sliceRows(columns, Math.min(from, to), to);
      const narrow = narrowDictionaries(slice);
      expect(sameReadings(narrow, slice)).toBe(true);
      expect(narrow).toEqual(columnsFromReadings(readings.slice(Math.min(from, to), to)));
    }),
  );
});

it('a table that is joined with none stays as it is, whatever its dictionaries hold', () => {
  const columns = columnsFromReadings(
    ['ana', 'ben'].map((userId) => ({ userId, deviceId: 'a', timestampMs: 0, heartRate: 60, receivedMs: 0 })),
  );
  const slice = sliceRows(columns, 0, 1);
  expect(concatColumns([slice, NO_READINGS])).toBe(slice);
  expect(concatColumns([])).toEqual(NO_READINGS);
});
