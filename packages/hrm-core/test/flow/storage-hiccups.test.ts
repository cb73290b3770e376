/**
 * A storage that is not well is not a damaged file: reads that fail, end early or give other bytes than are there, now and then
 * or for ever. Every question is answered right or fails as unavailable, no file is set aside, and it is over when the fault is.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { realFileSystem } from '../../src/drivers/storage/directory/files.js';
import {
  compact,
  type DamageReport,
  isHrmError,
  latest,
  query,
  type Reading,
  type Storage,
  verify,
  writePart,
} from '../../src/index.js';
import { MAX_QUARANTINED_FILES } from '../../src/limits.js';
import { randomFrom, testSeed } from '../support/random.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const WHOLE_DAY = { userId: 'ana', start: START_MS, end: START_MS + 86_400_000 };
const MINUTE = { userId: 'ana', start: START_MS + 1, end: START_MS + 59_999 };

function readingsOf(part: number): Reading[] {
  return Array.from({ length: 200 }, (_, i) => {
    const timestampMs = START_MS + i * 7_000 + part;
    return { userId: 'ana', deviceId: 'strap', timestampMs, heartRate: 60 + (i % 80), receivedMs: timestampMs };
  });
}

/** What becomes of a read that was done. */
type Fault = 'EIO' | 'EAGAIN' | 'ETIMEDOUT' | 'ESTALE' | 'Unknown system error -117' | 'nothing' | 'wrong bytes';
const FAULTS: readonly Fault[] = [
  'EIO',
  'EAGAIN',
  'ETIMEDOUT',
  'ESTALE',
  'Unknown system error -117',
  'nothing',
  'wrong bytes',
];

/** The machine's file system, of whose reads some go wrong; which bytes are wrong is by `random`. */
function failing(fault: Fault, isFaulty: () => boolean, random = Math.random): DirectoryFileSystem {
  return {
    ...realFileSystem,
    read(fd, to, offset, length, position, callback) {
      if (!isFaulty()) return realFileSystem.read(fd, to, offset, length, position, callback);
      if (fault === 'nothing') return callback(null, 0);
      if (fault !== 'wrong bytes') return callback(Object.assign(new Error(fault), { code: fault }), 0);
      realFileSystem.read(fd, to, offset, length, position, (error, count) => {
        // So many that they are hardly ever the same twice.
        for (let flips = count > 0 ? 3 : 0; flips > 0; flips -= 1) {
          const at = offset + Math.floor(random() * count);
          to[at] = (to[at] as number) ^ (1 + Math.floor(random() * 255));
        }
        callback(error, count);
      });
    },
  };
}

interface Store {
  readonly data: string;
  /** A storage that remembers nothing yet. */
  fresh(fileSystem?: DirectoryFileSystem): Promise<Storage>;
}

/** A compacted file and three parts of one day. */
async function withStore(use: (store: Store) => Promise<void>): Promise<void> {
  await withDirectory(async (data) => {
    async function fresh(fileSystem?: DirectoryFileSystem): Promise<Storage> {
      const storage = await openDirectoryStorage({ directory: data, create: false, fileSystem });
      onTestFinished(() => storage.close());
      return storage;
    }
    const storage = await openDirectoryStorage({ directory: data });
    onTestFinished(() => storage.close());
    await writePart({ storage }, [...readingsOf(0), ...readingsOf(1)]);
    await compact({ storage }, { all: true });
    await compact({ storage }, { all: true, sweepAfterMs: 0 });
    for (const part of [2, 3, 4]) await writePart({ storage }, readingsOf(part));
    await use({ data, fresh });
  });
}

async function tryTo<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    assert(isHrmError(error), String(error));
    expect({ kind: error.kind, code: error.code }).toEqual({ kind: 'unavailable', code: 'storage_unavailable' });
    return null;
  }
}

/** Why files were set aside. */
async function asideIn(data: string): Promise<readonly string[]> {
  const directory = path.join(data, '.quarantine');
  const reports = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  return Promise.all(
    reports.map(async (name) => JSON.parse(await readFile(path.join(directory, name), 'utf8')).reason),
  );
}

describe.each(FAULTS)('a storage whose reads give %s', (fault) => {
  it('answers right or fails, sets nothing aside, and is well when that is over', async () => {
    await withStore(async ({ data, fresh }) => {
      const well = await fresh();
      const [day, minute, last] = [
        await query({ storage: well }, WHOLE_DAY),
        await query({ storage: well }, MINUTE),
        await latest({ storage: well }, { userId: 'ana' }),
      ];
      const files = await readdir(path.join(data, '20240115/ana'));
      const random = randomFrom(testSeed());
      const reports: DamageReport[] = [];
      const onDamage = (report: DamageReport) => reports.push(report);
      const failed = { questions: 0 };
      for (const share of [0.02, 0.3, 1]) {
        for (let i = 0; i < 3; i += 1) {
          const state = { isArmed: false };
          const storage = await fresh(failing(fault, () => state.isArmed && random() < share, random));
          state.isArmed = true;
          const answers = [
            [await tryTo(() => query({ storage }, WHOLE_DAY, { onDamage })), day],
            [await tryTo(() => query({ storage }, MINUTE, { onDamage })), minute],
            [await tryTo(() => latest({ storage }, { userId: 'ana' }, { onDamage })), last],
          ];
          for (const [answer, right] of answers) {
            if (answer === null) failed.questions += 1;
            else expect(answer).toEqual(right);
          }
          const run = await tryTo(() => compact({ storage }, { quietAfterMs: 1e12 }, { onDamage }));
          // What gives other bytes each time is told of as damage, by a compaction, and left where it is.
          const codes = ['storage_unavailable', ...(fault === 'wrong bytes' ? ['file_damaged'] : [])];
          for (const { code } of run?.failures ?? []) expect(codes).toContain(code);
          await tryTo(() => verify({ storage }, { repair: true }));
        }
      }
      // Wrong bytes in a rollup fail nothing.
      expect(failed.questions).toBeGreaterThanOrEqual(fault === 'wrong bytes' ? 1 : 9);
      expect(reports.filter(({ outcome }) => outcome !== 'answered')).toEqual([]);
      expect(await asideIn(data)).toEqual([]);
      expect((await readdir(path.join(data, '20240115/ana'))).filter((name) => files.includes(name))).toEqual(files);
      const storage = await fresh();
      expect(await query({ storage }, WHOLE_DAY, { onDamage })).toEqual(day);
      expect(await verify({ storage })).toMatchObject({ faults: [], failures: [], quarantine: { files: 0 } });
    });
  });

  it('misleads no verification: whichever read gives other bytes, all is well and counted', async () => {
    await withStore(async ({ fresh }) => {
      const well = await verify({ storage: await fresh() });
      expect(well).toMatchObject({ faults: [], failures: [] });
      let [reads, wrongAt] = [0, 0];
      const isWrong = () => {
        reads += 1;
        return reads === wrongAt;
      };
      do {
        reads = 0;
        wrongAt += 1;
        const storage = await fresh(failing('wrong bytes', isWrong, randomFrom(testSeed())));
        expect(await verify({ storage }, { repair: wrongAt % 2 === 0 }), `read ${wrongAt}`).toEqual(well);
      } while (reads >= wrongAt);
      expect(wrongAt).toBeGreaterThan(4);
    });
  });

  it('is told by a verification where hardly a read is right, and no file is called damaged', async () => {
    await withStore(async ({ data, fresh }) => {
      const storage = await fresh(failing('wrong bytes', () => true, randomFrom(testSeed())));
      for (const repair of [false, true]) {
        const { faults, failures } = await verify({ storage }, { repair });
        expect(faults).toEqual([]);
        expect(failures).toMatchObject([{ code: 'storage_unavailable' }]);
      }
      expect(await asideIn(data)).toEqual([]);
    });
  });

  it('does not take a part that is there for another, when it is published again', async () => {
    await withStore(async ({ data, fresh }) => {
      for (const times of [1, Number.POSITIVE_INFINITY]) {
        let left = 0;
        const storage = await fresh(failing(fault, () => left-- > 0));
        left = times;
        // Without an error the bytes are compared, and of two readings that are wrong nobody can say that they are.
        if (times > 1 && fault === 'wrong bytes') continue;
        const written = await tryTo(() => writePart({ storage }, readingsOf(2)));
        if (times === 1) expect(written).toMatchObject([{ outcome: 'exists' }]);
        else expect(written).toBeNull();
        expect(await asideIn(data)).toEqual([]);
      }
    });
  });
});

describe('many damaged files', () => {
  it('are set aside up to a bound an hour; then questions fail, and a repair sets aside the rest', async () => {
    await withStore(async ({ data, fresh }) => {
      const directory = path.join(data, '20240115/ana');
      const count = MAX_QUARANTINED_FILES + 8;
      for (let i = 0; i < count; i += 1) await writeFile(path.join(directory, `part-bad${i}.parquet`), `no ${i}`);
      const storage = await fresh();
      const outcomes: string[] = [];
      const onDamage = ({ outcome }: DamageReport) => outcomes.push(outcome);
      for (let i = 0; i < 2; i += 1) {
        const error = await query({ storage }, WHOLE_DAY, { onDamage }).catch((thrown) => thrown);
        expect(error).toMatchObject({ kind: 'unavailable', code: 'quarantine_halted' });
      }
      expect(outcomes.filter((outcome) => outcome === 'quarantined')).toHaveLength(MAX_QUARANTINED_FILES);
      expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(2);
      const { failures } = await compact({ storage }, { all: true }, { onDamage });
      expect(failures.map(({ code }) => code)).toEqual(['quarantine_halted']);
      expect(await asideIn(data)).toHaveLength(MAX_QUARANTINED_FILES);
      expect(await verify({ storage }, { repair: true })).toMatchObject({ setAside: 8, failures: [] });
      outcomes.length = 0;
      expect(await query({ storage }, WHOLE_DAY, { onDamage })).not.toEqual([]);
      expect(outcomes).toEqual([]);
    });
  });

  it('that are good by the second look stay, and the question is answered', async () => {
    await withStore(async ({ data, fresh }) => {
      const directory = path.join(data, '20240115/ana');
      const [name = ''] = (await readdir(directory)).filter((one) => one.startsWith('part-'));
      const file = path.join(directory, name);
      const good = await readFile(file);
      await writeFile(file, Buffer.from(good).fill(0, 30, 60));
      let opened = 0;
      const storage = await fresh({
        ...realFileSystem,
        // Mended, in place, right before the file is opened anew.
        openSync(at, flags) {
          if (at === file && ++opened === 2) {
            const fd = realFileSystem.openSync(at, 1);
            new Promise<void>((resolve) => realFileSystem.write(fd, good, 0, good.length, 0, () => resolve())).finally(
              () => realFileSystem.closeSync(fd),
            );
          }
          return realFileSystem.openSync(at, flags);
        },
      });
      const reports: DamageReport[] = [];
      const rows = await query({ storage }, WHOLE_DAY, { onDamage: (report) => reports.push(report) });
      expect(reports).toEqual([]);
      expect(rows).toEqual(await query({ storage: await fresh() }, WHOLE_DAY));
    });
  });
});
