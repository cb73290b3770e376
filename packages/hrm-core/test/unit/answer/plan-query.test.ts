import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DAY_MS, MINUTE_MS } from '../../../src/limits.js';
import { answerDay } from '../../../src/pure/answer/answer.js';
import { tablesOf } from '../../../src/pure/answer/day-part.js';
import { INTERVAL_MS } from '../../../src/pure/answer/interval.js';
import { countReads, planDay, selectReadings } from '../../../src/pure/answer/plan-query.js';
import { RESOLVES } from '../../../src/pure/answer/resolve.js';
import { rowsOf } from '../../../src/pure/answer/row-table.js';
import type { Reading } from '../../../src/pure/columns.js';
import { mergeReadings } from '../../../src/pure/merge.js';
import { oracleAnswer } from '../../property/oracle.js';
import { type AskedQuestion, asked } from '../../support/asked-question.js';
import { type GivenFile, storeFile } from '../../support/given-files.js';

/** In the midst of ten days that questions are about. */
const START_MS = 5 * DAY_MS;

const edge = fc.oneof(
  fc.integer({ min: 0, max: 2 * START_MS }),
  // Around the day's own edges, where a difference of one decides.
  fc
    .tuple(fc.constantFrom(-1, 0, 1, 2), fc.integer({ min: -120_000, max: 120_000 }))
    .map(([day, ms]) => START_MS + day * DAY_MS + ms),
  fc.integer({ min: -DAY_MS, max: 2 * DAY_MS }).map((ms) => START_MS + ms),
  fc.integer({ min: -1_440, max: 2_880 }).map((minute) => START_MS + minute * 60_000),
);
const id = fc.constantFrom('a', 'b', 'c');
const anyPriority = fc.dictionary(id, fc.integer({ min: 1, max: 3 }));
const anyQuestion = fc
  .record({
    edges: fc.tuple(edge, edge),
    deviceId: fc.option(id, { nil: undefined, freq: 3 }),
    intervalMs: fc.constantFrom(...Object.values(INTERVAL_MS)),
    priority: anyPriority,
    resolve: fc.constantFrom(...RESOLVES),
  })
  .map(({ edges, ...rest }) => asked({ ...rest, userId: 'u', fromMs: Math.min(...edges), toMs: Math.max(...edges) }));
const anyReading = fc
  .record({
    deviceId: id,
    at: fc.oneof(
      fc.integer({ min: 0, max: 240_000 }),
      fc.integer({ min: DAY_MS - 240_000, max: DAY_MS - 1 }),
      fc.integer({ min: 0, max: DAY_MS - 1 }),
    ),
    heartRate: fc.integer({ min: 30, max: 220 }),
  })
  .map(({ at, ...rest }): Reading => ({ ...rest, userId: 'u', timestampMs: START_MS + at, receivedMs: 0 }));
const anyFiles = fc.array(
  fc.record({
    readings: fc.array(anyReading, { minLength: 1, maxLength: 40 }),
    rolledUpBy: fc.option(anyPriority, { nil: null, freq: 4 }),
    hasSpans: fc.boolean(),
  }),
  { minLength: 1, maxLength: 3 },
);

const yieldTurn = async () => undefined;

type StoredFile = ReturnType<typeof storeFile>;

/** The day's files as they are stored: made once for all questions about them, since to make them is most of the work. */
function storeFiles(given: readonly GivenFile[]): readonly StoredFile[] {
  return given.map((file) => storeFile(file.readings, file.rolledUpBy, START_MS, file.hasSpans));
}

/** What a question gets of the day, however much else it is about. */
async function askDay(files: readonly StoredFile[], question: AskedQuestion) {
  const plan = await planDay(files, question, START_MS, yieldTurn);
  const tables = plan.reads.flat().map(({ columns }) => selectReadings(columns, question, plan.source, START_MS));
  return {
    plan,
    part: await answerDay({ files, plan, readings: mergeReadings(tables), dayMs: START_MS }, question, yieldTurn),
  };
}

/** The same, in two parts that meet at a minute. */
async function askInParts(files: readonly StoredFile[], question: AskedQuestion, minute: number) {
  const middleMs = Math.min(Math.max(START_MS + minute * MINUTE_MS, question.fromMs), question.toMs);
  const parts = [
    (await askDay(files, { ...question, toMs: middleMs })).part,
    (await askDay(files, { ...question, fromMs: middleMs })).part,
  ];
  return [...tablesOf(parts)].flatMap((table) => rowsOf(table));
}

it('gives a question what is its own of the day, wherever it begins and ends', async () => {
  let outside = 0;
  await fc.assert(
    fc.asyncProperty(anyFiles, anyQuestion, fc.integer({ min: 0, max: 1_440 }), async (given, question, minute) => {
      const files = storeFiles(given);
      const { plan, part } = await askDay(files, question);
      const expected = oracleAnswer(
        given.flatMap((file) => file.readings),
        question,
      );
      expect([...tablesOf([part])].flatMap((table) => rowsOf(table))).toEqual(expected);
      expect(await askInParts(files, question, minute)).toEqual(expected);
      const reads = plan.reads.map((groups) => groups.map((group) => ({ ...group, rows: group.columns.length })));
      expect(countReads({ ...plan, reads }, question)).toBeGreaterThanOrEqual(0);
      if (question.toMs > START_MS && question.fromMs < START_MS + DAY_MS) return;
      outside += 1;
      expect(plan.source.every((source) => source < 0)).toBe(true);
      expect(plan.reads.flat()).toEqual([]);
    }),
    { numRuns: 3_000 },
  );
  expect(outside).toBeGreaterThan(300);
});

it('gives a day of more parts than 16 bits tell apart all of its readings', async () => {
  // Most minutes are of many parts; the last parts have each a minute of their own, and in half of them the devices disagree.
  const [many, few] = [2 ** 15, 200];
  const atOf = (i: number) => (i < many ? i * 500 : (i - many + 1_000) * 60_000);
  const readings = Array.from({ length: many + few }, (_, i) => {
    const own = [reading('a', atOf(i), 70)];
    return i % 2 === 0 ? own : [...own, reading('b', atOf(i), 90)];
  });
  const files = storeFiles(readings.map((own) => ({ readings: own, rolledUpBy: {}, hasSpans: true })));
  for (const deviceId of [undefined, 'b']) {
    const whole = { fromMs: START_MS, toMs: START_MS + DAY_MS, intervalMs: 60_000, priority: {} };
    const question = asked({ userId: 'u', deviceId, ...whole });
    expect([...tablesOf([(await askDay(files, question)).part])].flatMap((table) => rowsOf(table))).toEqual(
      oracleAnswer(readings.flat(), question),
    );
  }
});

it('plans a file of more row groups than a call takes arguments', async () => {
  const group = (ms: number) => ({ fromMs: START_MS + ms, lastMs: START_MS + ms, userId: 'u', deviceId: 'a', rows: 1 });
  const groups = Array.from({ length: 300_000 }, (_, i) => group(i * 100));
  const range = { fromMs: START_MS, toMs: START_MS + DAY_MS, intervalMs: 60_000 };
  const question = asked({ userId: 'u', ...range, priority: {} });
  const { reads } = await planDay([{ rollup: null, groups }], question, START_MS, yieldTurn);
  expect(reads[0]).toHaveLength(300_000);
});

function reading(deviceId: string, at: number, heartRate: number): Reading {
  return { userId: 'u', deviceId, timestampMs: START_MS + at, heartRate, receivedMs: 0 };
}
