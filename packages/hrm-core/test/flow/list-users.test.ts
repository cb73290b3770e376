/** The list of users against a naive one, and what it takes. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, type ListUsersInput, listUsers, type Reading, type Storage, writePart } from '../../src/index.js';
import { partitionDate, userDirectory } from '../../src/pure/partition.js';
import { oracleDevices } from '../property/oracle.js';
import { createFakeS3 } from '../support/fake-s3.js';
import { randomFrom, testSeed } from '../support/random.js';
import { openFakeStorage } from '../support/s3-storage.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const START_DAY = 19_000;
const HISTORIES = Math.ceil(Number(process.env.HRM_HISTORIES ?? 200) / 200);
const PRIORITY = { strap: 1 };

/** Names that directories spell otherwise, that sort otherwise in UTF-16, that are cut to a hash, and that others begin with. */
const NAMES = [
  'ana',
  'Ana B',
  'ben',
  'b/en',
  '_shared',
  '..',
  '~x',
  '%41',
  '😀',
  'Ａ',
  'é',
  '心'.repeat(40),
  `${'心'.repeat(40)}2`,
];
const CROWD = Array.from({ length: 34 }, (_, i) => `crowd-${i}`);

interface Page {
  users: unknown[];
  next: string | null;
}

/** What the list is, from all readings, sorted and cut by hand. */
function naivePage(readings: readonly Reading[], { search, after, limit = 100, since, userIds }: ListUsersInput): Page {
  const dates = [...new Set(readings.map(({ timestampMs }) => Math.floor(timestampMs / DAY_MS)))].sort((a, b) => a - b);
  const newest = userIds == null ? (dates.slice(-31)[0] ?? 0) : 0;
  const first = since === undefined ? newest : Date.parse(since) / DAY_MS;
  const recent = readings.filter(({ timestampMs }) => timestampMs >= first * DAY_MS);
  const ids = [...new Set(recent.map(({ userId }) => userId))]
    .filter((id) => after === undefined || Buffer.compare(Buffer.from(id), Buffer.from(after)) > 0)
    .filter((id) => id.toLowerCase().includes(search?.toLowerCase() ?? ''))
    .filter((id) => userIds?.includes(id) ?? true)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const some = ids.slice(0, Number(limit));
  const users = some.map((userId) => ({ userId, latest: oracleDevices(recent, userId, PRIORITY).latest.latest }));
  return { users, next: ids.length > some.length ? (some.at(-1) ?? null) : null };
}

/** All pages, of which one with fewer users than asked for is as good as any other. */
async function allPages(storage: Storage, input: ListUsersInput): Promise<unknown[]> {
  const users: unknown[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const page = await listUsers({ storage }, { ...input, priority: PRIORITY, after: after ?? input.after });
    expect(page.users.length).toBeLessThanOrEqual(Number(input.limit ?? 100));
    users.push(...page.users);
    after = page.next;
  }
  return users;
}

async function checkHistory(random: () => number, storage: Storage): Promise<void> {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const readings: Reading[] = [];
  for (let batch = 0; batch < 6; batch += 1) {
    const day = START_DAY + Math.floor(random() * 45);
    const isCrowded = random() < 0.4;
    const users = isCrowded ? CROWD : Array.from({ length: 4 }, () => pick(NAMES));
    const some = users.map((userId): Reading => {
      const timestampMs = (day + Math.floor(random() * 3)) * DAY_MS + pick([0, 1_000, 1_001, DAY_MS - 1]);
      return {
        userId,
        deviceId: pick(['strap', 'watch']),
        timestampMs,
        heartRate: 60 + batch,
        receivedMs: batch * 60_000,
      };
    });
    await writePart({ storage }, some);
    readings.push(...some);
    if (random() < 0.3) await compact({ storage }, { all: random() < 0.5, sweepAfterMs: 0 });
    if (batch % 3 !== 2) continue;
    for (const input of [
      {},
      { limit: 5 + Math.floor(random() * 10) },
      { search: pick(['a', 'CROWD-1', '心', 'nobody']), limit: 4 },
      { since: new Date(pick([0, START_DAY + Math.floor(random() * 45)]) * DAY_MS).toISOString().slice(0, 10) },
      { userIds: [pick(NAMES), pick(CROWD), 'nobody', 'ana'], limit: 2 },
    ] satisfies ListUsersInput[]) {
      const first = await listUsers({ storage }, { ...input, priority: PRIORITY });
      if (!('userIds' in input)) expect(first).toMatchObject(naivePage(readings, input));
      const { users } = naivePage(readings, { ...input, limit: Number.POSITIVE_INFINITY });
      expect(await allPages(storage, input)).toEqual(users);
    }
  }
}

describe('the list of users', () => {
  it('is that of all readings, whatever was shared, split and compacted', async () => {
    const random = randomFrom(testSeed());
    for (let history = 0; history < HISTORIES; history += 1) {
      await withDirectory(async (directory) => {
        const storage = await openDirectoryStorage({ directory });
        await checkHistory(random, storage);
        await storage.close();
      }, MEMORY_DIRECTORY);
      await checkHistory(random, await openFakeStorage(createFakeS3()));
    }
  }, 60_000);

  it('of an empty store has nobody, and says so', () =>
    withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      expect(await listUsers({ storage })).toEqual({ users: [], next: null, since: null });
      await storage.close();
    }));

  it('passes over directories without readings, and over what is no directory of a user', () =>
    withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      const readings = [1, 2].map((day): Reading => {
        return { userId: 'ana', deviceId: 'watch', timestampMs: day * DAY_MS, heartRate: 60, receivedMs: 0 };
      });
      await writePart({ storage }, readings);
      rmSync(join(directory, '19700103', 'ana'), { recursive: true });
      for (const name of ['ana', 'ben', '%zz', 'a%20b', `cut~${'0'.repeat(64)}`, '%00'])
        mkdirSync(join(directory, '19700103', name));
      mkdirSync(join(directory, '99999999', 'zoe'), { recursive: true });
      const { users, since } = await listUsers({ storage });
      const latest = { deviceId: 'watch', timestamp: '1970-01-02T00:00:00Z', heartRate: 60 };
      expect({ users, since }).toEqual({ users: [{ userId: 'ana', latest }], since: '1970-01-02' });
      await storage.close();
    }));

  it('goes on without a file that is damaged', () =>
    withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      await writePart(
        { storage },
        CROWD.map((userId) => ({ userId, deviceId: 'w', timestampMs: 0, heartRate: 60, receivedMs: 0 })),
      );
      for (const shared of ['_shared', userDirectory('心'.repeat(60))]) {
        mkdirSync(join(directory, '19700101', shared), { recursive: true });
        writeFileSync(join(directory, '19700101', shared, `part-${'0'.repeat(32)}.parquet`), 'PAR1 no PAR1');
      }
      expect((await listUsers({ storage })).users).toHaveLength(CROWD.length);
      await storage.close();
    }));

  it.each([
    [{ limit: 0 }, '/limit'],
    [{ limit: 1_001 }, '/limit'],
    [{ limit: '1e2' }, '/limit'],
    [{ since: '2024-02-30' }, '/since'],
    [{ since: '1969-12-31' }, '/since'],
    [{ since: '20240130' }, '/since'],
    [{ search: '' }, '/search'],
    [{ after: 'x'.repeat(129) }, '/after'],
  ] satisfies [ListUsersInput, string][])('refuses %o', async (input, path) => {
    const refused = listUsers({ storage: {} as Storage }, input);
    await expect(refused).rejects.toMatchObject({ kind: 'invalid', code: 'invalid_query', faults: [{ path }] });
  });
});

describe('what the list of users takes', () => {
  it('on S3: three listings of the dates, one of shared parts, one a date, and of users on the page their newest files', async () => {
    const fake = createFakeS3();
    const writer = await openFakeStorage(fake);
    const of = (userId: string, day: number) => {
      return { userId, deviceId: 'watch', timestampMs: (START_DAY + day) * DAY_MS, heartRate: 60, receivedMs: 0 };
    };
    for (let day = 0; day < 60; day += 1)
      await writePart(
        { storage: writer },
        ['ana', 'ben', 'eve'].map((id) => of(id, day)),
      );
    const storage = await openFakeStorage(fake);
    const before = { ...fake.counts };
    expect((await listUsers({ storage }, { limit: 2 })).next).toBe('ben');
    const listed = (fake.counts.LIST ?? 0) - (before.LIST ?? 0);
    const read = (fake.counts.GET ?? 0) - (before.GET ?? 0);
    // Of each user the shared and the own partition of the newest date.
    expect(listed).toBe(3 + 1 + 31 + 2 * 2);
    expect(read).toBeLessThanOrEqual(2 * 2);
  });

  it('in memory: two pages of names, and turns for others, however many there are', () =>
    withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory });
      const date = partitionDate(START_DAY * DAY_MS);
      const reading = { deviceId: 'w', timestampMs: START_DAY * DAY_MS, heartRate: 60, receivedMs: 0 };
      await writePart({ storage }, [{ ...reading, userId: 'u00000' }]);
      let wanted = 0;
      const crowded: Storage = {
        ...storage,
        async *partitions({ directories }) {
          // The last comes first: each of them is among the first for a while.
          for (let user = 99_999; user >= 0 && directories === undefined; user -= 1)
            yield { date, directory: `u${String(user).padStart(5, '0')}` };
        },
        snapshot(partition, options) {
          wanted += 1;
          return storage.snapshot(partition, options);
        },
      };
      let [longestMs, isDone] = [0, false];
      let before = process.cpuUsage();
      // Of the processor: on a busy machine time passes by itself.
      function look(): void {
        const { user, system } = process.cpuUsage(before);
        longestMs = Math.max(longestMs, (user + system) / 1_000);
        before = process.cpuUsage();
        if (!isDone) setImmediate(look);
      }
      look();
      const { users, next } = await listUsers({ storage: crowded }, { limit: 1 });
      isDone = true;
      expect([users.map(({ userId }) => userId), next]).toEqual([['u00000'], 'u00000']);
      expect(wanted).toBe(2);
      expect(longestMs).toBeLessThan(50);
      await storage.close();
    }, MEMORY_DIRECTORY));
});
