/**
 * No long piece of work, whatever is stored: very many devices, days or files, and plain days and years. As in long-pieces.test.ts, measured
 * is processor time between two turns of the event loop.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Reading, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { describe, expect, it, onTestFinished } from 'vitest';
import { environment, runHrm, type Service, startService, temporaryDirectory } from './support/hrm.js';
import { writePartOfEach } from './support/many-parts.js';
import { leastOf, longestUntilNow, MAX_HOSTILE_MS, MAX_PLAIN_MS, type Stalls, watchStalls } from './support/stalls.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);
const DAY = 'start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';

/** Days that a user has readings on: all that a store can have from 1970 to now. */
const MANY_DAYS = 20_000;

/**
 * Parts of one user's day. They are made in seconds; 100,000 take minutes, and so does each question about them, so that as many are made only
 * where HRM_LONG_PIECES_PARTS says it. What is done of each is the same, and no piece grows with their number.
 */
const MANY_PARTS = Number(process.env.HRM_LONG_PIECES_PARTS ?? 5_000);
/** Parts that are made, and asked about, in a second, about; a test of them may take as many more. */
const PARTS_A_SECOND = 100;

/** A store, and what serves it. */
interface Store {
  readonly directory: string;
  /** Starts a process that knows nothing of it yet. */
  serve(...parts: string[]): Promise<Served>;
}

interface Served {
  readonly service: Service;
  readonly stalls: Stalls;
}

/** Fills a store. */
async function makeStore(
  fill: (store: { directory: string; write(readings: readonly Reading[]): Promise<void> }) => Promise<void>,
  settings: Record<string, string> = {},
): Promise<Store> {
  const plain = environment(await temporaryDirectory(), settings);
  const directory = String(plain.HRM_DATA_DIR);
  const storage = await openDirectoryStorage({ directory });
  async function write(readings: readonly Reading[]): Promise<void> {
    for (let from = 0; from < readings.length; from += 25_000)
      await writePart({ storage }, readings.slice(from, from + 25_000));
  }
  await fill({ directory, write });
  await storage.close();
  async function serve(...parts: string[]): Promise<Served> {
    const stalls = watchStalls();
    const service = await startService({ ...plain, ...stalls.env }, '--only', 'api', ...parts);
    await ask(`${service.url}/health/live`);
    await longestUntilNow(stalls);
    return { service, stalls };
  }
  return { directory, serve };
}

/** Headers of a question. */
type Headers = Readonly<Record<string, string>>;
type Asked = readonly [path: string, headers?: Headers];

/** Asks, and takes the answer as it comes. */
async function ask(url: string, headers: Headers = {}): Promise<string> {
  const response = await fetch(url, { headers });
  const body = await response.text();
  expect([url, response.status, body.length > 0]).toEqual([url, 200, true]);
  return body;
}

/**
 * Asks each question of a process that was just started, so that nothing is known yet, and those that a piece of the answer took too long for
 * again of another.
 * @returns those of them that were too long each time, with the longest piece of the best try.
 */
async function tooLong(store: Store, maxMs: number, questions: readonly Asked[]): Promise<readonly [string, number][]> {
  const leastMs = new Map<Asked, number>();
  const isLong = (asked: Asked) => (leastMs.get(asked) ?? Number.POSITIVE_INFINITY) > maxMs;
  await leastOf(0, async () => {
    const left = questions.filter(isLong);
    if (left.length === 0) return 0;
    const { service, stalls } = await store.serve();
    for (const asked of left) {
      const [path, headers] = asked;
      stalls.longestMs();
      await ask(service.url + path, headers);
      leastMs.set(asked, Math.min(leastMs.get(asked) ?? Number.POSITIVE_INFINITY, await longestUntilNow(stalls)));
    }
    await service.end('SIGTERM');
    return Number.POSITIVE_INFINITY;
  });
  return questions.filter(isLong).map((asked) => [JSON.stringify(asked), leastMs.get(asked) as number]);
}

/** Every question about a user's range, in every form. */
function questionsAbout(user: string, range: string, device: string): Asked[] {
  const path = `/metrics/heart-rate?user_id=${user}&${range}`;
  return [
    [path],
    [path, { Accept: 'text/csv' }],
    [path, { Accept: 'application/x-ndjson; end=count', 'Accept-Encoding': 'gzip' }],
    [`${path}&interval=1d`],
    [`${path}&device_id=${device}`, { Accept: 'text/csv; end=count', 'Accept-Encoding': 'br' }],
    [`/users/${user}/latest`],
    [`/users/${user}/devices`],
  ];
}

/** What is asked about no user. */
const OF_ALL: readonly Asked[] = [['/metrics'], ['/health'], ['/system'], ['/openapi.json'], ['/docs']];

/** What is stored is counted in the background, from the first question on. @returns the longest piece of the best first count. */
async function countFirst(store: Store): Promise<number> {
  return await leastOf(MAX_HOSTILE_MS, async () => {
    const { service, stalls } = await store.serve();
    const count = async () => JSON.parse(await ask(`${service.url}/system`)).files !== null;
    await expect.poll(count, { timeout: 60_000 + (1_000 * MANY_PARTS) / PARTS_A_SECOND }).toBe(true);
    const longestMs = await longestUntilNow(stalls);
    await service.end('SIGTERM');
    return longestMs;
  });
}

/** Runs a verb of the library over a store. @returns the longest piece of the best try. */
async function runVerb(directory: string, verb: 'export' | 'verify'): Promise<number> {
  return await leastOf(MAX_HOSTILE_MS, async () => {
    const stalls = watchStalls();
    const child = spawn(process.execPath, [RUN_VERB, directory, verb], {
      env: { PATH: process.env.PATH, ...stalls.env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit') as Promise<[number | null]>;
    onTestFinished(() => void child.kill('SIGKILL'));
    await Promise.race([once(child.stdout, 'data'), exited]);
    await longestUntilNow(stalls);
    child.stdin.write('go');
    expect((await exited)[0]).toBe(0);
    return stalls.longestMs();
  });
}

const RUN_VERB = fileURLToPath(new URL('./support/run-verb.mjs', import.meta.url));

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

/** Users and devices of which there are very many. */
async function writeManyDevices(write: (readings: readonly Reading[]) => Promise<void>): Promise<void> {
  await write(manyDevices(9_000, 1));
  await write(manyDevices(1_000, 100));
}

// Of each question there may be several tries, each of a new process.
describe('no long piece of work', { timeout: 180_000 }, () => {
  it('in any question about very many devices, in exporting and in verifying them', async () => {
    const store = await makeStore(({ write }) => writeManyDevices(write));
    const questions = ['of 1', 'of 100'].flatMap((user) => questionsAbout(encodeURIComponent(user), DAY, '7'));
    expect(await tooLong(store, MAX_HOSTILE_MS, [...questions, ...OF_ALL])).toEqual([]);
    expect(await runVerb(store.directory, 'export')).toBeLessThanOrEqual(MAX_HOSTILE_MS);
    expect(await runVerb(store.directory, 'verify')).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });

  it(`in any question over ${MANY_DAYS} days, and in counting them`, async () => {
    const store = await makeStore(async ({ directory, write }) => {
      const days = Array.from({ length: MANY_DAYS }, (_, d) => reading('ana', 'watch', d * DAY_MS + 3_600_000));
      await write(days.slice(0, 1));
      writePartOfEach(directory, days.slice(1));
    });
    const tenYears = 'start=2010-01-01T00:00:00Z&end=2020-01-01T00:00:00Z';
    const ofAll: Asked[] = [['/users/ana/latest'], ['/users/nobody/latest'], ['/users/nobody/devices']];
    const threeYears = 'start=2017-01-01T00:00:00Z&end=2020-01-01T00:00:00Z';
    const ofYears = [
      ...questionsAbout('ana', tenYears, 'watch').slice(0, 1),
      ...questionsAbout('ana', threeYears, 'watch').slice(1, 2),
    ];
    expect(await tooLong(store, MAX_HOSTILE_MS, [...ofYears, ...ofAll])).toEqual([]);
    expect(await countFirst(store)).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });

  it(`in any question about a day of ${MANY_PARTS} parts, in counting, exporting and verifying them`, {
    timeout: 120_000 + (1_000 * MANY_PARTS) / (PARTS_A_SECOND / 10),
  }, async () => {
    const everyMs = Math.floor(DAY_MS / MANY_PARTS);
    const store = await makeStore(async ({ directory, write }) => {
      const parts = Array.from({ length: MANY_PARTS }, (_, i) => reading('ana', 'watch', START_MS + i * everyMs));
      await write(parts.slice(0, 1));
      writePartOfEach(directory, parts.slice(1));
    });
    expect(await countFirst(store)).toBeLessThanOrEqual(MAX_HOSTILE_MS);
    const hour = 'user_id=ana&start=2024-01-15T01:00:01Z&end=2024-01-15T02:00:01Z';
    const questions: Asked[] = [...questionsAbout('ana', DAY, 'watch'), [`/metrics/heart-rate?${hour}`]];
    expect(await tooLong(store, MAX_HOSTILE_MS, questions)).toEqual([]);
    expect(await runVerb(store.directory, 'export')).toBeLessThanOrEqual(MAX_HOSTILE_MS);
    expect(await runVerb(store.directory, 'verify')).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });

  it('in a run of a compacter over very many devices, users and parts', async () => {
    async function compactAll(): Promise<number> {
      const store = await makeStore(
        async ({ directory, write }) => {
          const parts = Array.from({ length: 1_500 }, (_, i) => reading('parts', 'watch', START_MS + i * 8_000));
          writePartOfEach(directory, parts.slice(1));
          await write(parts.slice(0, 1));
          await writeManyDevices(write);
          const users = Array.from({ length: 20_000 }, (_, i) => {
            return reading(`${'€'.repeat(100)}${i % 10_000}`, 'watch', START_MS + i);
          });
          for (const shared of [users.slice(0, 10_000), users.slice(10_000)]) await write(shared);
        },
        { HRM_COMPACT_EVERY_MS: '1000' },
      );
      const { service, stalls } = await store.serve('--only', 'compacter');
      const left = async () => JSON.parse(await ask(`${service.url}/system`)).compaction?.left;
      await expect.poll(left).toBe(0);
      const longestMs = await longestUntilNow(stalls);
      await service.end('SIGTERM');
      return longestMs;
    }
    expect(await leastOf(MAX_HOSTILE_MS, compactAll)).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });

  it('in any question about a plain day and a plain year of two devices', async () => {
    const store = await makeStore(async ({ directory, write }) => {
      await write(twoDevices('ana', START_MS, 1_000, DAY_MS));
      await write(twoDevices('ben', Date.UTC(2024, 0, 1), 600_000, 366 * DAY_MS));
      await runHrm(environment(`${directory}/..`), 'compact', '--all');
      await write(twoDevices('ana', START_MS + 500, 60_000, 3_600_000));
    });
    const year = 'start=2024-01-01T00:00:00Z&end=2025-01-01T00:00:00Z';
    const questions = [...questionsAbout('ana', DAY, 'watch'), ...questionsAbout('ben', year, 'watch')];
    expect(await tooLong(store, MAX_PLAIN_MS, [...questions, ...OF_ALL])).toEqual([]);
  });
});
