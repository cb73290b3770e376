/**
 * Shared parts are split while more are written and everybody asks, by two processes that are killed at any moment: no answer ever
 * misses a reading, and in the end every user has one file.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, query, type Reading, writePart } from '../../src/index.js';
import { bundleCompacter, type Compacter, startCompacter } from '../support/compacter.js';
import { randomFrom, testSeed } from '../support/random.js';

const ROUNDS = Number(process.env.HRM_CRASH_ROUNDS ?? 15);
const START_MS = Date.UTC(2024, 0, 15);
const USERS = 48;
/** Readings of a user in one part; a minute apart, so that each is a row. */
const PER_PART = 2;
const GRACE_MS = 50;

function batch(b: number): Reading[] {
  return Array.from({ length: USERS * PER_PART }, (_, i) => {
    const timestampMs = START_MS + (b * PER_PART + Math.floor(i / USERS)) * 60_000;
    return {
      userId: `user ${i % USERS}`,
      deviceId: 'watch',
      timestampMs,
      heartRate: 50 + (b % 150),
      receivedMs: START_MS,
    };
  });
}

it(`loses nothing of shared parts through ${ROUNDS} SIGKILLs of compacters`, {
  timeout: 300_000 + ROUNDS * 3_000,
}, async () => {
  const random = randomFrom(testSeed());
  const directory = await mkdtemp(path.join(tmpdir(), 'hrm-shared-'));
  const data = path.join(directory, 'data');
  const storage = await openDirectoryStorage({ directory: data });
  const program = await bundleCompacter(directory);
  const compacters: Compacter[] = [];
  let [stored, sent, asked, isOver] = [0, 0, 0, false];

  async function write(): Promise<void> {
    while (!isOver && sent < 600) {
      sent += 1;
      const parts = await writePart({ storage }, batch(sent - 1));
      expect(parts.map(({ partition }) => partition.directory)).toEqual(['_shared']);
      stored = sent;
      await delay(random() * 20);
    }
  }

  async function read(): Promise<void> {
    while (!isOver) {
      const [before, user] = [stored, Math.floor(random() * USERS)];
      const question = { userId: `user ${user}`, start: START_MS, end: START_MS + 86_400_000 };
      const rows = await query({ storage }, question);
      expect(rows.length).toBeGreaterThanOrEqual(before * PER_PART);
      expect(rows.length).toBeLessThanOrEqual(sent * PER_PART);
      for (const [i, { heartRate }] of rows.entries()) expect(heartRate).toBe(50 + (Math.floor(i / PER_PART) % 150));
      asked += 1;
      await delay(1);
    }
  }

  async function kill(): Promise<void> {
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        while (compacters.length < 2) compacters.push(startCompacter(program, data, GRACE_MS));
        await delay(100 + random() * 500);
        compacters.splice(Math.floor(random() * 2), 1)[0]?.kill();
      }
    } finally {
      isOver = true;
    }
  }

  try {
    await Promise.all([write(), read(), read(), kill()]);
    for (const compacter of compacters.splice(0)) await compacter.stop();
    expect(asked).toBeGreaterThan(ROUNDS);
    const clock = { nowMs: () => Date.UTC(2025, 0, 1) };
    for (let run = 0; run < 4; run += 1) {
      expect((await compact({ storage, clock }, { all: true, sweepAfterMs: 0 })).failures).toEqual([]);
    }
    expect(await readdir(path.join(data, '20240115', '_shared'))).toEqual([]);
    for (let u = 0; u < USERS; u += 1) {
      expect(await readdir(path.join(data, '20240115', `user%20${u}`))).toEqual(['compacted.parquet']);
      const question = { userId: `user ${u}`, start: START_MS, end: START_MS + 86_400_000 };
      expect(await query({ storage }, question)).toHaveLength(stored * PER_PART);
    }
    console.log(`shared parts: ${ROUNDS} kills, ${stored} parts were split, ${asked} questions`);
  } finally {
    isOver = true;
    for (const compacter of compacters) compacter.kill();
    await storage.close();
    await rm(directory, { recursive: true });
  }
});
