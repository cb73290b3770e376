/**
 * No long piece of work, whatever is stored: very many devices, days or files, and plain days and years. As in long-pieces.test.ts, measured
 * is processor time between two turns of the event loop.
 */
import { type Reading, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { describe, expect, it } from 'vitest';
import { MEMORY_DIRECTORY } from '../packages/hrm-core/test/support/temporary-directory.js';
import { environment, runHrm, startService, temporaryDirectory } from './support/hrm.js';
import { writePartOfEach } from './support/many-parts.js';
import { leastOfTries, MAX_HOSTILE_MS, MAX_PLAIN_MS, type Stalls, watchStalls } from './support/stalls.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);
const DAY = 'start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';

/** Dates that a user has readings on: all that a store can have from 1970 to now. */
const MANY_DATES = 20_000;

/**
 * Parts of one user's day: made in seconds. Planning a day and adding up its rollups are linear in them and in one piece each, some 3 ms a
 * thousand, so that a hundred thousand would not be within the bound.
 */
const MANY_PARTS = 10_000;

interface Stored {
  readonly url: string;
  readonly stalls: Stalls;
}

/** Fills a store, and serves it. */
async function serveStore(
  fill: (store: { directory: string; write(readings: readonly Reading[]): Promise<void> }) => Promise<void>,
  settings: Record<string, string> = {},
  ...parts: string[]
): Promise<Stored> {
  const stalls = watchStalls();
  const plain = environment(await temporaryDirectory(MEMORY_DIRECTORY), settings);
  const directory = String(plain.HRM_DATA_DIR);
  const storage = await openDirectoryStorage({ directory });
  async function write(readings: readonly Reading[]): Promise<void> {
    for (let from = 0; from < readings.length; from += 25_000)
      await writePart({ storage }, readings.slice(from, from + 25_000));
  }
  await fill({ directory, write });
  await storage.close();
  const { url } = await startService({ ...plain, ...stalls.env }, '--only', 'api', ...parts);
  await ask(`${url}/health/live`);
  return { url, stalls };
}

/** Asks, and takes the answer as it comes. */
async function ask(url: string, accept = 'application/json'): Promise<string> {
  const response = await fetch(url, { headers: { Accept: accept } });
  const body = await response.text();
  expect([url, response.status, body.length > 0]).toEqual([url, 200, true]);
  return body;
}

/** Asks each question. @returns those that a piece of the answer took too long for. */
async function tooLong({ url, stalls }: Stored, maxMs: number, questions: readonly (readonly [string, string?])[]) {
  const lasted: [string, number][] = [];
  for (const [path, accept] of questions) {
    const ms = await leastOfTries(stalls, maxMs, async () => void (await ask(url + path, accept)));
    lasted.push([`${path} ${accept ?? ''}`, ms]);
  }
  return lasted.filter(([, ms]) => ms > maxMs);
}

/** Every question about a user's range. */
function questionsAbout(user: string, range: string, device: string): [string, string?][] {
  const path = `/metrics/heart-rate?user_id=${user}&${range}`;
  return [
    [path],
    [path, 'text/csv'],
    [path, 'application/x-ndjson'],
    [`${path}&interval=1d`],
    [`${path}&device_id=${device}`],
    [`/users/${user}/latest`],
    [`/users/${user}/devices`],
  ];
}

/** What is stored is counted in the background; the first count is not there with the first answer. */
async function waitForCount({ url }: Stored): Promise<void> {
  await expect.poll(async () => JSON.parse(await ask(`${url}/system`)).files !== null, { timeout: 60_000 }).toBe(true);
}

function reading(userId: string, deviceId: string, timestampMs: number): Reading {
  return {
    userId,
    deviceId,
    timestampMs,
    heartRate: 60 + (Math.floor(timestampMs / 1_000) % 90),
    receivedMs: timestampMs,
  };
}

/** Very many devices with the longest ids, in one minute and over some. */
function manyDevices(count: number, minutes: number): Reading[] {
  return Array.from({ length: count * minutes }, (_, i) => {
    const device = i % count;
    const deviceId = `${'€'.repeat(minutes === 1 ? 120 : 1)}${device}`;
    return reading(`of ${minutes}`, deviceId, START_MS + Math.floor(i / count) * 60_000 + device);
  });
}

/** Two devices in turn, from a moment on, each every so often. */
function twoDevices(userId: string, fromMs: number, everyMs: number, forMs: number): Reading[] {
  return Array.from({ length: (2 * forMs) / everyMs }, (_, i) =>
    reading(userId, i % 2 === 0 ? 'strap' : 'watch', fromMs + Math.floor(i / 2) * everyMs),
  );
}

describe('no long piece of work', () => {
  it('in any question about very many devices', async () => {
    const stored = await serveStore(async ({ write }) => {
      for (const [devices, minutes] of [
        [9_000, 1],
        [1_000, 100],
      ] as const)
        await write(manyDevices(devices, minutes));
    });
    const questions = ['of 1', 'of 100'].flatMap((user) => questionsAbout(encodeURIComponent(user), DAY, '7'));
    expect(await tooLong(stored, MAX_HOSTILE_MS, questions)).toEqual([]);
  });

  it(`in any question over ${MANY_DATES} days, and in counting them`, async () => {
    const stored = await serveStore(async ({ directory, write }) => {
      const days = Array.from({ length: MANY_DATES }, (_, d) => reading('ana', 'watch', d * DAY_MS + 3_600_000));
      await write(days.slice(0, 1));
      writePartOfEach(directory, days.slice(1));
    });
    const tenYears = 'start=2010-01-01T00:00:00Z&end=2020-01-01T00:00:00Z';
    const ofAll = [['/users/ana/latest'], ['/users/nobody/latest'], ['/users/nobody/devices']] as const;
    const ofTenYears = questionsAbout('ana', tenYears, 'watch').slice(0, 2);
    expect(await tooLong(stored, MAX_HOSTILE_MS, [...ofTenYears, ...ofAll])).toEqual([]);
    await waitForCount(stored);
    expect(stored.stalls.longestMs()).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });

  it(`in any question about a day of ${MANY_PARTS} parts, and in counting them`, async () => {
    const stored = await serveStore(async ({ directory, write }) => {
      const parts = Array.from({ length: MANY_PARTS }, (_, i) => reading('ana', 'watch', START_MS + i * 8_000));
      await write(parts.slice(0, 1));
      writePartOfEach(directory, parts.slice(1));
    });
    await waitForCount(stored);
    expect(stored.stalls.longestMs()).toBeLessThanOrEqual(MAX_HOSTILE_MS);
    const hour = 'user_id=ana&start=2024-01-15T01:00:01Z&end=2024-01-15T02:00:01Z';
    const questions = [...questionsAbout('ana', DAY, 'watch'), [`/metrics/heart-rate?${hour}`] as const];
    expect(await tooLong(stored, MAX_HOSTILE_MS, questions)).toEqual([]);
  });

  it('in a run of a compacter over very many devices, users and parts', async () => {
    const { url, stalls } = await serveStore(
      async ({ directory, write }) => {
        const parts = Array.from({ length: 1_500 }, (_, i) => reading('parts', 'watch', START_MS + i * 8_000));
        writePartOfEach(directory, parts.slice(1));
        await write(parts.slice(0, 1));
        await write(manyDevices(9_000, 1));
        await write(manyDevices(1_000, 100));
        const users = Array.from({ length: 20_000 }, (_, i) => {
          return reading(`${'€'.repeat(100)}${i % 10_000}`, 'watch', START_MS + i);
        });
        for (const shared of [users.slice(0, 10_000), users.slice(10_000)]) await write(shared);
      },
      { HRM_COMPACT_EVERY_MS: '1000' },
      '--only',
      'compacter',
    );
    await expect
      .poll(async () => JSON.parse(await ask(`${url}/system`)).compaction?.left === 0, { timeout: 60_000 })
      .toBe(true);
    expect(stalls.longestMs()).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });

  it('in any question about a plain day and a plain year of two devices', async () => {
    const stored = await serveStore(async ({ directory, write }) => {
      await write(twoDevices('ana', START_MS, 1_000, DAY_MS));
      await write(twoDevices('ben', Date.UTC(2024, 0, 1), 600_000, 366 * DAY_MS));
      await runHrm(environment(`${directory}/..`), 'compact', '--all');
      await write(twoDevices('ana', START_MS + 500, 60_000, 3_600_000));
    });
    const year = 'start=2024-01-01T00:00:00Z&end=2025-01-01T00:00:00Z';
    const questions = [...questionsAbout('ana', DAY, 'watch'), ...questionsAbout('ben', year, 'watch')];
    expect(await tooLong(stored, MAX_PLAIN_MS, questions)).toEqual([]);
  });
});
