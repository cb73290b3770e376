/** How many requests each thing takes, and how many of them one after the other. What is counted is what is paid, and waited for. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  compact,
  compactAll,
  devices,
  latest,
  measureStorage,
  query,
  queryLook,
  queryTag,
  type Reading,
  type Storage,
  userDays,
  verify,
  writePart,
} from '../../src/index.js';
import { createFakeS3, type FakeS3 } from '../support/fake-s3.js';
import { openFakeStorage } from '../support/s3-storage.js';

const START_MS = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;
const DAYS = 30;

function readingAt(day: number, minute: number, userId = 'ana'): Reading {
  const timestampMs = START_MS + day * DAY_MS + minute * 60_000;
  return { userId, deviceId: 'watch', timestampMs, heartRate: 60 + (minute % 100), receivedMs: timestampMs };
}

/** Counts what a step asks of the service. */
async function requestsOf(fake: FakeS3, step: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = { ...fake.counts };
  await step();
  const kinds = Object.entries(fake.counts).map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const);
  // What was erased is looked at when the last look is old: after the opening, and on a slow machine again.
  return Object.fromEntries(kinds.filter(([kind, count]) => count > 0 && kind !== 'LOOK'));
}

/** Milliseconds without a request after which those that wait are answered: all that could be asked by then was. */
const STILL_MS = 40;

/** Answers requests round by round: all that wait, once nobody asks for more. @returns the rounds. */
async function roundsOf(fake: FakeS3, step: () => Promise<unknown>): Promise<number> {
  let waiting: (() => void)[] = [];
  let [rounds, isDone] = [0, false];
  fake.delay = () => new Promise((resolve) => waiting.push(resolve));
  const done = step().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    const before = fake.requests.length;
    await new Promise((resolve) => setTimeout(resolve, STILL_MS));
    if (waiting.length === 0 || fake.requests.length > before) continue;
    rounds += 1;
    const all = waiting;
    waiting = [];
    for (const answer of all) answer();
  }
  fake.delay = () => Promise.resolve();
  await done;
  return rounds;
}

let fake: FakeS3;
let storage: Storage;

beforeEach(async () => {
  fake = createFakeS3();
  storage = await openFakeStorage(fake);
});

/** A month of days that are compacted, of two users. */
async function fillMonth(): Promise<void> {
  const readings: Reading[] = [];
  for (let day = 0; day < DAYS; day += 1)
    for (const userId of ['ana', 'bob']) readings.push(readingAt(day, 0, userId), readingAt(day, 1, userId));
  await writePart({ storage }, readings);
  await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
}

const dayOf = (reader: Storage) =>
  query({ storage: reader }, { userId: 'ana', start: START_MS, end: START_MS + DAY_MS });
const monthOf = (reader: Storage) =>
  query({ storage: reader }, { userId: 'ana', start: START_MS, end: START_MS + DAYS * DAY_MS });

describe('a drained batch', () => {
  it('is two requests for each file: the file, and the mark', async () => {
    const users = Array.from({ length: 1_000 }, (_, i) => readingAt(0, i % 1_440, `user-${i}`));
    expect(await requestsOf(fake, () => writePart({ storage }, users))).toEqual({ PUT: 2 });
    expect(await requestsOf(fake, () => writePart({ storage }, [readingAt(0, 0)]))).toEqual({ PUT: 2 });
    const ten = Array.from({ length: 10 }, (_, day) => readingAt(day + 1, 0));
    expect(await requestsOf(fake, () => writePart({ storage }, ten))).toEqual({ PUT: 20 });
    const more = Array.from({ length: 10 }, (_, day) => readingAt(day + 11, 0));
    expect(await roundsOf(fake, () => writePart({ storage }, more))).toBe(2);
  });

  it('ends when it is told to, also where the service answers nothing', async () => {
    const stop = new AbortController();
    fake.delay = () => {
      stop.abort();
      return new Promise(() => undefined);
    };
    const written = writePart({ storage }, [readingAt(0, 0)], { signal: stop.signal });
    await expect(written).rejects.toMatchObject({ kind: 'closed' });
  });
});

describe('a compaction', () => {
  it('of a day is as many as its steps', async () => {
    for (let minute = 0; minute < 10; minute += 1) await writePart({ storage }, [readingAt(0, minute)]);
    const requests = await requestsOf(fake, () => compact({ storage }, { date: '20240101', sweepAfterMs: 3_600_000 }));
    // Ten parts are read, and what was made of them; one file and its mark are written; and it is looked at twice: what is there, and what is left.
    expect(requests).toEqual({ LIST: 7, GET: 11, PUT: 2 });
  });

  it('of many days waits for some of them at once', async () => {
    for (const minute of [0, 1]) {
      const days = Array.from({ length: 16 }, (_, day) => readingAt(day, minute));
      await writePart({ storage }, days);
    }
    const one = async (reader: Storage, date?: string) =>
      await compact({ storage: reader }, { date, all: true, sweepAfterMs: 3_600_000 });
    const rounds = await roundsOf(fake, () => one(storage, '20240116'));
    expect(await roundsOf(fake, () => one(storage))).toBeLessThan(2 * rounds);
  });
});

describe('a question', () => {
  it('about a day lists its two partitions, and reads each file once', async () => {
    await fillMonth();
    const reader = await openFakeStorage(fake);
    expect(await requestsOf(fake, () => dayOf(reader))).toEqual({ LIST: 2, GET: 1 });
    expect(await requestsOf(fake, () => dayOf(reader))).toEqual({ LIST: 2 });
  });

  it('about 30 days is two a day and one more, in no more than four rounds', async () => {
    await fillMonth();
    const reader = await openFakeStorage(fake);
    expect(await requestsOf(fake, () => monthOf(reader))).toEqual({ LIST: 1 + DAYS, GET: DAYS });
    expect(await requestsOf(fake, () => monthOf(reader))).toEqual({ LIST: 1 + DAYS });
    const another = await openFakeStorage(fake);
    expect(await roundsOf(fake, () => monthOf(another))).toBeLessThanOrEqual(4);
    // Days with shared parts are listed by themselves, too.
    const users = Array.from({ length: 1_000 }, (_, i) => readingAt(7, i, `user-${i}`));
    await writePart({ storage }, [...users, readingAt(7, 2)]);
    expect(await requestsOf(fake, () => monthOf(reader))).toEqual({ LIST: 2 + DAYS, GET: 1 });
    expect((await monthOf(reader)).length).toBe(2 * DAYS + 1);
  });

  it('has a tag that is waited for no longer, and an answer after it that lists nothing', async () => {
    await fillMonth();
    const question = { userId: 'ana', start: START_MS, end: START_MS + DAYS * DAY_MS };
    const tagOf = (reader: Storage) => queryTag({ storage: reader }, question);
    expect(await requestsOf(fake, () => tagOf(storage))).toEqual({ LIST: 1 + DAYS });
    const another = await openFakeStorage(fake);
    expect(await roundsOf(fake, () => tagOf(another))).toBeLessThanOrEqual(4);
    const both = async (reader: Storage) => {
      const look = await queryLook({ storage: reader }, question);
      expect((await query({ storage: reader }, question, { look })).length).toBe(2 * DAYS);
    };
    const reader = await openFakeStorage(fake);
    expect(await requestsOf(fake, () => both(reader))).toEqual({ LIST: 1 + DAYS, GET: DAYS });
    expect(await requestsOf(fake, () => both(reader))).toEqual({ LIST: 1 + DAYS });
    const third = await openFakeStorage(fake);
    expect(await roundsOf(fake, () => both(third))).toBeLessThanOrEqual(4);
  });

  it('about the last readings is one or two a day of the user, some rounds, and nothing of other dates', async () => {
    await fillMonth();
    await writePart({ storage }, [readingAt(1_000, 0, 'bob')]);
    for (const [ask, extra] of [
      [latest, 1],
      [devices, 2],
    ] as const) {
      const reader = await openFakeStorage(fake);
      const asked = () => ask({ storage: reader }, { userId: 'ana' });
      const requests = await requestsOf(fake, asked);
      // The dates, twice; each date; and those again that the readings are of.
      expect(requests).toEqual({ LIST: 4 + DAYS + 1 + extra, GET: DAYS });
      const another = await openFakeStorage(fake);
      expect(await roundsOf(fake, () => ask({ storage: another }, { userId: 'ana' }))).toBeLessThanOrEqual(11);
    }
  });
});

describe('what looks at everything', () => {
  it('counts a date by one listing, however many users it has', async () => {
    const users = Array.from({ length: 31 }, (_, i) => `user-${i}`);
    for (const userId of users) await writePart({ storage }, [readingAt(0, 0, userId), readingAt(1, 0, userId)]);
    const size = await measureStorage({ storage });
    expect(size).toMatchObject({ partitions: 62, users: 31, days: 2, files: 62 });
    // The dates, their users, their files; and that there are no shared parts.
    expect(await requestsOf(fake, () => measureStorage({ storage }))).toEqual({ LIST: 1 + 2 + 2 + 1 });
    expect(await roundsOf(fake, () => userDays({ storage }, { userId: 'user-0' }))).toBeLessThanOrEqual(7);
  });

  it('verifies with a listing and a read for each partition, some at once', async () => {
    await fillMonth();
    const reader = await openFakeStorage(fake);
    const requests = await requestsOf(fake, () => verify({ storage: reader }));
    expect(requests).toEqual({ LIST: 2 + DAYS + 2 * DAYS + 1, GET: 2 * DAYS });
    const another = await openFakeStorage(fake);
    expect(await roundsOf(fake, () => verify({ storage: another }))).toBeLessThanOrEqual(20);
  });
});
