/**
 * A storage's fault is not a file's fault: every error number of the system at every call of the file system, once, ten times or for
 * ever, in whatever is done. What fails says that the storage cannot now; nothing else is ever said, set aside or lost, no answer is
 * wrong, and all is well when the fault is over.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  compact,
  isHrmError,
  latest,
  query,
  queryTag,
  type Reading,
  type Storage,
  verify,
  writePart,
} from '../../src/index.js';
import { writeByHyparquet } from '../support/foreign-files.js';
import { openPromptStorage, promptFileSystem } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';
import { systemError, type WatchedCall, watchedFileSystem } from '../support/watched-file-system.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY = { userId: 'ana', start: START_MS, end: START_MS + 86_400_000 };

function readingsOf(part: number): Reading[] {
  return [0, 60_000].map((ms) => {
    const timestampMs = START_MS + part + ms;
    return { userId: 'ana', deviceId: 'strap', timestampMs, heartRate: 60 + part, receivedMs: START_MS };
  });
}

/** That nothing has a name is no failure of a call that looks: it is the truth about the name. */
const TRUTHS: readonly string[] = ['ENOENT'];

/** As Node gives those that it has no name for. */
const UNNAMED: readonly string[] = ['Unknown system error -117', 'Unknown system error -74'];

const ERRNOS = [...Object.keys(constants.errno), ...UNNAMED].filter((code) => !TRUTHS.includes(code));

/** Those that a driver may take for something else than a failure: tried in every run, of the others some, by the seed. */
const TAKEN_FOR_OTHERS: readonly string[] = [
  ...[
    'EIO',
    'ENOSPC',
    'EEXIST',
    'ELOOP',
    'ENXIO',
    'ENOTDIR',
    'EISDIR',
    'EINVAL',
    'EPERM',
    'EACCES',
    'EROFS',
    'ENOTSUP',
  ],
  ...['EBADF', 'EINTR', 'EAGAIN', 'ESTALE', 'ENODEV', 'EMFILE', 'ENAMETOOLONG', 'EXDEV', 'ENOTEMPTY', 'EBUSY'],
];
const SHARE_OF_OTHERS = 0.1;

/** What is done; a summary's failures count as thrown. */
interface Operation {
  readonly name: string;
  run(storage: Storage): Promise<unknown>;
  /** Of answers: what is right. */
  readonly isAnswer?: boolean;
}

const OPERATIONS: readonly Operation[] = [
  { name: 'a day', run: (storage) => query({ storage }, DAY), isAnswer: true },
  { name: 'a cut minute', run: (storage) => query({ storage }, { ...DAY, end: START_MS + 59_000 }), isAnswer: true },
  { name: 'latest', run: (storage) => latest({ storage }, { userId: 'ana' }), isAnswer: true },
  { name: 'a tag', run: (storage) => queryTag({ storage }, DAY), isAnswer: true },
  { name: 'verify', run: async (storage) => orThrow(await verify({ storage })) },
  { name: 'a repair', run: async (storage) => orThrow(await verify({ storage }, { repair: true })) },
  { name: 'a new part', run: (storage) => writePart({ storage }, readingsOf(9)) },
  { name: 'a part that is there', run: (storage) => writePart({ storage }, readingsOf(2)) },
  { name: 'a compaction', run: async (storage) => orThrow(await compact({ storage }, { all: true })) },
  { name: 'a sweep', run: async (storage) => orThrow(await compact({ storage }, { sweepAfterMs: 0, all: true })) },
  { name: 'a check', run: (storage) => storage.check() },
];

function orThrow<T extends { readonly failures: readonly { readonly code: string; readonly message: string }[] }>(
  summary: T,
): T {
  for (const { code, message } of summary.failures) {
    throw Object.assign(new Error(message), { name: 'HrmError', kind: 'unavailable', code });
  }
  if ('faults' in summary) expect(summary.faults).toEqual([]);
  return summary;
}

const CODES: readonly string[] = ['storage_unavailable', 'storage_full', 'snapshot_contended'];

let template = '';

beforeAll(async () => {
  template = mkdtempSync(path.join(MEMORY_DIRECTORY, 'hrm-errnos-'));
  const storage = await openPromptStorage({ directory: path.join(template, 'data') });
  await writePart({ storage }, readingsOf(0));
  await writePart({ storage }, readingsOf(1));
  await compact({ storage }, { all: true });
  for (const part of [2, 3]) await writePart({ storage }, readingsOf(part));
  // Another program's, which is removed otherwise than ours.
  const rows = readingsOf(4).map(({ receivedMs, ...rest }) => ({ ...rest, receivedMinute: receivedMs / 60_000 }));
  await writeByHyparquet(path.join(template, 'data/20240115/ana/part-theirs.parquet'), rows);
  await storage.close();
});

afterAll(() => rmSync(template, { recursive: true, force: true }));

let copies = 0;

/** The store, to be changed a fresh copy of it, whose calls fail as `fault` says from when the storage was opened. */
async function withStore<T>(
  fault: { isArmed: boolean; at(call: WatchedCall): string | null },
  isChanged: boolean,
  use: (storage: Storage, data: string) => Promise<T>,
): Promise<T> {
  const store = path.join(template, 'data');
  const data = isChanged ? path.join(template, `copy-${copies++}`) : store;
  if (isChanged) cpSync(store, data, { recursive: true });
  const fileSystem: DirectoryFileSystem = watchedFileSystem(
    {
      before(call) {
        const code = fault.isArmed ? fault.at(call) : null;
        return code === null ? null : { kind: 'fail', error: systemError(code, call) };
      },
    },
    promptFileSystem,
  );
  const storage = await openDirectoryStorage({ directory: data, fileSystem });
  try {
    return await use(storage, data);
  } finally {
    await storage.close();
    if (isChanged) rmSync(data, { recursive: true });
  }
}

type CallName = keyof DirectoryFileSystem;

/** What operations call, and how often. */
async function callsOf({ run }: Operation): Promise<ReadonlyMap<CallName, number>> {
  const counts = new Map<CallName, number>();
  const fault = {
    isArmed: false,
    at({ name }: WatchedCall) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return null;
    },
  };
  await withStore(fault, true, async (storage) => {
    fault.isArmed = true;
    await run(storage);
  });
  return counts;
}

/** Runs an operation that may fail, in the one way that it may. */
async function attempt(operation: Operation, storage: Storage, what: string): Promise<unknown> {
  try {
    return { result: await operation.run(storage) };
  } catch (error) {
    assert(isHrmError(error), `${what}: ${error instanceof Error ? error.stack : error}`);
    assert.equal(error.kind, 'unavailable', `${what}: ${error.code}: ${error.message}`);
    assert.ok(CODES.includes(error.code), `${what}: ${error.code}: ${error.message}`);
    return null;
  }
}

test('each error number, at each call that the driver makes', { timeout: 600_000 }, async () => {
  const random = randomFrom(testSeed());
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const users = new Map<CallName, { operation: Operation; count: number }[]>();
  for (const operation of OPERATIONS) {
    for (const [name, count] of await callsOf(operation)) {
      users.set(name, [...(users.get(name) ?? []), { operation, count }]);
    }
  }
  assert.ok(users.size >= 12, `${[...users.keys()]}`);
  const outcomes = { failed: 0, done: 0 };
  for (const [name, all] of users) {
    for (const code of ERRNOS) {
      if (!TAKEN_FOR_OTHERS.includes(code) && random() > SHARE_OF_OTHERS) continue;
      const { operation, count } = pick(all);
      const times = pick([1, 10, Number.POSITIVE_INFINITY]);
      let calls = 0;
      const from = 1 + Math.floor(random() * count);
      const what = `${code} of ${name}, ${times} times from call ${from}, in ${operation.name}`;
      const fault = {
        isArmed: false,
        at(call: WatchedCall) {
          if (call.name !== name) return null;
          calls += 1;
          return calls >= from && calls < from + times ? code : null;
        },
      };
      await withStore(fault, !operation.isAnswer, async (storage, data) => {
        const right = operation.isAnswer ? await withReader(data, operation.run) : null;
        fault.isArmed = true;
        const outcome = await attempt(operation, storage, what);
        fault.isArmed = false;
        outcomes[outcome === null ? 'failed' : 'done'] += 1;
        if (outcome !== null && operation.isAnswer) {
          assert.deepEqual(outcome, { result: right }, what);
        }
        await operation.run(storage).catch((error) => assert.fail(`${what}, when it is over: ${error}`));
        if (operation.isAnswer) assert.deepEqual(await operation.run(storage), right, what);
        assert.deepEqual(readdirSync(path.join(data, '.quarantine')), [], what);
        const added = operation.name === 'a new part' ? readingsOf(9) : [];
        if (!operation.isAnswer) await expectAll(data, [...[0, 1, 2, 3, 4].flatMap(readingsOf), ...added], what);
      });
    }
  }
  console.log(`errnos: at ${users.size} calls, ${JSON.stringify(outcomes)}`);
  // Neither skips every fault, nor fails for all.
  assert.ok(outcomes.failed > 50 && outcomes.done > 50, JSON.stringify(outcomes));
});

/** By a handle that knows nothing yet. */
async function withReader<T>(data: string, use: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = await openPromptStorage({ directory: data, readOnly: true });
  try {
    return await use(storage);
  } finally {
    await storage.close();
  }
}

function expectAll(data: string, readings: readonly Reading[], what: string): Promise<void> {
  return withReader(data, async (storage) => {
    const rows = await query({ storage }, DAY);
    const count = rows.reduce((sum, row) => sum + row.count, 0);
    assert.equal(count, readings.length, what);
  });
}
