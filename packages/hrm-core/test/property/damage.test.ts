/** Random bytes flipped in random files: every damaged file is found, no question fails, and nothing false is answered. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';
import { decodeBytes } from '../support/whole-files.js';
import { oracleAnswer } from './oracle.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;
const ROUNDS = 20;
const USERS = ['ana', 'Ben', 'x/y'];

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-damage-'));
});
afterAll(() => rm(root, { recursive: true }));

/** Two devices, some at the same milliseconds. */
function readings(random: () => number, count: number): Reading[] {
  return Array.from({ length: count }, () => {
    const timestampMs = START_MS + Math.floor(random() * 2 * 86_400) * 1_000;
    const userId = USERS[Math.floor(random() * USERS.length)] as string;
    const deviceId = random() < 0.5 ? 'strap' : 'watch';
    return { userId, deviceId, timestampMs, heartRate: 30 + Math.floor(random() * 191), receivedMs: timestampMs };
  });
}

/** Compacted files, some with what they replaced, and parts that came later. */
async function fill(data: string, random: () => number): Promise<void> {
  const storage = await openDirectoryStorage({ directory: data, fileSystem: promptFileSystem });
  await writePart({ storage }, readings(random, 6_000));
  await compact({ storage }, { all: true });
  await compact({ storage }, { userId: 'ana', sweepAfterMs: 0 });
  for (let i = 0; i < 3; i += 1) await writePart({ storage }, readings(random, 60));
  await storage.close();
}

async function parquetFiles(data: string): Promise<string[]> {
  const names = await readdir(data, { recursive: true });
  return names.filter((name) => name.endsWith('.parquet')).sort();
}

/** What intact files hold. */
async function readingsIn(data: string, files: readonly string[]): Promise<Reading[]> {
  const found: Reading[] = [];
  for (const file of files) {
    const { columns } = await decodeBytes(new Uint8Array(await readFile(path.join(data, file))));
    for (let row = 0; row < columns.length; row += 1) {
      found.push({
        userId: columns.users[columns.user[row] as number] as string,
        deviceId: columns.devices[columns.device[row] as number] as string,
        timestampMs: columns.timestampMs[row] as number,
        heartRate: columns.heartRate[row] as number,
        receivedMs: (columns.receivedMinute[row] as number) * 60_000,
      });
    }
  }
  return found;
}

async function answers(storage: Storage, fromMs: number, toMs: number) {
  return Promise.all(USERS.map((userId) => query({ storage }, { userId, start: fromMs, end: toMs })));
}

function oracle(known: readonly Reading[], fromMs: number, toMs: number) {
  return USERS.map((userId) => oracleAnswer(known, { userId, fromMs, toMs, intervalMs: 60_000, priority: {} }));
}

function subsetsOf(files: readonly string[]): string[][] {
  let subsets: string[][] = [[]];
  for (const file of files) subsets = subsets.concat(subsets.map((some) => [...some, file]));
  return subsets;
}

it(`finds all damage and tells nothing false, ${ROUNDS} times`, async () => {
  const seed = testSeed();
  const random = randomFrom(seed);
  const good = path.join(root, 'good');
  await fill(good, random);
  const files = await parquetFiles(good);
  expect(files.length).toBeGreaterThan(20);
  for (let round = 0; round < ROUNDS; round += 1) {
    const where = `round ${round} of HRM_SEED=${seed}`;
    const data = path.join(root, `round-${round}`);
    await cp(good, data, { recursive: true });
    const damaged = new Set<string>();
    for (let count = 1 + Math.floor(random() * 3); count > 0; count -= 1) {
      const file = files[Math.floor(random() * files.length)] as string;
      if (damaged.has(file)) continue;
      damaged.add(file);
      const bytes = await readFile(path.join(data, file));
      const at = Math.floor(random() * bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
      await writeFile(path.join(data, file), bytes);
    }
    const storage = await openDirectoryStorage({ directory: data, fileSystem: promptFileSystem });
    const { faults } = await verify({ storage });
    // A rollup is derived: damage to it is another fault.
    const found = faults.filter(({ code }) => ['file_damaged', 'wrong_rollup'].includes(code));
    const names = found.map(({ partition: { date, directory }, name }) => path.join(date, directory, name));
    expect([...new Set(names)].sort(), where).toEqual([...damaged].sort());

    // Cut inside minutes, so that readings are read too.
    const [fromMs, toMs] = [START_MS + 1 + Math.floor(random() * DAY_MS), START_MS + 2 * DAY_MS - 500];
    const whole = files.filter((file) => !damaged.has(file));
    const intact = await readingsIn(good, whole);
    // Damage that the answer has no need to read is not met: any of the files may still count, but only as it was.
    const allowed = USERS.map(() => new Set<string>());
    for (const some of subsetsOf([...damaged])) {
      const rows = oracle(await readingsIn(good, [...whole, ...some]), fromMs, toMs);
      for (const [u, set] of allowed.entries()) for (const row of rows[u] ?? []) set.add(JSON.stringify(row));
    }
    const least = oracle(intact, fromMs, toMs);
    const got = await answers(storage, fromMs, toMs);
    for (const [u, rows] of got.entries()) {
      for (const row of rows)
        if (!allowed[u]?.has(JSON.stringify(row))) expect.fail(`${where}: ${JSON.stringify(row)}`);
      const minutes = new Set(rows.map(({ timestamp }) => timestamp));
      for (const { timestamp } of least[u] ?? []) expect(minutes.has(timestamp), `${where}: ${timestamp}`).toBe(true);
    }

    await verify({ storage }, { repair: true });
    const { faults: left, failures, quarantine } = await verify({ storage });
    // What is lost for good is told of as long as its file is in quarantine.
    expect(
      left.filter(({ code }) => code !== 'quarantined'),
      where,
    ).toEqual([]);
    expect({ failures, salvageable: quarantine.salvageable }, where).toEqual({ failures: [], salvageable: 0 });
    const mended = oracle(await readingsIn(data, await parquetFiles(data)), fromMs, toMs);
    expect(await answers(storage, fromMs, toMs), where).toEqual(mended);
    const kept = await readingsIn(data, await parquetFiles(data));
    const keys = new Set(kept.map((one) => JSON.stringify([one.userId, one.deviceId, one.timestampMs])));
    for (const { userId, deviceId, timestampMs } of intact) {
      if (!keys.has(JSON.stringify([userId, deviceId, timestampMs]))) expect.fail(`${where}: a reading is gone`);
    }
    await storage.close();
    await rm(data, { recursive: true });
  }
});
