/**
 * Another program gives the same few names again and again, while two processes compact, sweep, and are killed at any moment: what
 * it has put there and not replaced is answered throughout, and in the end everything that was merged is in one file.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, writePart } from '../../src/index.js';
import { bundleCompacter, type Compacter, startCompacter } from '../support/compacter.js';
import { answeredMinutes, createOutsider, DATE, readingsAt } from '../support/outsider.js';
import { randomFrom, testSeed } from '../support/random.js';

const ROUNDS = Number(process.env.HRM_CRASH_ROUNDS ?? 15);
const GRACE_MS = 30;
const NAMES = ['part-a.parquet', 'part-b.parquet', `part-${'a1'.repeat(16)}.parquet`, 'part-old-1.parquet'];
/** Each reading has a minute of the day: half of them are the outsider's. */
const MAX_EACH = 720;

it(`loses nothing under names that are given again through ${ROUNDS} SIGKILLs of compacters`, {
  timeout: 300_000 + ROUNDS * 3_000,
}, async () => {
  const random = randomFrom(testSeed());
  const directory = await mkdtemp(path.join(tmpdir(), 'hrm-foreign-'));
  const data = path.join(directory, 'data');
  const storage = await openDirectoryStorage({ directory: data });
  const outsider = createOutsider(path.join(data, DATE, 'ana'));
  const program = await bundleCompacter(directory);
  const compacters: Compacter[] = [];
  let [written, put, asked, isOver] = [0, 0, 0, false];

  async function write(): Promise<void> {
    while (!isOver && written < MAX_EACH) {
      await writePart({ storage }, readingsAt(written));
      written += 1;
      await delay(random() * 20);
    }
  }

  async function give(): Promise<void> {
    while (!isOver && put < MAX_EACH) {
      await outsider.put(NAMES[put % NAMES.length] as string);
      put += 1;
      // Mostly so long that it is merged and swept, and sometimes not.
      await delay(random() * 120);
    }
  }

  async function read(): Promise<void> {
    while (!isOver) {
      const [mine, theirs] = [written, outsider.minutes()];
      const answered = new Set(await answeredMinutes(storage));
      const still = new Set(outsider.minutes());
      const wanted = [
        ...Array.from({ length: mine }, (_, minute) => minute),
        ...theirs.filter((one) => still.has(one)),
      ];
      expect(wanted.filter((minute) => !answered.has(minute))).toEqual([]);
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
    await Promise.all([write(), give(), read(), kill()]);
    for (const compacter of compacters.splice(0)) await compacter.stop();
    expect(asked).toBeGreaterThan(ROUNDS);
    for (let run = 0; run < 4; run += 1) {
      expect((await compact({ storage }, { all: true, sweepAfterMs: 0 })).failures).toEqual([]);
    }
    expect(await readdir(path.join(data, DATE, 'ana'))).toEqual(['compacted.parquet']);
    const answered = await answeredMinutes(storage);
    expect(answered).toEqual(expect.arrayContaining(outsider.minutes()));
    const kept = answered.filter((minute) => minute >= MAX_EACH).length;
    console.log(
      `foreign names: ${ROUNDS} kills, ${put} files under ${NAMES.length} names, ${kept} kept, ${asked} questions`,
    );
  } finally {
    isOver = true;
    for (const compacter of compacters) compacter.kill();
    await storage.close();
    await rm(directory, { recursive: true });
  }
});
