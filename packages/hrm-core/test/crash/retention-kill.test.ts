/**
 * Days are deleted while readings of them come late and everybody asks, by two processes that are killed at any moment: what is kept is answered
 * throughout, what is not never is, and in the end nothing of it is there.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../../../../test/support/until.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { query, type Reading, writePart } from '../../src/index.js';
import { bundleCompacter, type Compacter, startCompacter } from '../support/compacter.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const ROUNDS = Math.min(6, Number(process.env.HRM_CRASH_ROUNDS ?? 6));
const DAY_MS = 86_400_000;
/** As the compacters have it. */
const NOW_MS = Date.UTC(2025, 0, 1);
const DAYS = 12;
const KEPT_DAYS = 4;
const USERS = ['ana', 'ben', 'cleo'];

/** A reading a user, device and day; only those of some day in a batch after the first. */
function batch(b: number): Reading[] {
  const days = b === 0 ? Array.from({ length: DAYS }, (_, day) => day) : [b % DAYS];
  return days.flatMap((day) =>
    USERS.flatMap((userId) =>
      ['strap', 'watch'].map((deviceId) => ({
        userId,
        deviceId,
        timestampMs: NOW_MS - day * DAY_MS + (b % 1_000) * 60_000,
        heartRate: 60,
        receivedMs: NOW_MS,
      })),
    ),
  );
}

it(`keeps what is kept, and nothing else, through ${ROUNDS} SIGKILLs of compacters`, { timeout: 300_000 }, async () => {
  const random = randomFrom(testSeed());
  const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-retention-kill-'));
  const data = path.join(directory, 'data');
  const clock = { nowMs: () => NOW_MS };
  const storage = await openDirectoryStorage({ directory: data, clock });
  const program = await bundleCompacter(directory);
  const compacters: Compacter[] = [];
  const wanted = new Set<string>();
  let [sent, isOver] = [0, false];

  async function write(): Promise<void> {
    const readings = batch(sent);
    await writePart({ storage }, readings);
    for (const { userId, deviceId, timestampMs } of readings) {
      const days = userId === 'cleo' ? DAYS - 2 : deviceId === 'strap' ? 2 : KEPT_DAYS;
      if (timestampMs >= NOW_MS - (days - 1) * DAY_MS) wanted.add(`${userId} ${deviceId} ${timestampMs}`);
    }
    sent += 1;
  }

  async function readAll(): Promise<Set<string>> {
    const found = new Set<string>();
    for (const userId of USERS)
      for (const deviceId of ['strap', 'watch']) {
        const asked = { userId, deviceId, start: NOW_MS - DAYS * DAY_MS, end: NOW_MS + DAY_MS };
        for (const { timestamp } of await query({ storage }, asked))
          found.add(`${userId} ${deviceId} ${Date.parse(timestamp)}`);
      }
    return found;
  }

  async function work(): Promise<void> {
    while (!isOver) {
      await write();
      expect([...(await readAll())].sort()).toEqual([...wanted].sort());
      await delay(random() * 20);
    }
  }

  async function kill(): Promise<void> {
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        while (compacters.length < 2) compacters.push(startCompacter(program, data, 50));
        await delay(400 + random() * 600);
        compacters.splice(Math.floor(random() * 2), 1)[0]?.kill();
      }
    } finally {
      isOver = true;
    }
  }

  try {
    await write();
    await storage.erasures.keepFor({
      days: KEPT_DAYS,
      rules: [
        { user_id: 'cleo', days: DAYS - 2 },
        { device_id: 'strap', days: 2 },
      ],
    });
    await Promise.all([work(), kill()]);
    expect(sent).toBeGreaterThan(1);
    const expected = [...wanted].map((key) => {
      const [user, , ms] = key.split(' ');
      return `${new Date(Number(ms)).toISOString().slice(0, 10).replaceAll('-', '')}/${user}`;
    });
    const places = new Set(expected);
    await until(async () => {
      const dates = (await readdir(data)).filter((name) => /^\d{8}$/.test(name));
      const users = await Promise.all(
        dates.map(async (date) => (await readdir(path.join(data, date))).map((user) => `${date}/${user}`)),
      );
      return users
        .flat()
        .filter((place) => !place.endsWith('_shared'))
        .every((place) => places.has(place));
    }, 'only what is kept is there');
    expect([...(await readAll())].sort()).toEqual([...wanted].sort());
  } finally {
    for (const compacter of compacters) compacter.kill();
    await storage.close();
    await rm(directory, { recursive: true, maxRetries: 5 });
  }
});
