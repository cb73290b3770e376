/** Things in a user's directory that are no files of it: they are told of, and hold up nobody else. */

import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;
const NOW = { sweepAfterMs: 0, quietAfterMs: 0 };

function readings(userId: string, from = 0): Reading[] {
  return Array.from({ length: 5 }, (_, i) => {
    const timestampMs = START_MS + (from + i) * 1_000;
    return { userId, deviceId: 'watch', timestampMs, heartRate: 70, receivedMs: timestampMs };
  });
}

async function withStorage(use: (storage: Storage, day: string) => Promise<void>): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await openDirectoryStorage({ directory: data });
    try {
      await use(storage, path.join(data, '20240115'));
    } finally {
      await storage.close();
    }
  });
}

async function countOf(storage: Storage, userId: string): Promise<number> {
  const rows = await query({ storage }, { userId, start: START_MS, end: START_MS + DAY_MS, interval: '1d' });
  return rows.reduce((sum, { count }) => sum + count, 0);
}

const OBSTACLES: readonly [string, (at: string) => Promise<unknown>][] = [
  ['a directory', (at) => mkdir(at)],
  ['a link', (at) => symlink('/etc/hostname', at)],
  ['a pipe', async (at) => execFileSync('mkfifo', [at])],
];

it.each(OBSTACLES)(
  '%s named compacted.parquet fails its day before anything is merged, and verify names it',
  async (_, put) => {
    await withStorage(async (storage, day) => {
      await writePart({ storage }, readings('ana'));
      await writePart({ storage }, readings('ana', 10));
      await put(path.join(day, 'ana/compacted.parquet'));
      const before = await readdir(path.join(day, 'ana'));
      let replaced = 0;
      const counting: Storage = {
        ...storage,
        async replace(replacement) {
          replaced += 1;
          return storage.replace(replacement);
        },
      };
      const { failures, skipped } = await compact({ storage: counting }, NOW);
      expect(failures).toMatchObject([{ partition: { directory: 'ana' }, code: 'name_taken' }]);
      expect(failures[0]?.message).toContain('20240115');
      expect(failures[0]?.message).not.toContain('ana');
      expect([skipped, replaced]).toEqual([0, 0]);
      expect(await readdir(path.join(day, 'ana'))).toEqual(before);
      expect(failures[0]?.message).toMatch(/is no file, but a directory, a link or the like/);
      expect((await verify({ storage }, { repair: true })).faults).toMatchObject([
        {
          name: 'compacted.parquet',
          code: 'name_taken',
          message: expect.stringMatching(/^it is no file/),
          outcome: 'found',
        },
      ]);
      expect(await countOf(storage, 'ana')).toBe(10);
      await rm(path.join(day, 'ana/compacted.parquet'), { recursive: true });
      expect(await compact({ storage }, NOW)).toMatchObject({ compacted: 1, failures: [] });
      expect((await verify({ storage })).faultCount).toBe(0);
    });
  },
);

it('of one user do not keep the shared parts of all others', async () => {
  await withStorage(async (storage, day) => {
    await writePart({ storage }, Array.from({ length: 40 }, (_, u) => readings(`user${u}`)).flat());
    await mkdir(path.join(day, 'user5/compacted.parquet'), { recursive: true });
    expect(await compact({ storage }, NOW)).toMatchObject({ compacted: 39, failures: [] });
    const { swept, failures } = await compact({ storage }, NOW);
    expect(swept).toBe(1);
    expect(failures).toMatchObject([{ partition: { directory: 'user5' }, code: 'name_taken' }]);
    expect(await readdir(path.join(day, '_shared'))).toEqual([]);
    expect([await countOf(storage, 'user5'), await countOf(storage, 'user6')]).toEqual([5, 5]);
  });
});

it('are named by verify, but for what begins with a dot', async () => {
  await withStorage(async (storage, day) => {
    await writePart({ storage }, readings('ana'));
    for (const name of ['.DS_Store', 'notes.txt', 'backup.parquet']) await writeFile(path.join(day, 'ana', name), '');
    await mkdir(path.join(day, 'ana/part-old.parquet'));
    const { faults } = await verify({ storage }, { userId: 'ana', repair: true });
    expect(faults.map(({ name, code, outcome }) => [name, code, outcome])).toEqual([
      ['backup.parquet', 'orphan', 'found'],
      ['notes.txt', 'orphan', 'found'],
      ['part-old.parquet', 'orphan', 'found'],
    ]);
  });
});

const OBSTRUCTIONS: readonly [string, (at: string) => Promise<unknown>][] = [
  ['a file', (at) => writeFile(at, '')],
  ['a link to nothing', (at) => symlink('/nowhere', at)],
  ['a link to a directory', (at) => symlink(tmpdir(), at)],
];

describe.each(OBSTRUCTIONS)('%s in the place of', (_, put) => {
  const faultsOf = async (storage: Storage, of: { userId?: string; date?: string } = {}) => {
    const { faults } = await verify({ storage }, { ...of, repair: true });
    return faults.map(({ partition: { date, directory }, name, code, outcome }) => ({
      path: [date, directory, name].join('/'),
      code,
      outcome,
    }));
  };
  const orphan = (at: string) => ({ path: at, code: 'orphan', outcome: 'found' });

  it('a user, of the shared parts and of a date is named by verify, for whom it concerns', async () => {
    await withStorage(async (storage, day) => {
      await writePart({ storage }, readings('ana'));
      for (const name of ['bo', '_shared']) await put(path.join(day, name));
      await put(path.join(path.dirname(day), '20240116'));
      // Nobody's, and in nobody's way.
      await put(path.join(day, '.DS_Store'));
      await put(path.join(path.dirname(day), 'notes'));
      const all = ['20240115/_shared/', '20240115/bo/', '20240116//'].map(orphan);
      expect(await faultsOf(storage)).toEqual(all);
      expect(await faultsOf(storage, { date: '20240116' })).toEqual([orphan('20240116//')]);
      expect(await faultsOf(storage, { userId: 'ana' })).toEqual([orphan('20240115/_shared/'), orphan('20240116//')]);
      expect(await faultsOf(storage, { userId: 'bo', date: '20240115' })).toEqual(all.slice(0, 2));
      // Those that can be stored are, and the others are told of.
      await expect(writePart({ storage }, readings('bo', 10))).rejects.toMatchObject({ kind: 'unavailable' });
      expect(await countOf(storage, 'ana')).toBe(5);
    });
  });
});

it('directories by names that no date and no user has are named by verify, since nobody reads what is in them', async () => {
  await withStorage(async (storage, day) => {
    await writePart({ storage }, readings('ana'));
    const strange = ['2024-01-15', 'date=20240115', '20240115/user=ana', '20240115/josé', '20240115/a b'];
    for (const name of [...strange, 'lost+found', '20240115/.trash'])
      await mkdir(path.join(path.dirname(day), name), { recursive: true });
    const { faults } = await verify({ storage });
    const found = faults.map(({ partition: { date, directory }, code }) => [path.join(date, directory), code]);
    expect(found.sort()).toEqual(strange.map((name) => [name, 'orphan']).sort());
    // Who asks about one user or one day asks about no other names.
    expect((await verify({ storage }, { userId: 'ana' })).faults).toEqual([]);
  });
});
