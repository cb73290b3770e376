/** Copies of a store that is written to and compacted, killed at any moment: the last one, which is not, makes the copy whole. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { compact, query, type Reading, type Storage, verify, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { expect, it, onTestFinished } from 'vitest';
import { HRM_BIN } from '../packages/hrm-cli/test/hrm.js';
import { randomFrom, testSeed } from '../packages/hrm-core/test/support/random.js';
import { environment, runHrm, temporaryDirectory } from './support/hrm.js';

const ROUNDS = Math.min(30, Number(process.env.HRM_CRASH_ROUNDS ?? 5));
const SEED = testSeed();
const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;
const DAYS = 40;
/** More than share a part. */
const USERS = Array.from({ length: 40 }, (_, user) => `user ${user}`);
const GRACE_MS = 500;

/** A minute of everybody, on a day of its own in turn. */
function batch(b: number): Reading[] {
  const timestampMs = START_MS + (b % DAYS) * DAY_MS + Math.floor(b / DAYS) * 60_000;
  return USERS.map((userId, user) => {
    return { userId, deviceId: 'watch', timestampMs, heartRate: 40 + ((b + user) % 100), receivedMs: timestampMs };
  });
}

async function filesIn(directory: string): Promise<number> {
  return (await readdir(directory, { recursive: true }).catch(() => [])).length;
}

async function answersOf(storage: Storage): Promise<unknown> {
  const answers = [];
  for (const userId of USERS.slice(0, 5)) {
    answers.push(await query({ storage }, { userId, start: START_MS, end: START_MS + DAYS * DAY_MS }));
  }
  return answers;
}

it(`a copy that was killed ${ROUNDS} times lacks nothing once one has ended`, {
  timeout: 120_000 + ROUNDS * 10_000,
}, async () => {
  const random = randomFrom(SEED);
  const directory = await temporaryDirectory();
  const [source, target] = [join(directory, 'data'), join(directory, 'copy')];
  const env = environment(directory, { HRM_DATA_DIR: source });
  const storage = await openDirectoryStorage({ directory: source });
  for (let b = 0; b < 2 * DAYS; b += 1) await writePart({ storage }, batch(b));
  let [written, killed, isOver] = [2 * DAYS, 0, false];

  async function write(): Promise<void> {
    while (!isOver) {
      await writePart({ storage }, batch(written));
      written += 1;
      await delay(20);
    }
  }

  async function tidy(): Promise<void> {
    while (!isOver) {
      expect((await compact({ storage }, { all: true, sweepAfterMs: GRACE_MS })).failures).toEqual([]);
      await delay(50);
    }
  }

  async function copyAndKill(): Promise<void> {
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const child = spawn(process.execPath, [HRM_BIN, 'copy', '--from', source, '--to', target], {
          env,
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        onTestFinished(() => void child.kill('SIGKILL'));
        const exited = once(child, 'exit');
        const before = await filesIn(target);
        // However busy the machine is: once it has begun to copy, or it has nothing to.
        const isDone = exited.then(() => true);
        while ((await filesIn(target)) === before && !(await Promise.race([isDone, delay(10).then(() => false)])));
        await Promise.race([exited, delay(random() * 200)]);
        child.kill('SIGKILL');
        const [, signal] = await exited;
        killed += Number(signal === 'SIGKILL');
      }
    } finally {
      isOver = true;
    }
  }

  await Promise.all([write(), tidy(), copyAndKill()]);
  const said = JSON.parse(await runHrm(env, 'copy', '--from', source, '--to', target, '--json'));
  expect(said).toMatchObject({ new_in_last_pass: 0, failures: [] });
  const copy = await openDirectoryStorage({ directory: target });
  expect(await answersOf(copy)).toEqual(await answersOf(storage));
  expect((await verify({ storage: copy })).faults).toEqual([]);
  await copy.close();
  await storage.close();
  expect(killed).toBeGreaterThan(ROUNDS / 2);
  console.log(`copy: HRM_SEED=${SEED}, ${killed} of ${ROUNDS} were killed while ${written} batches were written`);
});
