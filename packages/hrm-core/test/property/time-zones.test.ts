/** Rows of time zones, against the Temporal API and a naive answer: around the moments at which clocks are set, and anywhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, query, queryTables, queryTag, ROW_FORMS, type Storage, writePart } from '../../src/index.js';
import { createGrid } from '../../src/pure/answer/grid.js';
import { INTERVALS, type Interval } from '../../src/pure/answer/interval.js';
import { findZone, type Zone } from '../../src/pure/time/time-zone.js';
import { testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';
import { oracleAnswer } from './oracle.js';
import { zonedEnd, zonedStart } from './zone-oracle.js';

/** Random cases; `HRM_ZONES` asks for more. */
const RUNS = Number(process.env.HRM_ZONES ?? 20);

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Moments at which clocks were set, or will be, by zone. */
const CHANGES: readonly (readonly [zone: string, change: string])[] = [
  ['Europe/Madrid', '2024-03-31T01:00:00Z'],
  ['Europe/Madrid', '2024-10-27T01:00:00Z'],
  ['America/New_York', '2024-11-03T06:00:00Z'],
  // Midnight does not exist.
  ['Asia/Beirut', '2024-03-30T22:00:00Z'],
  ['America/Asuncion', '2023-10-01T04:00:00Z'],
  // The hour before midnight is there twice.
  ['America/Asuncion', '2024-03-24T03:00:00Z'],
  ['America/Havana', '2024-11-03T05:00:00Z'],
  // The date begins, and begins again.
  ['America/St_Johns', '2010-11-07T02:31:00Z'],
  // Half an hour.
  ['Australia/Lord_Howe', '2024-04-06T15:00:00Z'],
  ['Australia/Lord_Howe', '2024-10-05T15:30:00Z'],
  // New rules, and none of summer time any more.
  ['America/Argentina/Buenos_Aires', '2009-03-15T02:00:00Z'],
  ['Europe/Moscow', '2014-10-25T22:00:00Z'],
  ['Asia/Pyongyang', '2018-05-04T15:00:00Z'],
  // A date that there was not.
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
  // Behind UTC by minutes and seconds before.
  ['Africa/Monrovia', '1972-01-07T00:44:30Z'],
  ['Asia/Kathmandu', '2024-01-01T00:00:00Z'],
  ['Pacific/Kiritimati', '2024-01-01T00:00:00Z'],
  ['-03:30', '2024-01-01T00:00:00Z'],
  ['UTC', '2024-01-01T00:00:00Z'],
];

const anyChange = fc.oneof(
  fc.constantFrom(...CHANGES).map(([name, change]) => ({ name, aroundMs: Date.parse(change) })),
  fc.record({
    name: fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
    aroundMs: fc.integer({ min: 2 * DAY_MS, max: Date.UTC(2040) }),
  }),
);

/** Near a moment; often very near to it, or to midnights around it. */
const anyOffsetMs = fc.oneof(
  fc.integer({ min: -3 * DAY_MS, max: 3 * DAY_MS }),
  fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }),
  fc.tuple(fc.integer({ min: -30, max: 30 }), fc.integer({ min: -2, max: 2 })).map(([hour, ms]) => hour * HOUR_MS + ms),
);

function zoneOf(name: string): Zone {
  return findZone(name) as Zone;
}

describe('intervals of time zones', () => {
  it('are where the Temporal API has them', () => {
    fc.assert(
      fc.property(anyChange, anyOffsetMs, fc.constantFrom(...INTERVALS), ({ name, aroundMs }, offsetMs, interval) => {
        const atMs = Math.max(0, aroundMs + offsetMs);
        const grid = createGrid(interval, zoneOf(name));
        const [startMs, endMs] = grid.edgesOf(atMs, atMs + 1);
        expect([startMs, endMs]).toEqual([zonedStart(atMs, interval, name), zonedEnd(startMs ?? 0, interval, name)]);
        expect(grid.endOf(startMs ?? 0)).toBe(endMs);
      }),
      { numRuns: 20 * RUNS, seed: testSeed() },
    );
  });

  it('follow upon each other, and none is empty', () => {
    for (const [name, change] of CHANGES) {
      for (const interval of INTERVALS) {
        const fromMs = Date.parse(change) - 3 * DAY_MS;
        const edges = createGrid(interval, zoneOf(name)).edgesOf(Math.max(0, fromMs), Date.parse(change) + 3 * DAY_MS);
        expect(edges.every((edge, i) => i === 0 || edge > (edges[i - 1] as number))).toBe(true);
        expect(edges[0]).toBeLessThanOrEqual(Math.max(0, fromMs));
        expect(edges.at(-1)).toBeGreaterThanOrEqual(Date.parse(change) + 3 * DAY_MS);
      }
    }
  });

  it.each([
    ['Asia/Beirut', '1d', '2024-03-30T22:00:00Z', '2024-03-31T01:00:00+03:00', '2024-04-01T00:00:00+03:00'],
    ['Europe/Madrid', '1d', '2024-03-31T12:00:00Z', '2024-03-31T00:00:00+01:00', '2024-04-01T00:00:00+02:00'],
    ['Europe/Madrid', '1h', '2024-10-27T00:30:00Z', '2024-10-27T02:00:00+02:00', '2024-10-27T02:00:00+01:00'],
    ['Europe/Madrid', '1w', '2024-10-27T12:00:00Z', '2024-10-21T00:00:00+02:00', '2024-10-28T00:00:00+01:00'],
    ['Europe/Madrid', '1mo', '2024-10-27T12:00:00Z', '2024-10-01T00:00:00+02:00', '2024-11-01T00:00:00+01:00'],
    [
      'America/Argentina/Buenos_Aires',
      '1d',
      '2026-11-27T10:00:00Z',
      '2026-11-27T00:00:00-03:00',
      '2026-11-28T00:00:00-03:00',
    ],
    ['Pacific/Apia', '1d', '2011-12-30T09:00:00Z', '2011-12-29T00:00:00-10:00', '2011-12-31T00:00:00+14:00'],
    ['Australia/Lord_Howe', '1h', '2024-04-06T15:10:00Z', '2024-04-07T01:30:00+10:30', '2024-04-07T02:00:00+10:30'],
    ['Africa/Monrovia', '1h', '1970-01-01T12:00:00Z', '1970-01-01T11:00:30-00:44', '1970-01-01T12:00:30-00:44'],
  ] as const)('of %s, %s at %s are from %s to %s', async (timeZone, interval, at, timestamp, end) => {
    const [row] = await ask([{ at: Date.parse(at), device: 0, heartRate: 70 }], { timeZone, interval });
    expect(row).toEqual({ timestamp, end, heartRate: 70, min: 70, max: 70, count: 1, deviceIds: ['d0'] });
  });
});

interface Given {
  readonly at: number;
  readonly device: number;
  readonly heartRate: number;
}

async function ask(given: readonly Given[], asked: { readonly timeZone: string; readonly interval: Interval }) {
  return await withStorage(async (storage) => {
    await writePart({ storage }, given.map(readingOf));
    return await query({ storage }, { userId: 'ana', ...rangeAround(given), ...asked });
  });
}

function rangeAround(given: readonly Given[]) {
  const times = given.map(({ at }) => at);
  return { start: Math.min(...times), end: Math.max(...times) + 1 };
}

function readingOf({ at, device, heartRate }: Given) {
  return { userId: 'ana', deviceId: `d${device}`, timestampMs: at, heartRate, receivedMs: 0 };
}

async function withStorage<T>(use: (storage: Storage) => Promise<T>) {
  return await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    try {
      return await use(storage);
    } finally {
      await storage.close();
    }
  }, MEMORY_DIRECTORY);
}

describe('an answer in a time zone', () => {
  const anyCase = anyChange.chain(({ name, aroundMs }) =>
    fc.record({
      name: fc.constant(name),
      readings: fc.array(
        fc.record({
          at: anyOffsetMs.map((offsetMs) => Math.max(0, aroundMs + offsetMs)),
          device: fc.nat(2),
          heartRate: fc.integer({ min: 30, max: 220 }),
        }),
        { minLength: 20, maxLength: 60 },
      ),
      stored: fc.constantFrom('parts', 'compacted', 'both'),
      questions: fc.array(
        fc.record({
          edges: fc.tuple(anyOffsetMs, anyOffsetMs).map((pair) => pair.map((ms) => Math.max(0, aroundMs + ms))),
          interval: fc.constantFrom(...INTERVALS),
          device: fc.option(fc.nat(2), { nil: undefined }),
          maxHeldReadings: fc.constantFrom(undefined, 5),
        }),
        { minLength: 3, maxLength: 3 },
      ),
    }),
  );

  it('is what naive counting says, from rollups and from readings', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async ({ name, readings, stored, questions }) => {
        const all = readings.map(readingOf);
        await withStorage(async (storage) => {
          const half = stored === 'both' ? Math.floor(all.length / 2) : all.length;
          await writePart({ storage }, all.slice(0, half));
          if (stored !== 'parts') await compact({ storage }, { all: true, sweepAfterMs: 0 });
          if (half < all.length) await writePart({ storage }, all.slice(half));
          for (const { edges, interval, device, maxHeldReadings } of questions) {
            const [fromMs, toMs] = [Math.min(...edges), Math.max(...edges)];
            const deviceId = device === undefined ? undefined : `d${device}`;
            const question = { userId: 'ana', start: fromMs, end: toMs, deviceId, interval, timeZone: name };
            const rows = await query({ storage }, question, { maxHeldReadings });
            const naive = {
              userId: 'ana',
              deviceId,
              fromMs,
              toMs,
              intervalMs: 0,
              interval,
              timeZone: name,
              priority: {},
            };
            expect(rows).toEqual(oracleAnswer(all, naive));
          }
        });
      }),
      { numRuns: RUNS, seed: testSeed() },
    );
  }, 120_000);

  it('has every form write what the rows say', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyChange,
        fc.array(anyOffsetMs, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(...INTERVALS),
        check,
      ),
      { numRuns: RUNS, seed: testSeed() },
    );
    async function check(
      { name, aroundMs }: { name: string; aroundMs: number },
      offsets: number[],
      interval: Interval,
    ) {
      const given = offsets.map((ms) => ({ at: Math.max(0, aroundMs + ms), device: 0, heartRate: 70 }));
      const rows = await ask(given, { timeZone: name, interval });
      const data = rows.map(({ timestamp, end, heartRate, min, max, count, deviceIds }) => {
        return { timestamp, end, heart_rate: heartRate, min, max, count, device_ids: deviceIds };
      });
      const counts = rows.reduce((sum, { count }) => sum + count, 0);
      expect(counts).toBe(new Set(given.map(({ at }) => at)).size);
      const lines = data.map((row) => JSON.stringify(row));
      const written = {
        json: JSON.stringify({ user_id: 'ana', data, count: data.length }),
        ndjson: lines.map((line) => `${line}\n`).join(''),
        csv: [
          'timestamp,end,heart_rate,min,max,count,device_ids',
          ...data.map(({ device_ids: _, ...row }) => `${Object.values(row).join()},"[""d0""]"`),
          '',
        ].join('\r\n'),
      };
      for (const [form, expected] of Object.entries(written)) {
        await withStorage(async (storage) => {
          await writePart({ storage }, given.map(readingOf));
          const asked = { userId: 'ana', ...rangeAround(given), interval, timeZone: name };
          const pieces: Uint8Array[] = [];
          const one = ROW_FORMS.find(({ name: known }) => known === form);
          for await (const piece of one?.write(queryTables({ storage }, asked), asked) ?? []) pieces.push(piece);
          expect(Buffer.concat(pieces).toString('utf8')).toBe(expected);
        });
      }
    }
  }, 120_000);

  it('has another tag than that of another zone, or of none', async () => {
    await withStorage(async (storage) => {
      const asked = { userId: 'ana', start: 0, end: DAY_MS, interval: '1d' } as const;
      const zones = [undefined, 'UTC', 'Europe/Madrid', 'Europe/Paris', '+01:00'];
      const tags = await Promise.all(zones.map((timeZone) => queryTag({ storage }, { ...asked, timeZone })));
      tags.push(
        await queryTag({ storage }, { ...asked, interval: '1w' }),
        await queryTag({ storage }, { ...asked, interval: '1mo' }),
      );
      expect(new Set(tags).size).toBe(7);
    });
  });
});

describe('the name of a time zone', () => {
  it.each([
    'Europe/Nowhere',
    '',
    ' ',
    'Europe/Madrid ',
    '+24:00',
    '+02:60',
    '../etc/passwd',
    'x'.repeat(1e6),
    '__proto__',
    'constructor',
  ])('is refused: %.20j', async (timeZone) => {
    expect(findZone(timeZone)).toBeNull();
    await withStorage(async (storage) => {
      const refused = query({ storage }, { userId: 'ana', start: 0, end: 1, timeZone }, { wireNames: true });
      await expect(refused).rejects.toMatchObject({
        code: 'invalid_query',
        faults: [{ path: '/time_zone', message: expect.stringContaining('must be a time zone like') }],
      });
    });
  });

  it('tells of a + that became a space', async () => {
    await withStorage(async (storage) => {
      const refused = query({ storage }, { userId: 'ana', start: 0, end: 1, timeZone: ' 02:00' });
      await expect(refused).rejects.toThrow('%2B');
    });
  });

  it('costs Intl nothing the second time', () => {
    const format = Intl.DateTimeFormat.prototype.formatToParts;
    let calls = 0;
    Intl.DateTimeFormat.prototype.formatToParts = function count(...args) {
      calls += 1;
      return format.apply(this, args);
    };
    try {
      const year = () => createGrid('1m', zoneOf('America/Bogota')).edgesOf(Date.UTC(2023, 0), Date.UTC(2024, 0));
      expect(year()).toHaveLength(365 * 1_440 + 1);
      expect(calls).toBeLessThan(400);
      calls = 0;
      year();
      expect(calls).toBe(0);
    } finally {
      Intl.DateTimeFormat.prototype.formatToParts = format;
    }
  });
});
