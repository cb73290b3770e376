/** A store that is copied: all of it, from and to either kind, stopped anywhere, and while it is in use. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  compactAll,
  copyStore,
  devices,
  query,
  type Reading,
  type Storage,
  verify,
  writePart,
} from '../../src/index.js';
import { createFakeS3, type FakeS3 } from '../support/fake-s3.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { openFakeStorage } from '../support/s3-storage.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;
const USERS = ['ana', 'bob', 'Zoë/%'];

function reading(day: number, minute: number, userId: string, heartRate = 60 + (minute % 100)): Reading {
  const timestampMs = START_MS + day * DAY_MS + minute * 60_000;
  return { userId, deviceId: 'watch', timestampMs, heartRate, receivedMs: timestampMs };
}

/** Parts, compacted files, superseded ones, shared parts: all kinds of files that a store has. */
async function fill(storage: Storage): Promise<void> {
  const of = (minute: number) => [0, 1, 2].flatMap((day) => USERS.map((userId) => reading(day, minute, userId)));
  await writePart({ storage }, of(0));
  await compactAll({ storage }, { all: true, sweepAfterMs: 3_600_000 });
  await writePart({ storage }, of(1));
  await compactAll({ storage }, { all: true, sweepAfterMs: 3_600_000 });
  await writePart({ storage }, of(2));
  const many = Array.from({ length: 40 }, (_, i) => reading(1, i, `user-${i}`));
  await writePart({ storage }, [...many, ...USERS.map((userId) => reading(1, 3, userId))]);
}

async function answersOf(storage: Storage): Promise<unknown> {
  const answers: unknown[] = [];
  for (const userId of [...USERS, 'user-7']) {
    const range = { userId, start: START_MS - DAY_MS, end: START_MS + 5 * DAY_MS };
    answers.push(await query({ storage }, range), await devices({ storage }, { userId }));
  }
  return answers;
}

type Opener = (copyOf?: string) => Promise<Storage>;

/** Two places, each of which may be opened again and again. */
const PLACES: Record<string, (use: (open: Opener) => Promise<void>) => Promise<void>> = {
  'a directory': (use) => withDirectory((directory) => use((copyOf) => openPromptStorage({ directory, copyOf }))),
  S3: async (use) => {
    const fake = createFakeS3();
    await use((copyOf) => openFakeStorage(fake, { copyOf }));
  },
};
const PAIRS = Object.keys(PLACES).flatMap((from) => Object.keys(PLACES).map((to) => [from, to] as const));

function within(from: string, to: string, use: (openFrom: Opener, openTo: Opener) => Promise<void>): Promise<void> {
  const [outer, inner] = [PLACES[from], PLACES[to]];
  return outer?.((openFrom) => inner?.((openTo) => use(openFrom, openTo)) as Promise<void>) as Promise<void>;
}

const identityOf = async (storage: Storage) => (await storage.identity()) ?? undefined;

describe.each(PAIRS)('from %s to %s', (source, target) => {
  it('all is copied once, answers the same, is well, and may be copied back', async () => {
    await within(source, target, async (openFrom, openTo) => {
      const from = await openFrom();
      await fill(from);
      const answers = await answersOf(from);
      const to = await openTo(await identityOf(from));
      const summary = await copyStore({ from, to });
      expect(summary).toMatchObject({ passes: 2, newInLastPass: 0, quarantined: 0, failures: [] });
      expect(summary.copied).toBe(summary.files);
      expect(await answersOf(to)).toEqual(answers);
      expect((await verify({ storage: to })).faults).toEqual([]);
      expect(await copyStore({ from, to })).toMatchObject({ passes: 1, copied: 0, copiedBytes: 0 });
      expect(await copyStore({ from: to, to: from })).toMatchObject({ copied: 0 });
      // The copy goes on as a store of its own.
      await writePart({ storage: to }, [reading(4, 0, 'ana')]);
      const grown = await answersOf(to);
      await compactAll({ storage: to }, { all: true, sweepAfterMs: 0 });
      expect(await answersOf(to)).toEqual(grown);
      expect((await verify({ storage: to })).faults).toEqual([]);
    });
  });

  it('what was stored before the last pass is there, whatever is written, merged and deleted meanwhile', async () => {
    await within(source, target, async (openFrom, openTo) => {
      const from = await openFrom();
      await fill(from);
      const to = await openTo(await identityOf(from));
      let [steps, minute] = [0, 10];
      const busy: Storage = {
        ...from,
        async snapshot(partition, options) {
          steps += 1;
          if (steps % 5 === 0 && minute < 16) {
            minute += 1;
            await writePart({ storage: from }, [reading(steps % 3, minute, USERS[minute % 3] as string)]);
            await compactAll({ storage: from }, { all: true, sweepAfterMs: 0 });
          }
          return from.snapshot(partition, options);
        },
      };
      const summary = await copyStore({ from: busy, to }, { maxPasses: 20 });
      expect(summary).toMatchObject({ newInLastPass: 0, failures: [] });
      expect(minute).toBe(16);
      expect(await answersOf(to)).toEqual(await answersOf(from));
    });
  });
});

describe('a copy', () => {
  it('says what may be left where readings come all the time', async () => {
    await within('S3', 'S3', async (openFrom, openTo) => {
      const from = await openFrom();
      await writePart({ storage: from }, [reading(0, 0, 'ana')]);
      const to = await openTo(await identityOf(from));
      let minute = 0;
      async function* endless(...args: Parameters<Storage['partitions']>) {
        minute += 1;
        await writePart({ storage: from }, [reading(0, minute, 'ana')]);
        yield* from.partitions(...args);
      }
      const summary = await copyStore({ from: { ...from, partitions: endless }, to });
      expect(summary).toMatchObject({ passes: 5, newInLastPass: 2, copied: 11 });
    });
  });

  it('that was stopped at any request goes on where it was, and no store is left wrong', async () => {
    await withDirectory(async (directory) => {
      const from = await openPromptStorage({ directory });
      await writePart({ storage: from }, [reading(0, 0, 'ana'), reading(1, 0, 'bob')]);
      await compactAll({ storage: from }, { all: true, sweepAfterMs: 0 });
      await writePart({ storage: from }, [reading(0, 1, 'ana')]);
      const answers = await answersOf(from);
      const copyOf = await identityOf(from);
      const copy = async (fake: FakeS3) => copyStore({ from, to: await openFakeStorage(fake, { copyOf }) });
      const whole = createFakeS3();
      await copy(whole);
      for (let stopped = 1; stopped <= whole.requests.length; stopped += 1) {
        const fake = createFakeS3();
        // Of the last request it is not known whether it was carried out.
        fake.plan = (n) => (n < stopped ? null : n === stopped ? 'lost' : { status: 403, code: 'AccessDenied' });
        await copy(fake).catch(() => undefined);
        fake.plan = () => null;
        expect(await copy(fake), `request ${stopped}`).toMatchObject({ newInLastPass: 0, failures: [] });
        expect(await answersOf(await openFakeStorage(fake)), `request ${stopped}`).toEqual(answers);
      }
    });
  });

  it('is whole where 3 of 10 requests fail, on both sides', async () => {
    const random = randomFrom(testSeed());
    const [source, target] = [createFakeS3(), createFakeS3()];
    const from = await openFakeStorage(source);
    await fill(from);
    const answers = await answersOf(from);
    const faults = ['reset', 'lost', { status: 500, code: 'InternalError', isApplied: true }] as const;
    for (const fake of [source, target])
      fake.plan = () => (random() < 0.3 ? (faults[Math.floor(random() * faults.length)] ?? null) : null);
    const to = await openFakeStorage(target, { copyOf: await identityOf(from) });
    expect(await copyStore({ from, to })).toMatchObject({ newInLastPass: 0, failures: [] });
    expect(await answersOf(to)).toEqual(answers);
  });

  it('into another store is refused, and nothing is changed there', async () => {
    await within('a directory', 'S3', async (openFrom, openTo) => {
      const [from, to] = [await openFrom(), await openTo()];
      await writePart({ storage: from }, [reading(0, 0, 'ana')]);
      const refused = { kind: 'invalid', code: 'other_store' };
      await expect(copyStore({ from, to })).rejects.toMatchObject(refused);
      await expect(openTo(await identityOf(from))).rejects.toMatchObject(refused);
      await expect(openFrom(await identityOf(to))).rejects.toMatchObject(refused);
    });
    await withDirectory(async (directory) => {
      const storage = await openPromptStorage({ directory });
      await writePart({ storage }, [reading(0, 0, 'ana')]);
      await storage.close();
      await writeFile(join(directory, '.store'), '');
      await expect(openPromptStorage({ directory, copyOf: 'x' })).rejects.toMatchObject({ code: 'other_store' });
      expect(await readFile(join(directory, '.store'), 'utf8')).toBe('');
    });
  });

  it('tells of a file whose bytes are not those of its name, and copies all others', async () => {
    const fake = createFakeS3();
    const from = await openFakeStorage(fake);
    await writePart({ storage: from }, [reading(0, 0, 'ana'), reading(1, 0, 'bob')]);
    const objects = fake.objects as Map<string, { bytes: Buffer }>;
    for (const [key, object] of objects) {
      if (key.includes('/ana/part-')) objects.set(key, { ...object, bytes: Buffer.from(object.bytes).fill(0, 10, 20) });
    }
    const to = await openFakeStorage(createFakeS3(), { copyOf: await identityOf(from) });
    const { copied, failures } = await copyStore({ from, to });
    expect(copied).toBe(1);
    expect(failures).toMatchObject([{ code: 'file_damaged', partition: { date: '20240115', directory: 'ana' } }]);
  });
});
