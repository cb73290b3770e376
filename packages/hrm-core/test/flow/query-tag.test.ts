/** What the tag of an answer goes by: everything of the user's, and nothing of others'. */
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  compact,
  type QuestionInput,
  query,
  queryTag,
  type Reading,
  type Storage,
  writePart,
} from '../../src/index.js';
import { randomFrom, testSeed } from '../support/random.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;
/** Sorted right around her, so that the bounds of row groups tell nothing. */
const NEIGHBOURS = Array.from({ length: 40 }, (_, u) => (u % 2 === 0 ? `am${u}` : `ao${u}`));

function reading(userId: string, minute: number, over: Partial<Reading> = {}): Reading {
  return {
    userId,
    deviceId: 'watch',
    timestampMs: START_MS + minute * 60_000,
    heartRate: 70,
    receivedMs: START_MS,
    ...over,
  };
}

/** Readings of forty others, so that whoever is with them is in a shared part. */
function others(minute: number): Reading[] {
  return NEIGHBOURS.map((userId) => reading(userId, minute));
}

async function withStorage(use: (storage: Storage) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    try {
      await use(storage);
    } finally {
      await storage.close();
    }
  });
}

const QUESTION = { userId: 'ana', start: START_MS, end: START_MS + DAY_MS };

describe('the tag of an answer', () => {
  it('stays while only others send something, whether she has readings among theirs or none', async () => {
    await withStorage(async (storage) => {
      const tags = [await queryTag({ storage }, QUESTION)];
      const [part] = await writePart({ storage }, others(0));
      expect(part?.partition.directory).toBe('_shared');
      tags.push(await queryTag({ storage }, QUESTION));
      expect(new Set(tags).size).toBe(1);
      await writePart({ storage }, [...others(1), reading('ana', 1)]);
      const hers = await queryTag({ storage }, QUESTION);
      expect(tags).not.toContain(hers);
      for (let minute = 2; minute < 20; minute += 1) await writePart({ storage }, others(minute));
      expect(await queryTag({ storage }, QUESTION)).toBe(hers);
      // Sixteen shared parts become one: hers is in another file then.
      expect((await compact({ storage, clock: { nowMs: () => START_MS + 1 } })).merged).toBeGreaterThan(0);
      expect(await queryTag({ storage }, QUESTION)).toBe(hers);
    });
  });

  it.each([
    ['a later minute', reading('ana', 2)],
    ['the same moment, corrected', reading('ana', 1, { heartRate: 60, receivedMs: START_MS + 60_000 })],
    ['another device', reading('ana', 1, { deviceId: 'strap' })],
  ])('changes with late data of hers in a shared part: %s', async (_, late) => {
    await withStorage(async (storage) => {
      await writePart({ storage }, [...others(0), reading('ana', 1)]);
      const before = await queryTag({ storage }, QUESTION);
      await writePart({ storage }, [...others(1), late]);
      expect(await queryTag({ storage }, QUESTION)).not.toBe(before);
    });
  });

  it('tells how devices are resolved, unless one is asked for', async () => {
    await withStorage(async (storage) => {
      const tagOf = (over: Partial<QuestionInput>) => queryTag({ storage }, { ...QUESTION, ...over });
      expect(await tagOf({ resolve: 'device' })).not.toBe(await tagOf({}));
      expect(await tagOf({ resolve: 'reading' })).toBe(await tagOf({}));
      expect(await tagOf({ resolve: 'device', deviceId: 'watch' })).toBe(await tagOf({ deviceId: 'watch' }));
    });
  });

  it('is never the same for two answers, whatever is written, merged and split', async () => {
    const random = randomFrom(testSeed());
    const pick = (count: number) => Math.floor(random() * count);
    await withStorage(async (storage) => {
      const answers = new Map<string, string>();
      let nowMs = START_MS + 1;
      for (let step = 0; step < 60; step += 1) {
        const isDay = pick(3) > 0;
        const hers = Array.from({ length: pick(4) }, () =>
          reading('ana', pick(30), { heartRate: 60 + pick(60), receivedMs: START_MS + pick(5) * 60_000 }),
        );
        if (isDay) await writePart({ storage }, [...hers, ...(pick(2) === 0 ? others(pick(30)) : [])]);
        else {
          nowMs += pick(DAY_MS / 8);
          await compact({ storage, clock: { nowMs: () => nowMs } }, { sweepAfterMs: 0 });
        }
        const tag = await queryTag({ storage }, QUESTION);
        const answer = JSON.stringify(await query({ storage }, QUESTION));
        expect(answers.get(tag) ?? answer).toBe(answer);
        answers.set(tag, answer);
      }
      expect(answers.size).toBeGreaterThan(5);
    });
  });
});
