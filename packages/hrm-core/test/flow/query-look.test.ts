/** What was listed for a tag is not listed again for the answer, and the answer is right whatever happens in between. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compactAll,
  erase,
  type QueryLook,
  type QuestionInput,
  query,
  queryLook,
  queryTag,
  type Reading,
  type Row,
  type Storage,
  writePart,
} from '../../src/index.js';
import { createFakeS3 } from '../support/fake-s3.js';
import { testSeed } from '../support/random.js';
import { openFakeStorage } from '../support/s3-storage.js';

const START_MS = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;
const DAYS = 3;
const RUNS = 20;

const QUESTION: QuestionInput = { userId: 'ana', start: START_MS, end: START_MS + DAYS * DAY_MS };

const readings = fc.array(
  fc.record({
    userId: fc.constantFrom('ana', 'bob', 'cy'),
    deviceId: fc.constantFrom('watch', 'strap'),
    timestampMs: fc
      .integer({ min: 0, max: DAYS * 4 - 1 })
      .map((at) => START_MS + Math.floor(at / 4) * DAY_MS + (at % 4) * 60_000),
    heartRate: fc.integer({ min: 30, max: 220 }),
    receivedMs: fc.integer({ min: 0, max: 3 }).map((minute) => START_MS + minute * 60_000),
  }),
  { minLength: 1, maxLength: 12 },
);

/** Readings of others, so that whoever is with them is in a shared part. */
const CROWD = Array.from({ length: 40 }, (_, u) => `a${u}`);

const step = fc.oneof(
  readings.map((some) => ({ what: 'write', readings: some }) as const),
  readings.map((some) => {
    const dates = new Set(some.map(({ timestampMs }) => timestampMs));
    const crowd = [...dates].flatMap((timestampMs) =>
      CROWD.map((userId) => ({ userId, deviceId: 'watch', timestampMs, heartRate: 70, receivedMs: START_MS })),
    );
    return { what: 'write', readings: [...some, ...crowd] } as const;
  }),
  fc.constant({ what: 'compact' } as const),
);

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

async function doSteps(storage: Storage, steps: readonly Step[]): Promise<void> {
  for (const one of steps) {
    if (one.what === 'write') await writePart({ storage }, one.readings);
    else await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
  }
}

/** Of each minute its row, as text. */
function minutesOf(rows: readonly Row[]): Map<number, string> {
  return new Map(rows.map((row) => [Number(new Date(row.timestamp)), JSON.stringify(row)]));
}

function ask(storage: Storage, look?: QueryLook): Promise<Row[]> {
  return query({ storage }, QUESTION, { look });
}

describe('an answer after a look', () => {
  it('is of the moment of the look or later, whatever was stored, merged and swept meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 6 }),
        fc.array(step, { maxLength: 4 }),
        async (before, meanwhile) => {
          const storage = await openFakeStorage(createFakeS3());
          await doSteps(storage, before);
          const then = minutesOf(await ask(storage));
          const look = await queryLook({ storage }, QUESTION);
          expect(look.tag).toBe(await queryTag({ storage }, QUESTION));
          await doSteps(storage, meanwhile);
          const now = minutesOf(await ask(storage));
          const answered = minutesOf(await ask(storage, look));
          for (const [minute, row] of then) expect([row, now.get(minute)]).toContain(answered.get(minute));
          for (const [minute, row] of answered) expect([then.get(minute), now.get(minute)]).toContain(row);
          if (meanwhile.every(({ what }) => what === 'compact')) expect(answered).toEqual(then);
          await storage.close();
        },
      ),
      { numRuns: RUNS, seed: testSeed() },
    );
  });

  it('has nothing of what was erased after it', async () => {
    const storage = await openFakeStorage(createFakeS3());
    const at = (userId: string): Reading => {
      return { userId, deviceId: 'watch', timestampMs: START_MS, heartRate: 70, receivedMs: START_MS };
    };
    await writePart({ storage }, [at('ana')]);
    const look = await queryLook({ storage }, QUESTION);
    await erase({ storage }, { userId: 'ana' });
    expect(await ask(storage, look)).toEqual([]);
    await storage.close();
  });
});
