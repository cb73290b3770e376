/**
 * Random histories: what people, devices, clocks, consumers and compacters may do to the system, in any order.
 */
import fc from 'fast-check';
import { INTERVALS, type Interval, RESOLVES, type Resolve } from '../../../src/index.js';
import type { OracleReading } from '../oracle.js';

export const DAY_MS = 86_400_000;
/** When a history starts; its readings lie up to three days before, some long before, some ahead of it. */
export const START_MS = Date.UTC(2024, 0, 15, 6);

/** Ids that are hostile as paths, as object keys, as SQL, as sort keys, or alike but for case. */
const IDS = [
  'ana',
  'Ana',
  '../../etc',
  '..',
  '.tmp',
  '_shared',
  'compacted.parquet',
  'a/b\\c',
  'CON',
  '%2E%2E',
  '__proto__',
  "x'; DROP",
  '～',
  '😀',
  'é',
  'e\u0301',
  '-rf',
  '~',
  ' ',
  'x'.repeat(128),
  '😀'.repeat(64),
];

export interface HistoryQuestion {
  user: number;
  device: number | null;
  fromMs: number;
  toMs: number;
  interval: Interval;
  timeZone?: string | undefined;
  ranks: number[];
  resolve?: Resolve;
}

export type Step =
  | { type: 'enqueue'; count: number }
  | {
      type: 'drain';
      maxReadings: number;
      maxSmallParts: number;
      fail: 'no' | 'before-write' | 'before-ack' | 'after-ack';
    }
  | { type: 'abandon' }
  | { type: 'compact'; all: boolean; sweepAfterMs: number; ranks: number[] }
  | { type: 'tick'; ms: number }
  | { type: 'reopen' }
  /** A day passes, or the days change that readings are kept. */
  | { type: 'day' }
  | { type: 'keep'; days: number | null; rules: KeepRule[] }
  | { type: 'expire'; trustClock: boolean }
  | { type: 'erase'; user: number; device: number | null; edges: [number | null, number | null] }
  | { type: 'ask'; question: HistoryQuestion };

/** Of a user, a device, or both, by their indices. */
export interface KeepRule {
  user: number | null;
  device: number | null;
  days: number | null;
}

export interface History {
  users: string[];
  devices: string[];
  /** In order of arrival; `receivedMs` is set when they are enqueued. */
  readings: OracleReading[];
  steps: Step[];
  questions: HistoryQuestion[];
  /** How many readings an answer may hold: with few, nearly every day is answered in pieces. */
  maxHeldReadings: number | undefined;
}

const instant = fc.oneof(
  // Few distinct instants, around midnights and minutes: equal timestamps, ranges that cut.
  fc
    .tuple(fc.nat(3), fc.integer({ min: -6, max: 6 }))
    .map(([day, half]) => Math.min(DAY_MS, (day - 2) * DAY_MS + half * 500)),
  fc.integer({ min: -3 * DAY_MS, max: 0 }),
  fc.constantFrom(-START_MS, -START_MS + 1, -400 * DAY_MS, DAY_MS - 1, DAY_MS),
);

const historyEdge = instant.map((offset) => Math.max(0, START_MS + offset));

function historyQuestion(): fc.Arbitrary<HistoryQuestion> {
  return fc
    .record({
      user: fc.nat(2),
      device: fc.option(fc.nat(2)),
      edges: fc.tuple(historyEdge, historyEdge),
      interval: fc.constantFrom(...INTERVALS),
      // Few: the oracle of zones is slow. On the first days of 1970 clocks in Monrovia were ahead by seconds, too.
      timeZone: fc.option(fc.constantFrom('Asia/Kathmandu', 'America/St_Johns', 'Africa/Monrovia'), {
        nil: undefined,
        freq: 8,
      }),
      ranks: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
      resolve: fc.constantFrom(...RESOLVES),
    })
    .map(({ edges, ...rest }) => {
      const toMs = Math.max(...edges);
      // The contract's longest range is 3,660 days.
      return { ...rest, fromMs: Math.max(Math.min(...edges), toMs - 3_660 * DAY_MS), toMs };
    });
}

/** Days of which some end within a history, and some never do. */
const days = fc.constantFrom(1, 2, 3, 4, 402, null);

const keepRule = fc
  .record({ user: fc.option(fc.nat(2)), device: fc.option(fc.nat(2)), days })
  .filter(({ user, device }) => user !== null || device !== null);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('enqueue'), count: fc.integer({ min: 1, max: 60 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('drain'),
      // 0: whatever a day has of several users is shared; 1: unless it is only one's.
      maxSmallParts: fc.constantFrom(0, 1, 32),
      maxReadings: fc.integer({ min: 1, max: 120 }),
      fail: fc.constantFrom('no', 'no', 'no', 'before-write', 'before-ack', 'after-ack'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('abandon') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('compact'),
      all: fc.boolean(),
      sweepAfterMs: fc.constantFrom(0, 60_000),
      ranks: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('tick'), ms: fc.integer({ min: 0, max: 120_000 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('erase'),
      user: fc.nat(2),
      device: fc.option(fc.nat(2)),
      edges: fc.tuple(fc.option(historyEdge), fc.option(historyEdge)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('day') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('keep'),
      days,
      rules: fc.uniqueArray(keepRule, { maxLength: 3, selector: ({ user, device }) => `${user}/${device}` }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('expire'), trustClock: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('ask'), question: historyQuestion() }) },
);

/** A quarter of a day. */
const QUARTER_MS = DAY_MS / 4;

/** More than a rollup's conflicts have bits in a word. */
const MANY_DEVICES = [...IDS, ...Array.from({ length: 43 }, (_, d) => `d${d}`)];

/**
 * Histories of 3 users, 2 or 3 devices and at least 200 readings, with both kinds of conflict for every user. Now and then they have 64
 * devices, within some hours of a day.
 */
export const anyHistory: fc.Arbitrary<History> = fc
  .record({
    users: fc.uniqueArray(fc.constantFrom(...IDS), { minLength: 3, maxLength: 3 }),
    devices: fc.oneof(
      { weight: 5, arbitrary: fc.uniqueArray(fc.constantFrom(...IDS), { minLength: 2, maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constant(MANY_DEVICES) },
    ),
    rows: fc.array(fc.tuple(fc.nat(2), fc.nat(191), instant, fc.integer({ min: 30, max: 220 })), {
      minLength: 200,
      maxLength: 260,
      size: 'max',
    }),
    conflicts: fc.tuple(instant, instant, instant),
    steps: fc.array(step, { minLength: 12, maxLength: 40, size: 'max' }),
    questions: fc.array(historyQuestion(), { minLength: 4, maxLength: 4 }),
    maxHeldReadings: fc.constantFrom(undefined, undefined, 5, 20),
  })
  .map(({ users, devices, rows, conflicts, steps, questions, maxHeldReadings }) => {
    const readings = rows.map(([user, device, offset, heartRate]) => ({
      userId: users[user] as string,
      deviceId: devices[device % devices.length] as string,
      // So that a user's day has more devices than a word has bits.
      timestampMs: Math.max(0, START_MS + (devices.length === MANY_DEVICES.length ? offset % QUARTER_MS : offset)),
      heartRate,
      receivedMs: 0,
    }));
    for (const [u, offset] of conflicts.entries()) {
      const timestampMs = Math.max(0, START_MS + offset);
      const [first, second] = devices as [string, string];
      const clash = { userId: users[u] as string, timestampMs, receivedMs: 0 };
      // Two devices at one millisecond, and one device twice with other values; some early, some late.
      readings.splice(
        u * 7,
        0,
        { ...clash, deviceId: first, heartRate: 60 },
        { ...clash, deviceId: second, heartRate: 90 },
      );
      readings.push({ ...clash, deviceId: first, heartRate: 50 }, { ...clash, deviceId: first, heartRate: 51 });
    }
    return { users, devices, readings, steps, questions, maxHeldReadings };
  });
