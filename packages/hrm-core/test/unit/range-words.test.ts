import { describe, expect, it } from 'vitest';
import { findZone, rangeOfWords, UTC, type Zone } from '../../src/index.js';

const NOW_MS = Date.UTC(2026, 10, 27, 2, 30);
const BUENOS_AIRES = findZone('America/Argentina/Buenos_Aires') as Zone;

describe('a range in words', () => {
  it.each([
    [{ date: '2026-11-27' }, UTC, '2026-11-27T00:00:00.000Z', '2026-11-28T00:00:00.000Z'],
    [{ date: '2026-11-27' }, BUENOS_AIRES, '2026-11-27T03:00:00.000Z', '2026-11-28T03:00:00.000Z'],
    [{ date: 'today' }, UTC, '2026-11-27T00:00:00.000Z', '2026-11-28T00:00:00.000Z'],
    // There it is still the evening before.
    [{ date: 'today' }, BUENOS_AIRES, '2026-11-26T03:00:00.000Z', '2026-11-27T03:00:00.000Z'],
    [{ date: '2024-03-31' }, findZone('Europe/Madrid'), '2024-03-30T23:00:00.000Z', '2024-03-31T22:00:00.000Z'],
    [{ date: '2011-12-30' }, findZone('Pacific/Apia'), '2011-12-30T10:00:00.000Z', '2011-12-30T10:00:00.000Z'],
    [{ date: '9999-12-30' }, UTC, '9999-12-30T00:00:00.000Z', '9999-12-31T00:00:00.000Z'],
    [{ date: '1970-01-01' }, findZone('+14:00'), '1970-01-01T00:00:00.000Z', '1970-01-01T10:00:00.000Z'],
    [{ last: '24h' }, UTC, '2026-11-26T02:30:00.000Z', '2026-11-27T02:30:00.000Z'],
    [{ last: '90m' }, BUENOS_AIRES, '2026-11-27T01:00:00.000Z', '2026-11-27T02:30:00.000Z'],
    [{ last: '2w' }, UTC, '2026-11-13T02:30:00.000Z', '2026-11-27T02:30:00.000Z'],
    [{ since: 'yesterday' }, BUENOS_AIRES, '2026-11-25T03:00:00.000Z', '2026-11-27T02:30:00.000Z'],
    [{ since: '2026-11-01', end: 'E' }, UTC, '2026-11-01T00:00:00.000Z', 'E'],
    [{ since: '2026-11-01T10:00:00Z' }, UTC, '2026-11-01T10:00:00Z', '2026-11-27T02:30:00.000Z'],
    // Whether these are instants the question says.
    [{ start: 'S', end: 'E' }, UTC, 'S', 'E'],
  ])('%j is what it says', (words, zone, start, end) => {
    expect(rangeOfWords(words, zone as Zone, NOW_MS)).toEqual({ start, end });
  });

  it.each([
    [{}, '/start'],
    [{ start: 'S' }, '/end'],
    [{ end: 'E' }, '/start'],
    [{ date: '2026-02-29' }, '/date'],
    [{ date: '1969-12-31' }, '/date'],
    [{ date: 'tomorrow' }, '/date'],
    [{ date: '9999-12-31' }, '/date'],
    [{ since: 'tomorrow' }, '/since'],
    [{ since: '2026-11-01T25:00:00Z' }, '/since'],
    [{ date: '2026-11-27', end: 'E' }, '/end'],
    [{ last: '24h', end: 'E' }, '/end'],
    [{ last: '0h' }, '/last'],
    [{ last: '-1h' }, '/last'],
    [{ last: '999999w' }, '/last'],
    [{ last: '1y' }, '/last'],
    [{ date: 'today', since: 'today' }, '/date'],
    [{ since: 'today', start: 'S', end: 'E' }, '/since'],
  ])('%j is none: %s', (words, path) => {
    expect(() => rangeOfWords(words, UTC, NOW_MS)).toThrow(
      expect.objectContaining({ code: 'invalid_query', kind: 'invalid', faults: [expect.objectContaining({ path })] }),
    );
  });
});
