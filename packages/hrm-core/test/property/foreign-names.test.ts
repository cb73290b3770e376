/**
 * Random lives of a day in which another program puts, replaces and takes away files of few names, while everybody writes,
 * compacts, sweeps and repairs: what is there and was not taken away by its owner is answered at every moment.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, verify, writePart } from '../../src/index.js';
import { answeredMinutes, createOutsider, DATE, readingsAt } from '../support/outsider.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const SEED = Number(process.env.HRM_SEED ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env.HRM_FOREIGN_RUNS ?? 60);
const HEX = '0123456789abcdef';
const NAMES = [
  'part-export.parquet',
  'part-b.parquet',
  `part-${HEX.repeat(2)}.parquet`,
  `part-${HEX.repeat(4)}.parquet`,
  'part-old-1.parquet',
  `part-old-${HEX.repeat(2)}-1.parquet`,
];
const USERS = ['ana', 'ben'];

type Place = 'ana' | '_shared';
type Step =
  | { readonly type: 'put'; readonly place: Place; readonly name: string; readonly isNew: boolean }
  | { readonly type: 'take'; readonly place: Place; readonly name: string }
  | { readonly type: 'write' }
  | { readonly type: 'compact'; readonly all: boolean; readonly sweepAfterMs: number }
  | { readonly type: 'repair' };

const place = fc.constantFrom<Place>('ana', 'ana', '_shared');
const name = fc.constantFrom(...NAMES);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('put' as const), place, name, isNew: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('take' as const), place, name }) },
  { weight: 2, arbitrary: fc.constant({ type: 'write' as const }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('compact' as const),
      all: fc.constantFrom(true, true, false),
      sweepAfterMs: fc.constantFrom(0, 0, 1e9),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'repair' as const }) },
);

async function live(steps: readonly Step[]): Promise<void> {
  const data = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-foreign-'));
  const storage = await openDirectoryStorage({ directory: data, fileSystem: promptFileSystem });
  const owners = {
    ana: createOutsider(path.join(data, DATE, 'ana')),
    _shared: createOutsider(path.join(data, DATE, '_shared'), USERS, 1_080),
  };
  /** Minutes that were put there once, by whomever. */
  const ever = new Set<number>();
  let written = 0;
  async function ask(): Promise<void> {
    const mine = Array.from({ length: written }, (_, minute) => minute);
    for (const user of USERS) {
      const wanted = [...(user === 'ana' ? [...mine, ...owners.ana.minutes()] : []), ...owners._shared.minutes()];
      const answered = await answeredMinutes(storage, user);
      expect(answered).toEqual(expect.arrayContaining(wanted));
      expect([...ever]).toEqual(expect.arrayContaining(answered));
    }
  }
  try {
    for (const step of steps) {
      if (step.type === 'put') {
        ever.add(await owners[step.place].put(step.name, step.isNew ? 'a new file' : 'written over'));
      } else if (step.type === 'take') owners[step.place].remove(step.name);
      else if (step.type === 'write') {
        await writePart({ storage }, readingsAt(written));
        ever.add(written);
        written += 1;
      } else if (step.type === 'repair') expect((await verify({ storage }, { repair: true })).failures).toEqual([]);
      else expect((await compact({ storage }, step)).failures).toEqual([]);
      await ask();
    }
    for (let run = 0; run < 4; run += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
    await ask();
    expect((await verify({ storage })).faults.filter(({ code }) => code !== 'quarantined')).toEqual([]);
  } finally {
    await storage.close();
    await rm(data, { recursive: true });
  }
}

it(`answers what is there and was not taken away by its owner, HRM_SEED=${SEED}`, { timeout: 600_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(anyStep, { minLength: 4, maxLength: 25 }), live), {
    seed: SEED,
    numRuns: RUNS,
    endOnFailure: true,
  });
});
