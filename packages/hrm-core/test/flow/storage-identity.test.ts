/** A store that is no longer where it was: unmounted, moved, deleted, replaced. Whatever is asked, it is an error and no empty answer. */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeDirectory, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  compact,
  devices,
  exportReadings,
  latest,
  query,
  queryTag,
  type Reading,
  type Storage,
  verify,
  writePart,
} from '../../src/index.js';
import { cannotMount, memoryDisk, mount, unmount } from '../support/mount.js';
import { withDirectory } from '../support/temporary-directory.js';
import { watchedFileSystem } from '../support/watched-file-system.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY = { userId: 'ana', start: START_MS, end: START_MS + 86_400_000 };
const MISSING = { kind: 'unavailable', code: 'storage_missing' };
const REPLACED = { kind: 'unavailable', code: 'storage_replaced' };

function readingOf(heartRate: number): Reading {
  return { userId: 'ana', deviceId: 'strap', timestampMs: START_MS + heartRate, heartRate, receivedMs: START_MS };
}

async function open(directory: string, options: { readOnly?: boolean; create?: boolean } = {}): Promise<Storage> {
  const storage = await openDirectoryStorage({ directory, ...options });
  onTestFinished(() => storage.close());
  return storage;
}

/** A store of one reading a user's day, and nothing of it open. */
async function makeStore(directory: string, heartRate = 60): Promise<void> {
  const storage = await openDirectoryStorage({ directory });
  await writePart({ storage }, [readingOf(heartRate)]);
  await storage.close();
}

async function drained(pieces: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of pieces);
}

type Asked = Readonly<Record<string, (storage: Storage) => Promise<unknown>>>;

/** Everything that is asked of a storage. */
const LISTED: Asked = {
  query: (storage) => query({ storage }, DAY),
  'a query of a year': (storage) => query({ storage }, { ...DAY, end: START_MS + 365 * 86_400_000 }),
  'the tag of an answer': (storage) => queryTag({ storage }, DAY),
  devices: (storage) => devices({ storage }, { userId: 'ana' }),
  latest: (storage) => latest({ storage }, { userId: 'ana' }),
  exportReadings: (storage) => drained(exportReadings({ storage }, DAY)),
  verify: (storage) => verify({ storage }),
  'verify of a user': (storage) => verify({ storage }, { userId: 'ana' }),
  'a listing': (storage) => drained(storage.partitions({})),
};

/** And of a partition that a listing found. */
const QUESTIONS: Asked = {
  ...LISTED,
  'a snapshot': (storage) => storage.snapshot({ date: '20240115', directory: 'ana' }),
  versions: (storage) => storage.versions({ date: '20240115', directory: 'ana' }),
  orphans: (storage) => storage.orphans({ date: '20240115', directory: 'ana' }),
  quarantined: (storage) => drained(storage.quarantined()),
};

/** Everything that writes. */
const WRITES: Asked = {
  writePart: (storage) => writePart({ storage }, [readingOf(61)]),
  'a run of the compacter': (storage) => compact({ storage }),
  'a compaction of all': (storage) => compact({ storage }, { all: true }),
  visit: (storage) => storage.visit({ date: '20240115', directory: 'ana' }),
  remove: (storage) => storage.remove({ date: '20240115', directory: 'ana' }, ['part-x.parquet']),
  check: (storage) => storage.check(),
};

async function expectAll(asked: Asked, storage: Storage, error: object): Promise<void> {
  for (const [name, ask] of Object.entries(asked)) {
    await expect(ask(storage), name).rejects.toMatchObject(error);
  }
}

async function expectWell(storage: Storage): Promise<void> {
  expect(await query({ storage }, DAY)).toMatchObject([{ heartRate: 60 }]);
  expect(await verify({ storage })).toMatchObject({ files: 1, faultCount: 0 });
}

interface Change {
  away(data: string): void;
  back(data: string): void;
  readonly error: object;
  readonly asked?: Asked;
}

describe('a store whose directory is', () => {
  const CHANGES: Readonly<Record<string, Change>> = {
    'moved away': {
      away: (data) => renameSync(data, `${data}.away`),
      back: (data) => renameSync(`${data}.away`, data),
      error: MISSING,
    },
    'moved away, and an empty one in its place': {
      away(data) {
        renameSync(data, `${data}.away`);
        mkdirSync(data);
      },
      back(data) {
        rmSync(data, { recursive: true });
        renameSync(`${data}.away`, data);
      },
      error: MISSING,
    },
    'emptied, and brought back from a backup': {
      away(data) {
        cpSync(data, `${data}.backup`, { recursive: true });
        for (const name of readdirSync(data)) rmSync(path.join(data, name), { recursive: true });
      },
      back: (data) => cpSync(`${data}.backup`, data, { recursive: true }),
      error: MISSING,
    },
    'replaced by another store': {
      away(data) {
        renameSync(data, `${data}.away`);
        renameSync(`${data}.other`, data);
      },
      back(data) {
        renameSync(data, `${data}.other`);
        renameSync(`${data}.away`, data);
      },
      error: REPLACED,
      asked: LISTED,
    },
  };

  it.each(Object.entries(CHANGES))(
    '%s fails whatever is asked, writes nothing, and goes on when it is back',
    (_, change) =>
      withDirectory(async (parent) => {
        const data = path.join(parent, 'data');
        await makeStore(data);
        await makeStore(`${data}.other`, 99);
        const writer = await open(data);
        const reader = await open(data, { readOnly: true });
        for (const storage of [writer, reader]) await expectWell(storage);
        change.away(data);
        for (const storage of [writer, reader]) await expectAll(change.asked ?? QUESTIONS, storage, change.error);
        const before = readdirSync(parent, { recursive: true }).sort();
        await expectAll(WRITES, writer, change.error);
        expect(readdirSync(parent, { recursive: true }).sort()).toEqual(before);
        change.back(data);
        for (const storage of [writer, reader]) await expectWell(storage);
        expect(await writePart({ storage: writer }, [readingOf(61)])).toMatchObject([{ outcome: 'written' }]);
      }),
  );

  it.skipIf(cannotMount)(
    'on a disk that is unmounted fails whatever is asked, and goes on when it is mounted again',
    () =>
      withDirectory(async (parent) => {
        const [disk, data] = [path.join(parent, 'disk'), path.join(parent, 'data')];
        for (const directory of [disk, data]) mkdirSync(directory);
        mount(['--bind', disk], data);
        try {
          await makeStore(data);
          const writer = await open(data);
          const reader = await open(data, { readOnly: true });
          for (const storage of [writer, reader]) await expectWell(storage);
          unmount(data);
          expect(readdirSync(data)).toEqual([]);
          for (const storage of [writer, reader]) await expectAll(QUESTIONS, storage, MISSING);
          await expectAll(WRITES, writer, MISSING);
          await expect(open(data, { readOnly: true })).rejects.toMatchObject(MISSING);
          await expect(open(data, { create: false })).rejects.toMatchObject(MISSING);
          expect(readdirSync(data)).toEqual([]);
          mount(['--bind', disk], data);
          for (const storage of [writer, reader]) await expectWell(storage);
          // Another disk at the same place.
          unmount(data);
          mount(memoryDisk('size=4m'), data);
          await makeStore(data, 99);
          for (const storage of [writer, reader]) await expectAll(LISTED, storage, REPLACED);
          await expectAll(WRITES, writer, REPLACED);
          unmount(data);
          mount(['--bind', disk], data);
          for (const storage of [writer, reader]) await expectWell(storage);
        } finally {
          unmount(data);
        }
      }),
  );

  it('taken away between two days of an answer fails it', () =>
    withDirectory(async (parent) => {
      const data = path.join(parent, 'data');
      const storage = await open(data);
      const days = [0, 1, 2].map((day) => ({ ...readingOf(60), timestampMs: START_MS + day * 86_400_000 }));
      await writePart({ storage }, days);
      for (const readOnly of [false, true]) {
        const reader = await open(data, { readOnly });
        const found: string[] = [];
        await expect(async () => {
          for await (const { date } of reader.partitions({ directories: ['_shared', 'ana'] })) {
            found.push(date);
            if (found.length === 1) renameSync(data, `${data}.away`);
          }
        }).rejects.toMatchObject(MISSING);
        expect(found).toEqual(['20240115']);
        renameSync(`${data}.away`, data);
      }
    }));
});

describe('the identity of a store', () => {
  it('is made once, by whoever comes first, and stays', () =>
    withDirectory(async (parent) => {
      const data = path.join(parent, 'data');
      await Promise.all(Array.from({ length: 8 }, () => open(data)));
      const text = readFileSync(path.join(data, '.store'), 'utf8');
      expect(text).toMatch(/^hrm store [0-9a-f]{32}\n$/);
      await open(data);
      expect(readFileSync(path.join(data, '.store'), 'utf8')).toBe(text);
      expect(readdirSync(path.join(data, '.tmp'))).toEqual([]);
    }));

  it('is given to a store of an older version, and until then the directory stands for it', () =>
    withDirectory(async (parent) => {
      const data = path.join(parent, 'data');
      await makeStore(data);
      rmSync(path.join(data, '.store'));
      const reader = await open(data, { readOnly: true });
      const user = await open(data, { create: false });
      for (const storage of [reader, user]) await expectWell(storage);
      renameSync(data, `${data}.away`);
      mkdirSync(data);
      for (const storage of [reader, user]) await expectAll(QUESTIONS, storage, MISSING);
      rmSync(data, { recursive: true });
      renameSync(`${data}.away`, data);
      expect(readdirSync(data)).not.toContain('.store');
      await open(data);
      expect(readdirSync(data)).toContain('.store');
      for (const storage of [reader, user]) await expectWell(storage);
    }));

  it('is no condition for reading a copy of the partitions alone; an empty directory is no store to read', () =>
    withDirectory(async (parent) => {
      const data = path.join(parent, 'data');
      await makeStore(data);
      const copy = path.join(parent, 'copy');
      cpSync(path.join(data, '20240115'), path.join(copy, '20240115'), { recursive: true });
      await expectWell(await open(copy, { readOnly: true }));
      const empty = path.join(parent, 'empty');
      mkdirSync(empty);
      writeFileSync(path.join(empty, 'lost+found'), '');
      await expect(open(empty, { readOnly: true })).rejects.toMatchObject(MISSING);
      // What is not there at all is nobody's mount point.
      expect(await query({ storage: await open(path.join(parent, 'nowhere'), { readOnly: true }) }, DAY)).toEqual([]);
    }));

  it('costs a question about a day one look, and one more where one of its two partitions is not there', () =>
    withDirectory(async (data) => {
      await makeStore(data);
      const looks: string[] = [];
      const fileSystem = watchedFileSystem({
        before(call) {
          if (call.name === 'lstatSync') looks.push(path.relative(data, call.path));
          return null;
        },
      });
      for (const readOnly of [false, true]) {
        const storage = await openDirectoryStorage({ directory: data, readOnly, fileSystem });
        for (const userId of ['ana', 'nobody']) {
          looks.length = 0;
          await query({ storage }, { ...DAY, userId });
          // The directory itself is looked at for its times: whether the dates are still those that were listed.
          // At the erasures, once a second.
          const others = ['', '.erasures'];
          expect(looks.filter((name) => !others.includes(name) && !name.startsWith('20240115'))).toEqual(['.store']);
        }
        await storage.close();
      }
    }));
});

it.each(['no identity of ours, ä', 'x'.repeat(300)])(
  'is described as it is known, also by a text that is not ours (%s)',
  async (text) => {
    await withDirectory(async (directory) => {
      await makeStore(directory);
      const ours = await open(directory);
      expect((await describeDirectory(directory)).identity).toBe(await ours.identity());
      writeFileSync(path.join(directory, '.store'), text);
      const foreign = await open(directory);
      expect((await describeDirectory(directory)).identity).toBe(await foreign.identity());
      expect(await foreign.identity()).toBe(Buffer.from(text).toString('latin1').slice(0, 128));
    });
  },
);
