/**
 * Names that somebody gives again: whatever name another program puts a file under, and whatever had that name before, its
 * readings are answered, and no compaction deletes them.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, type Storage, verify, writePart } from '../../src/index.js';
import { columnsFromReadings } from '../../src/pure/columns.js';
import { partName } from '../../src/pure/partition.js';
import { type Fault, failingStorage, insist } from '../support/failing-ports.js';
import {
  answeredMinutes,
  createOutsider,
  DATE,
  type Outsider,
  type Replacing,
  readingsAt,
} from '../support/outsider.js';
import { type Pause, pauseAtEach, pausedStorage } from '../support/paused-ports.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';
import { encodeReadings } from '../support/whole-files.js';

const HEX = '0123456789abcdef';

/** Names of parts that say nothing of what is in the file, though some look like it. */
const NAMES: readonly string[] = [
  'part-export.parquet',
  `part-${HEX.repeat(4)}.parquet`,
  `part-${HEX.repeat(2)}.parquet`,
  'part-old-1.parquet',
  `part-old-${HEX.repeat(2)}.parquet`,
  `part-old-${HEX.repeat(2)}-1.parquet`,
];

const USERS = ['ana', 'ben'];

interface Place {
  readonly storage: Storage;
  /** The partition's. */
  readonly directory: string;
  readonly outsider: Outsider;
}

async function withPlace(use: (place: Place) => Promise<void>, partition = 'ana'): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await openDirectoryStorage({ directory: data, fileSystem: promptFileSystem });
    const directory = path.join(data, DATE, partition);
    const outsider = createOutsider(directory, partition === 'ana' ? ['ana'] : USERS);
    try {
      await use({ storage, directory, outsider });
    } finally {
      await storage.close();
    }
  }, MEMORY_DIRECTORY);
}

async function compactAll(storage: Storage, sweepAfterMs = 0): Promise<void> {
  for (let run = 0; run < 3; run += 1) {
    expect((await compact({ storage }, { all: true, sweepAfterMs })).failures).toEqual([]);
  }
}

/** Asks for the minutes of each user: those of `wanted` and no other but `allowed`. */
async function expectMinutes(
  storage: Storage,
  wanted: readonly number[],
  { allowed = [], users = ['ana'] }: { allowed?: readonly number[]; users?: readonly string[] } = {},
): Promise<void> {
  for (const userId of users) {
    const answered = await answeredMinutes(storage, userId);
    expect(answered).toEqual(expect.arrayContaining([...wanted]));
    expect([...wanted, ...allowed]).toEqual(expect.arrayContaining(answered));
  }
}

describe.each(NAMES)('%s', (name) => {
  const cases = (['before the sweep', 'after the sweep'] as const).flatMap((when) =>
    (['a new file', 'written over'] as const).map((replacing) => [when, replacing] as const),
  );

  it.each(cases)('given again %s, to %s, is answered and merged', async (when, replacing) => {
    await withPlace(async ({ storage, directory, outsider }) => {
      await writePart({ storage }, readingsAt(1));
      const minutes = [1, await outsider.put(name)];
      await expectMinutes(storage, minutes);
      await compactAll(storage, when === 'before the sweep' ? 1e9 : 0);
      await expectMinutes(storage, minutes);
      if (when === 'after the sweep') expect(readdirSync(directory)).toEqual(['compacted.parquet']);
      minutes.push(await outsider.put(name, replacing));
      await expectMinutes(storage, minutes);
      const expected = name.includes(HEX.repeat(2)) ? expect.anything() : [];
      expect(await verify({ storage }, { repair: true })).toMatchObject({ faults: expected, failures: [] });
      await expectMinutes(storage, minutes);
      await compactAll(storage);
      await expectMinutes(storage, minutes);
      expect(readdirSync(directory)).toEqual(['compacted.parquet']);
    });
  });

  it('in the shared partition is answered and split again', async () => {
    await withPlace(async ({ storage, directory, outsider }) => {
      const minutes: number[] = [];
      for (const sweepAfterMs of [1e9, 0, 0]) {
        minutes.push(await outsider.put(name));
        await expectMinutes(storage, minutes, { users: USERS });
        await compactAll(storage, sweepAfterMs);
        await expectMinutes(storage, minutes, { users: USERS });
      }
      expect(readdirSync(directory)).toEqual([]);
      expect(await verify({ storage })).toMatchObject({ faults: [], failures: [], readings: 6 });
    }, '_shared');
  });
});

it('a compacted file that somebody puts there, and writes over while it is merged, is answered as it is then', async () => {
  await withPlace(async ({ storage, outsider }) => {
    await writePart({ storage }, readingsAt(1));
    const first = await outsider.put('compacted.parquet');
    const minutes = [1];
    const late: Storage = {
      ...storage,
      async replace(...args) {
        // Longer than the clock ticks, so that the file system tells.
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (minutes.length === 1) minutes.push(await outsider.put('compacted.parquet', 'written over'));
        return await storage.replace(...args);
      },
    };
    await compactAll(late);
    expect(minutes).toHaveLength(2);
    await expectMinutes(storage, minutes, { allowed: [first] });
    expect(await verify({ storage })).toMatchObject({ faults: [], failures: [] });
  });
});

it('of a file that has the name of another by its hash, neither is deleted', async () => {
  await withPlace(async ({ storage, directory, outsider }) => {
    const [part] = await writePart({ storage }, readingsAt(1));
    await writePart({ storage }, readingsAt(2));
    await compactAll(storage, 1e9);
    const name = part?.name ?? '';
    expect(readdirSync(directory)).toContain(name);
    const minute = await outsider.put(name, 'written over');
    await compactAll(storage);
    await expectMinutes(storage, [1, 2, minute]);
    expect(readdirSync(directory)).toEqual(['compacted.parquet']);
  });
});

it('a file of ours under another name hides and deletes nothing by what it says, and is merged', async () => {
  await withPlace(async ({ storage, directory }) => {
    await writePart({ storage }, readingsAt(1));
    await writePart({ storage }, readingsAt(2));
    await compactAll(storage, 1e9);
    const copy = readFileSync(path.join(directory, 'compacted.parquet'));
    const foreign = path.join(directory, 'part-backup.parquet');
    writeFileSync(foreign, copy);
    writeFileSync(path.join(directory, 'compacted.parquet'), encodeReadings(columnsFromReadings(readingsAt(3)), {}));
    expect(await verify({ storage })).toMatchObject({ superseded: { files: 0 } });
    await expectMinutes(storage, [1, 2, 3]);
    // Its owner takes it away when it could have stood for the others.
    await compact({ storage }, { sweepAfterMs: 0 });
    writeFileSync(foreign, encodeReadings(columnsFromReadings(readingsAt(4)), {}));
    await expectMinutes(storage, [1, 2, 3, 4]);
    await compactAll(storage);
    await expectMinutes(storage, [1, 2, 3, 4]);
  });
});

it('names that a store from before has in its compacted files hide and delete nothing', async () => {
  await withPlace(async ({ storage, directory, outsider }) => {
    const replaces = ['part-export.parquet', 'part-old-6c1f6f0e-7b1c-4b9e-8c39-2f6f0c3f1f10.parquet'];
    const bytes = encodeReadings(columnsFromReadings(readingsAt(1)), { replaces });
    writeFileSync(path.join(directory, 'compacted.parquet'), bytes);
    const minutes = [1];
    for (const name of replaces) minutes.push(await outsider.put(name));
    await expectMinutes(storage, minutes);
    expect(await verify({ storage }, { repair: true })).toMatchObject({ superseded: { files: 0 } });
    await compactAll(storage);
    await expectMinutes(storage, minutes);
    expect(readdirSync(directory)).toEqual(['compacted.parquet']);
  });
});

it('a file that is there twice, or was merged under another name, is merged once and goes under each', async () => {
  await withPlace(async ({ storage, directory, outsider }) => {
    await writePart({ storage }, readingsAt(1));
    const minute = await outsider.put('part-export.parquet');
    const copy = readFileSync(path.join(directory, 'part-export.parquet'));
    writeFileSync(path.join(directory, 'part-again.parquet'), copy);
    await compactAll(storage, 1e9);
    writeFileSync(path.join(directory, 'part-late.parquet'), copy);
    expect(await verify({ storage })).toMatchObject({ faults: [], files: 1, readings: 2, superseded: { files: 4 } });
    const { merged } = await compact({ storage }, { all: true, sweepAfterMs: 1e9 });
    expect(merged).toBe(0);
    await compactAll(storage);
    expect(readdirSync(directory)).toEqual(['compacted.parquet']);
    await expectMinutes(storage, [1, minute]);
    expect(partName(copy)).toMatch(/^part-/);
  });
});

it.each(['ana', '_shared'])(
  'a name given again at any call of a compaction loses no reading, in %s',
  { timeout: 300_000 },
  async (partition) => {
    const users = partition === 'ana' ? ['ana'] : USERS;
    for (const replacing of ['a new file', 'written over'] satisfies Replacing[]) {
      const pauses = await pauseAtEach(async (at) => {
        const pause: { -readonly [Key in keyof Pause]: Pause[Key] } = {
          at,
          awaits: 0,
          meanwhile: async () => undefined,
        };
        await withPlace(async ({ storage, outsider }) => {
          for (const userId of users) await writePart({ storage }, readingsAt(1, userId));
          const first = await outsider.put('part-export.parquet');
          pause.meanwhile = async () => {
            await outsider.put('part-export.parquet', replacing);
          };
          const paused = pausedStorage(storage, pause);
          for (let run = 0; run < 2; run += 1) await compact({ storage: paused }, { all: true, sweepAfterMs: 0 });
          await expectMinutes(storage, [1, ...outsider.minutes()], { allowed: [first], users });
          await compactAll(storage);
          await expectMinutes(storage, [1, ...outsider.minutes()], { allowed: [first], users });
        }, partition);
        return pause;
      });
      expect(pauses).toBeGreaterThan(20);
    }
  },
);

it.each(['ana', '_shared'])(
  'any one call of the storage may fail, before its effect or after it, or all from there on, in %s',
  { timeout: 300_000 },
  async (partition) => {
    const users = partition === 'ana' ? ['ana'] : USERS;
    for (const how of ['before', 'after', 'dead'] as const) {
      for (let at = 1, isOver = false; !isOver; at += 1) {
        await withPlace(async ({ storage, outsider }) => {
          const fault: Fault = { at, calls: 0, when: how === 'after' ? 'after' : 'before', isLast: how === 'dead' };
          const failing = failingStorage(storage, fault);
          const first = await outsider.put('part-export.parquet');
          for (let run = 0; run < 3; run += 1) {
            const settings = { all: true, sweepAfterMs: 0 };
            const summary = insist(() => compact({ storage: failing }, settings));
            if (how === 'dead') await summary.catch(() => undefined);
            else await summary;
            await expectMinutes(storage, outsider.minutes(), { allowed: [first], users });
            if (run === 0) await outsider.put('part-export.parquet');
          }
          await compactAll(storage);
          await expectMinutes(storage, outsider.minutes(), { allowed: [first], users });
          isOver = fault.calls < at;
        }, partition);
        if (isOver) expect(at).toBeGreaterThan(8);
      }
    }
  },
);
