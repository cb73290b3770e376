/** The judge of alerts against a naive one: random histories, late, doubled and out of order, with one consumer and with two. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bench, judgeLevels } from '../../src/alerts/judge-user.js';
import { listAlerts } from '../../src/alerts/manage.js';
import { createPending } from '../../src/alerts/pending.js';
import { readOpen } from '../../src/alerts/records.js';
import { overlay } from '../../src/alerts/stored-and-pending.js';
import { openAlertDirectory } from '../../src/drivers/alerts/directory.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { type Reading, writePart } from '../../src/index.js';
import { type AlertState, judgeLevel, judgeResting, judgeSilence } from '../../src/pure/alerts/judge.js';
import { type AlertMessage, alertId } from '../../src/pure/alerts/message.js';
import type { LevelRule } from '../../src/pure/alerts/rules.js';
import { queuedFrom } from '../../src/pure/reading/queued-readings.js';
import { type NaiveAlert, naiveAlerts } from '../support/naive-alerts.js';
import { testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const MINUTE_MS = 60_000;
const BASE = 28_000_000;

const rules = fc.record({
  kind: fc.constantFrom('above' as const, 'below' as const),
  name: fc.constant('a-rule'),
  bpm: fc.integer({ min: 60, max: 110 }),
  minutes: fc.integer({ min: 1, max: 8 }),
  calm_bpm: fc.option(fc.integer({ min: 60, max: 120 }), { nil: undefined }),
  calm_minutes: fc.constantFrom(5, 6, 10),
  gap_minutes: fc.integer({ min: 0, max: 4 }),
}) as fc.Arbitrary<LevelRule>;

/** Rates that stay on one side of a rule for a while. */
const rates = fc
  .array(
    fc.record({
      length: fc.integer({ min: 1, max: 12 }),
      rate: fc.constantFrom(50, 65, 95, 130),
      holes: fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((pieces) =>
    pieces.flatMap(({ length, rate, holes }) =>
      Array.from({ length }, (_, i) => (holes.includes(i) ? null : rate + (i % 4))),
    ),
  );

describe('the judge of minutes', () => {
  it('opens and ends what a naive judge does, as minutes come late and are corrected', () => {
    const seed = testSeed();
    fc.assert(
      fc.property(
        rules,
        rates,
        fc.array(fc.record({ delay: fc.nat(30), again: fc.nat(30) }), { minLength: 200, maxLength: 200 }),
        fc.integer({ min: 5, max: 60 }),
        (rule, means, delays, late) => {
          // By the minute at which it is there: what came of which minute.
          const arrivals = means.flatMap((rate, i) => {
            const { delay = 0, again = 0 } = delays[i] ?? {};
            if (rate === null) return [];
            const isDelayed = delay > 22;
            const first = { at: i + 1 + (isDelayed ? delay : 0), minute: BASE + i, rate };
            return again > 27 ? [first, { ...first, at: first.at + again, rate: rate + 15 }] : [first];
          });
          const known = new Map<number, number>();
          let last: AlertState | null = null;
          let naive: NaiveAlert[] = [];
          const told: NaiveAlert[] = [];
          for (let now = 1; now <= means.length + 70; now += 1) {
            for (const { at, minute, rate } of arrivals) if (at === now) known.set(minute, rate);
            const span = { toMinute: BASE + now, newsFromMinute: BASE + now - late, nowMinute: BASE + now };
            const minutes = [...known.keys()].sort((a, b) => a - b);
            const bpm = minutes.map((minute) => known.get(minute) as number);
            for (const transition of judgeLevel(rule, { minute: minutes, bpm }, last, span)) {
              if (transition.type === 'opened') {
                expect(last?.endMinute).not.toBeNull();
                told.push({ start: transition.startMinute, end: null, opened: BASE + now });
                last = {
                  ...{ number: told.length, startMinute: transition.startMinute, endMinute: null },
                  openedMinute: BASE + now,
                };
              } else {
                expect(last?.endMinute).toBeNull();
                const open = told.at(-1) as NaiveAlert;
                open.end = transition.endMinute;
                last = {
                  ...{ number: told.length, startMinute: open.start, endMinute: transition.endMinute },
                  openedMinute: open.opened,
                };
              }
            }
            naive = naiveAlerts(rule, known, naive, span);
            expect(told).toEqual(naive);
          }
        },
      ),
      { seed, numRuns: Number(process.env.HRM_HISTORIES ?? 300) },
    );
  });

  it('ends an alert after a week, however long it goes on', () => {
    const rule = { kind: 'above', name: 'a', bpm: 60, minutes: 1, calm_minutes: 5, gap_minutes: 60 } as const;
    const minute = Array.from({ length: 169 }, (_, i) => BASE + i * 61);
    const means = { minute, bpm: minute.map(() => 90) };
    const state = { number: 1, startMinute: BASE, endMinute: null, openedMinute: BASE };
    const at = (toMinute: number) => judgeLevel(rule, means, state, { toMinute, newsFromMinute: toMinute - 120 });
    expect(at(BASE + 10_079)).toEqual([]);
    expect(at(BASE + 10_080)).toMatchObject([{ type: 'ended', endMinute: BASE + 10_066 }]);
  });
});

describe('the judge of silence', () => {
  const rule = { kind: 'silent', name: 'a', minutes: 30 } as const;
  const span = (toMinute: number) => ({ toMinute, newsFromMinute: toMinute - 120 });

  it('opens after so many minutes, ends with a reading, and tells no history', () => {
    expect(judgeSilence(rule, BASE, null, span(BASE + 30))).toEqual([]);
    expect(judgeSilence(rule, BASE, null, span(BASE + 31))).toMatchObject([{ type: 'opened', startMinute: BASE + 1 }]);
    expect(judgeSilence(rule, BASE, null, span(BASE + 151))).toEqual([]);
    const open = { number: 1, startMinute: BASE + 1, endMinute: null, openedMinute: BASE + 31 };
    expect(judgeSilence(rule, BASE, open, span(BASE + 5_000))).toEqual([]);
    expect(judgeSilence(rule, BASE + 50, open, span(BASE + 52))).toMatchObject([
      { type: 'ended', startMinute: BASE + 1, endMinute: BASE + 50 },
    ]);
    const over = { ...open, endMinute: BASE + 50 };
    expect(judgeSilence(rule, BASE + 50, over, span(BASE + 81))).toMatchObject([
      { type: 'opened', startMinute: BASE + 51 },
    ]);
    expect(judgeSilence(rule, BASE + 49, over, span(BASE + 81))).toEqual([]);
  });
});

describe('the judge of resting rates', () => {
  const rule = { kind: 'resting', name: 'a', bpm: 5, time_zone: 'UTC' } as const;
  const day = (startMinute: number, restingRate: number | null, restingMean28: number | null = 60) => ({
    startMinute,
    restingRate,
    restingMean28,
  });

  it('opens on a day that is away, ends on one that is not, and passes over days that say nothing', () => {
    expect(judgeResting(rule, day(BASE, 64.99), null)).toEqual([]);
    expect(judgeResting(rule, day(BASE, 65), null)).toMatchObject([{ type: 'opened', bpm: 65, baselineBpm: 60 }]);
    expect(judgeResting(rule, day(BASE, 55), null)).toMatchObject([{ type: 'opened', bpm: 55 }]);
    const open = { number: 1, startMinute: BASE, endMinute: null, openedMinute: BASE + 1_500 };
    for (const one of [day(BASE, 60), day(BASE + 1_440, 66), day(BASE + 1_440, null), day(BASE + 1_440, 60, null)])
      expect(judgeResting(rule, one, open)).toEqual([]);
    expect(judgeResting(rule, day(BASE + 1_440, 61), open)).toMatchObject([
      { type: 'ended', startMinute: BASE, endMinute: BASE + 1_440 },
    ]);
    expect(judgeResting(rule, day(BASE, 65), { ...open, endMinute: BASE + 1_440 })).toEqual([]);
  });
});

/** The mean of each minute after rule 1 and rule 2, to the letter. */
function naiveMeans(readings: readonly Reading[]): Map<number, number> {
  const survivors = new Map<string, Reading>();
  for (const reading of readings) {
    const key = `${reading.timestampMs} ${reading.deviceId}`;
    const other = survivors.get(key);
    const rank = ({ receivedMs, heartRate }: Reading) => Math.floor(receivedMs / MINUTE_MS) * 1_000 + heartRate;
    if (other === undefined || rank(reading) > rank(other)) survivors.set(key, reading);
  }
  const counted = new Map<number, Reading>();
  for (const reading of survivors.values()) {
    const other = counted.get(reading.timestampMs);
    if (other === undefined || reading.deviceId < other.deviceId) counted.set(reading.timestampMs, reading);
  }
  const sums = new Map<number, [number, number]>();
  for (const { timestampMs, heartRate } of counted.values()) {
    const minute = Math.floor(timestampMs / MINUTE_MS);
    const [sum, count] = sums.get(minute) ?? [0, 0];
    sums.set(minute, [sum + heartRate, count + 1]);
  }
  return new Map([...sums].map(([minute, [sum, count]]) => [minute, Math.round((100 * sum) / count) / 100]));
}

it('two consumers that judge what is stored open and end each alert once, as a naive judge does', {
  timeout: 300_000,
}, async () => {
  const seed = testSeed();
  const delivered = fc.array(
    fc.record({
      minute: fc.nat(30),
      second: fc.nat(3),
      rate: fc.constantFrom(50, 65, 95, 130),
      device: fc.constantFrom('watch', 'ring'),
      length: fc.integer({ min: 1, max: 9 }),
      isDoubled: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(rules, fc.array(delivered, { minLength: 1, maxLength: 8 }), async (rule, batches) => {
      await withDirectory(async (directory) => {
        const storage = await openDirectoryStorage({ directory });
        const place = openAlertDirectory(directory);
        const all: Reading[] = [];
        let naive: NaiveAlert[] = [];
        const published: AlertMessage[] = [];
        for (const [i, batch] of batches.entries()) {
          const readings = batch.flatMap(({ minute, second, rate, device: deviceId, length, isDoubled }) =>
            Array.from({ length }, (_, j) => {
              const timestampMs = (BASE + 4 * i + minute + j - 20) * MINUTE_MS + second * 1_000;
              const reading = { userId: 'ana', deviceId, timestampMs, heartRate: rate + j, receivedMs: i * MINUTE_MS };
              return isDoubled ? [reading, reading] : [reading];
            }).flat(),
          );
          all.push(...readings);
          await writePart({ storage }, readings.reverse());
          const toMinute = BASE + 4 * i + 16;
          const at = { userId: 'ana', nowMs: (toMinute + 1) * MINUTE_MS, toMinute, newsFromMinute: toMinute - 40 };
          await Promise.all(
            [0, 1].map(async () => {
              const open = await readOpen(place);
              const bench: Bench = {
                ...{ storage, place, priority: {}, isTold: true, signal: new AbortController().signal },
                onPublished: (message) => void published.push(message),
                markOf: (name, userId) => open.find((mark) => mark.rule === name && mark.userId === userId),
                onState: () => undefined,
              };
              await judgeLevels(bench, [rule], at);
            }),
          );
          naive = naiveAlerts(rule, naiveMeans(all), naive, { ...at, nowMinute: toMinute + 1 });
          const found = await listAlerts(place);
          const minuteOf = (text: string | null | undefined) => (text == null ? null : Date.parse(text) / MINUTE_MS);
          expect(found.map(({ opened, ended }) => [minuteOf(opened.data.start), minuteOf(ended?.data.end)])).toEqual(
            naive.map(({ start, end }) => [start, end]),
          );
          expect((await readOpen(place)).map(({ startMinute }) => startMinute)).toEqual(
            naive.filter(({ end }) => end === null).map(({ start }) => start),
          );
        }
        const events = published.map(({ type, data }) => `${type} ${data.id}`).sort();
        const expected = naive.flatMap(({ start, end }) => {
          const id = alertId({ rule, userId: 'ana' }, start);
          return end === null ? [`alert.opened ${id}`] : [`alert.opened ${id}`, `alert.ended ${id}`];
        });
        expect(events).toEqual(expected.sort());
        await storage.close();
      }, MEMORY_DIRECTORY);
    }),
    { seed, numRuns: 25 },
  );
});

it('one consumer that hears what is accepted, and one that does not, open and end each alert once, as a naive judge does', {
  timeout: 300_000,
}, async () => {
  const seed = testSeed();
  const accepted = fc.array(
    fc.record({
      minute: fc.nat(12),
      rate: fc.constantFrom(50, 65, 95, 130),
      device: fc.constantFrom('watch', 'ring'),
      length: fc.integer({ min: 1, max: 9 }),
    }),
    { maxLength: 3 },
  );
  const step = fc.record({
    accepted,
    /** So many of those that wait are stored. */
    stored: fc.nat(6),
    /** A consumer that was killed has forgotten what it heard. */
    isKilled: fc.boolean(),
    hearsFirst: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(rules, fc.array(step, { minLength: 1, maxLength: 10 }), async (rule, steps) => {
      await withDirectory(async (directory) => {
        const storage = await openDirectoryStorage({ directory });
        const place = openAlertDirectory(directory);
        const both = overlay(storage);
        const clock = { nowMs: () => 0 };
        let pending = createPending(clock);
        let heard: Reading[] = [];
        const [waiting, stored]: [Reading[][], Reading[]] = [[], []];
        let naive: NaiveAlert[] = [];
        const published: string[] = [];
        for (const [i, { accepted: runs, stored: count, isKilled, hearsFirst }] of steps.entries()) {
          if (isKilled) [pending, heard] = [createPending(clock), []];
          for (const { minute, rate, device: deviceId, length } of runs) {
            const run = Array.from({ length }, (_, j) => {
              const timestampMs = (BASE + 3 * i + minute + j - 16) * MINUTE_MS;
              return { userId: 'ana', deviceId, timestampMs, heartRate: rate + j, receivedMs: i * MINUTE_MS };
            });
            const other = { userId: 'ben', deviceId, timestampMs: 0, heartRate: 200, receivedMs: 0 };
            pending.add(queuedFrom([...run, other].reverse()), (userId) => userId === 'ana');
            heard.push(...run);
            waiting.push(run);
          }
          for (const run of waiting.splice(0, count)) {
            await writePart({ storage }, run);
            stored.push(...run);
          }
          const toMinute = BASE + 3 * i + 12;
          const at = { userId: 'ana', nowMs: (toMinute + 1) * MINUTE_MS, toMinute, newsFromMinute: toMinute - 40 };
          for (const hears of hearsFirst ? [true, false] : [false, true]) {
            await both.put(hears ? pending.of('ana', 0) : []);
            const open = await readOpen(place);
            const bench: Bench = {
              ...{ storage: both.storage, place, priority: {}, isTold: true, signal: new AbortController().signal },
              onPublished: ({ type, data }) => void published.push(`${type} ${data.id}`),
              markOf: (name, userId) => open.find((mark) => mark.rule === name && mark.userId === userId),
              onState: () => undefined,
            };
            await judgeLevels(bench, [rule], at);
            const seen = naiveMeans(hears ? [...stored, ...heard] : stored);
            naive = naiveAlerts(rule, seen, naive, { ...at, nowMinute: toMinute + 1 });
            const found = await listAlerts(place);
            const minuteOf = (text: string | null | undefined) => (text == null ? null : Date.parse(text) / MINUTE_MS);
            expect(found.map(({ opened, ended }) => [minuteOf(opened.data.start), minuteOf(ended?.data.end)])).toEqual(
              naive.map(({ start, end }) => [start, end]),
            );
          }
        }
        expect(new Set(published).size).toBe(published.length);
        await storage.close();
      }, MEMORY_DIRECTORY);
    }),
    { seed, numRuns: 40 },
  );
});
