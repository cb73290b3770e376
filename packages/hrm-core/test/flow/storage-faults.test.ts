/**
 * Each file system call of each operation failing in turn. Whatever fails, and however: the error says so, what was
 * stored stays readable, no temporary is left that the driver could have removed, and the next try succeeds.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { HrmError } from '../../src/errors.js';
import type { Partition, Storage } from '../../src/ports/storage.js';
import { openPromptStorage, promptFileSystem } from '../support/prompt-file-system.js';
import { compactAll, fileOf, storedReadings } from '../support/readings.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';
import { systemError, type Verdict, type WatchedCall, watchedFileSystem } from '../support/watched-file-system.js';

interface Operation {
  readonly name: string;
  /** What must have happened before. */
  prepare?(storage: Storage, partition: Partition): Promise<unknown>;
  /** Readings stored by `prepare`: from then on they are there at every moment. */
  readonly stored: readonly number[];
  run(storage: Storage, partition: Partition): Promise<unknown>;
  /** Readings that are stored once `run` has succeeded. */
  readonly added: readonly number[];
}

const part = 'part-a.parquet';

async function publishTwo(storage: Storage, partition: Partition): Promise<void> {
  await storage.publish(partition, part, fileOf([1, 2]));
  await storage.publish(partition, 'part-b.parquet', fileOf([3]));
}

async function prepareCompacted(storage: Storage, partition: Partition): Promise<void> {
  await publishTwo(storage, partition);
  assert.equal(await compactAll(storage, partition), 'replaced');
}

async function setAside(storage: Storage, partition: Partition, name: string): Promise<void> {
  const snapshot = await storage.snapshot(partition);
  try {
    // After a try that failed it may be there under another name, or gone.
    if (snapshot.files.some((file) => file.name === name)) await storage.quarantine(snapshot, name, 'damaged');
  } finally {
    await snapshot.close();
  }
}

/** Removes each part that was once said to be of these readings. */
async function removeByBytes(storage: Storage, partition: Partition, readings: readonly number[]): Promise<void> {
  const sha256 = createHash('sha256').update(fileOf(readings)).digest('hex');
  const snapshot = await storage.snapshot(partition);
  try {
    // After a try that failed it may be there under another name.
    for (const { name } of snapshot.files) {
      if (name !== 'compacted.parquet') await storage.removeExact(snapshot, { name, sha256 });
    }
  } finally {
    await snapshot.close();
  }
}

async function listAll(storage: Storage): Promise<string[]> {
  const directories: string[] = [];
  for await (const { directory } of storage.partitions({})) directories.push(directory);
  return directories;
}

const operations: readonly Operation[] = [
  {
    name: 'publish into a new partition',
    stored: [],
    run: (storage, partition) => storage.publish(partition, part, fileOf([1])),
    added: [1],
  },
  {
    name: 'publish into a known partition',
    prepare: publishTwo,
    stored: [1, 2, 3],
    run: (storage, partition) => storage.publish(partition, 'part-c.parquet', fileOf([4])),
    added: [4],
  },
  {
    name: 'publish what exists',
    prepare: publishTwo,
    stored: [1, 2, 3],
    run: (storage, partition) => storage.publish(partition, part, fileOf([1, 2])),
    added: [],
  },
  {
    name: 'publish over damage',
    async prepare(storage, partition) {
      await storage.publish(partition, part, new TextEncoder().encode('[9,8]'));
      await storage.publish(partition, 'part-b.parquet', fileOf([3]));
    },
    stored: [3],
    run: (storage, partition) => storage.publish(partition, part, fileOf([1, 2])),
    added: [1, 2],
  },
  { name: 'the first compaction', prepare: publishTwo, stored: [1, 2, 3], run: compactAll, added: [] },
  { name: 'the next compaction', prepare: prepareCompacted, stored: [1, 2, 3], run: compactAll, added: [] },
  { name: 'a snapshot, read', prepare: prepareCompacted, stored: [1, 2, 3], run: storedReadings, added: [] },
  {
    name: 'a removal',
    prepare: prepareCompacted,
    stored: [1, 2, 3],
    run: (storage, partition) => storage.remove(partition, [part, 'part-b.parquet']),
    added: [],
  },
  {
    name: 'a removal by its bytes',
    prepare: prepareCompacted,
    stored: [1, 2, 3],
    run: (storage, partition) => removeByBytes(storage, partition, [1, 2]),
    added: [],
  },
  {
    name: 'a removal of other bytes',
    prepare: (storage, partition) => storage.publish(partition, part, fileOf([1, 2])),
    stored: [1, 2],
    run: (storage, partition) => removeByBytes(storage, partition, [3]),
    added: [],
  },
  {
    name: 'a visit that settles',
    prepare: publishTwo,
    stored: [1, 2, 3],
    run: async (storage, partition) => (await storage.visit(partition)).markClean(),
    added: [],
  },
  {
    name: 'setting a part aside',
    async prepare(storage, partition) {
      await publishTwo(storage, partition);
      await storage.publish(partition, 'part-bad.parquet', fileOf([9]));
    },
    stored: [1, 2, 3],
    run: (storage, partition) => setAside(storage, partition, 'part-bad.parquet'),
    added: [],
  },
  {
    name: 'setting the compacted file aside',
    prepare: prepareCompacted,
    stored: [1, 2, 3],
    run: (storage, partition) => setAside(storage, partition, 'compacted.parquet'),
    added: [],
  },
  { name: 'a listing', prepare: publishTwo, stored: [1, 2, 3], run: listAll, added: [] },
  { name: 'a check', prepare: publishTwo, stored: [1, 2, 3], run: (storage) => storage.check(), added: [] },
];

/** How the n-th call fails; the calls after it, where a tear needs one more to fail. */
const faults: Readonly<Record<string, (call: WatchedCall, isSecond: boolean) => Verdict>> = {
  EIO: (call) => ({ kind: 'fail', error: systemError('EIO', call) }),
  ENOSPC: (call) => ({ kind: 'fail', error: systemError('ENOSPC', call) }),
  EACCES: (call) => ({ kind: 'fail', error: systemError('EACCES', call) }),
  'a lost reply': (call) => ({ kind: 'lose-reply', error: systemError('EIO', call) }),
  'a torn write': (call, isSecond) => {
    if (isSecond) return { kind: 'fail', error: systemError('EIO', call) };
    return call.name === 'write' ? { kind: 'tear' } : null;
  },
};

/** A file system whose n-th call from `arm` on fails. */
function failing(fault: keyof typeof faults) {
  let countdown = 0;
  let failed: WatchedCall | null = null;
  let isTorn = false;
  const fileSystem = watchedFileSystem(
    {
      before(call) {
        if (isTorn) {
          isTorn = false;
          return faults[fault]?.(call, true) ?? null;
        }
        if (countdown === 0) return null;
        countdown -= 1;
        if (countdown > 0) return null;
        failed = call;
        const verdict = faults[fault]?.(call, false) ?? null;
        isTorn = verdict?.kind === 'tear';
        return verdict;
      },
    },
    promptFileSystem,
  );
  return {
    fileSystem,
    arm(nth: number) {
      countdown = nth;
      failed = null;
    },
    /** Ends the fault; the call that failed, `null` when the operation had fewer calls. */
    disarm(): WatchedCall | null {
      countdown = 0;
      isTorn = false;
      return failed;
    },
  };
}

/** The outcome of a call that may fail, but only as the port says. */
async function outcomeOf(run: Promise<unknown>, data: string, fault: string): Promise<'done' | 'failed'> {
  try {
    await run;
    return 'done';
  } catch (error) {
    assert.ok(error instanceof HrmError, `not an HrmError: ${String(error)}`);
    // A bad sector under a file: the file is what is damaged.
    if (error.code === 'file_damaged' && fault !== 'ENOSPC') return 'failed';
    assert.equal(error.kind, 'unavailable', error.message);
    assert.equal(error.code, fault === 'ENOSPC' ? 'storage_full' : 'storage_unavailable');
    assert.ok(error.message.includes(data) && error.message.includes('HRM_DATA_DIR'), error.message);
    assert.ok(error.cause instanceof Error && 'code' in error.cause);
    return 'failed';
  }
}

function assertHas(readings: ReadonlySet<number>, expected: readonly number[], when: string): void {
  for (const reading of expected) assert.ok(readings.has(reading), `reading ${reading} is missing ${when}`);
}

/** Removing may itself fail, and creating may have happened all the same; else there is nothing left to sweep. */
function assertNoTemporaries(data: string, failed: WatchedCall): void {
  const left = readdirSync(join(data, '.tmp'));
  if (failed.name === 'unlink' || failed.name === 'open') assert.ok(left.length <= 1, left.join());
  else assert.deepEqual(left, [], `${failed.name} ${failed.path} left a temporary`);
}

/** @returns how many of its calls failed, and how often the caller was told. */
async function failInTurn(operation: Operation, fault: string): Promise<{ calls: number; failures: number }> {
  let failures = 0;
  for (let nth = 1; ; nth++) {
    const isOver = await withDirectory(async (data) => {
      const partition = { date: '20240115', directory: `user${nth}` };
      const faulty = failing(fault);
      const storage = await openDirectoryStorage({ directory: data, fileSystem: faulty.fileSystem });
      const other = await openPromptStorage({ directory: data });
      await operation.prepare?.(storage, partition);
      faulty.arm(nth);
      const outcome = await outcomeOf(operation.run(storage, partition), data, fault);
      const failed = faulty.disarm();
      const where = `after ${fault} in call ${nth}, ${failed?.name} ${failed?.path}`;
      if (outcome === 'failed') failures += 1;
      if (failed !== null) assertNoTemporaries(data, failed);
      const readings = await storedReadings(other, partition);
      assertHas(readings, operation.stored, where);
      if (outcome === 'done') assertHas(readings, operation.added, where);
      await operation.run(storage, partition);
      assertHas(await storedReadings(other, partition), [...operation.stored, ...operation.added], `after the retry`);
      await storage.close();
      await other.close();
      return failed === null;
    }, MEMORY_DIRECTORY);
    if (isOver) return { calls: nth - 1, failures };
  }
}

describe.each(Object.keys(faults))('%s in each call in turn', (fault) => {
  test.each(operations)('$name', async (operation) => {
    const { calls, failures } = await failInTurn(operation, fault);
    expect(calls).toBeGreaterThan(0);
    // What only reads is tried again, and rides out a single fault.
    if (['a snapshot, read', 'a listing'].includes(operation.name)) return expect(failures).toBe(0);
    const writes = !/^a (removal|visit that settles)/.test(operation.name);
    // A fault that no call let through to the caller would have tested nothing.
    if (fault !== 'a torn write' || writes) expect(failures).toBeGreaterThan(0);
  });

  test('opening', async () => {
    let failures = 0;
    for (let nth = 1, isOver = false; !isOver; nth++) {
      await withDirectory(async (root) => {
        const data = join(root, 'deep', 'data');
        const faulty = failing(fault);
        faulty.arm(nth);
        const opening = openDirectoryStorage({ directory: data, fileSystem: faulty.fileSystem });
        const outcome = await outcomeOf(opening, data, fault);
        isOver = faulty.disarm() === null;
        if (outcome === 'failed') failures += 1;
        const storage = await openPromptStorage({ directory: data });
        await storage.publish({ date: '20240115', directory: 'ana' }, part, fileOf([1]));
        await storage.close();
        if (outcome === 'done') await (await opening).close();
      }, MEMORY_DIRECTORY);
    }
    expect(failures).toBeGreaterThan(0);
  });
});

describe('real faults', () => {
  test('a disk that is full, and has room again', async () => {
    await withSmallDisk(async (data, isReal) => {
      const partition = { date: '20240115', directory: 'ana' };
      const faulty = failing('ENOSPC');
      const storage = await openDirectoryStorage({ directory: data, fileSystem: faulty.fileSystem });
      await storage.publish(partition, part, fileOf([1, 2]));
      assert.equal(await compactAll(storage, partition), 'replaced');
      if (isReal) writeFileSync(join(data, 'filler'), new Uint8Array(freeBytes(data)));
      const attempts = [
        () => storage.publish(partition, 'part-b.parquet', fileOf(Array(20_000).keys())),
        () => compactAll(storage, partition),
        () => storage.check(),
      ];
      for (const attempt of attempts) {
        // Without a disk to fill: the call that would find it full, which is the first write.
        if (!isReal) faulty.arm(1);
        for (let nth = 2; ; nth++) {
          const outcome = await outcomeOf(attempt(), data, 'ENOSPC');
          if (outcome === 'failed') break;
          assert.ok(!isReal && nth < 20, 'a full disk took another file');
          faulty.arm(nth);
        }
        faulty.disarm();
        assert.deepEqual(readdirSync(join(data, '.tmp')), []);
        assertHas(await storedReadings(storage, partition), [1, 2], 'on a full disk');
      }
      if (isReal) writeFileSync(join(data, 'filler'), '');
      assert.equal(await storage.publish(partition, 'part-c.parquet', fileOf([3])), 'written');
      await storage.check();
      assertHas(await storedReadings(storage, partition), [1, 2, 3], 'after there was room');
      await storage.close();
    });
  });

  test.each(['a file', 'a file in the way of its parent'])('a data directory that is %s', (what) =>
    withDirectory(async (root) => {
      writeFileSync(join(root, 'file'), '');
      const data = what === 'a file' ? join(root, 'file') : join(root, 'file', 'data');
      await expect(openDirectoryStorage({ directory: data })).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'storage_unavailable',
        message: expect.stringMatching(/HRM_DATA_DIR.*move it away/),
      });
    }),
  );

  test('a directory named like the part to publish', () =>
    withDirectory(async (data) => {
      const storage = await openDirectoryStorage({ directory: data });
      const partition = { date: '20240115', directory: 'ana' };
      mkdirSync(join(data, '20240115/ana', part), { recursive: true });
      assert.equal(await outcomeOf(storage.publish(partition, part, fileOf([1])), data, ''), 'failed');
      assert.equal(await outcomeOf(storage.remove(partition, [part]), data, ''), 'failed');
      assert.deepEqual([...(await storedReadings(storage, partition))], []);
      assert.deepEqual(readdirSync(join(data, '.tmp')), []);
      await storage.close();
    }));
});

function freeBytes(directory: string): number {
  const [, line = ''] = execFileSync('df', ['-B1', '--output=avail', directory]).toString().split('\n');
  return Number(line);
}

/** A disk of 1 MB that is really one, where this process may mount; where not, a directory, and it is said. */
async function withSmallDisk(use: (data: string, isReal: boolean) => Promise<void>): Promise<void> {
  await withDirectory(async (root) => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'pipe' });
    } catch (error) {
      console.warn(`no small disk can be mounted here, so ENOSPC is injected: ${String(error)}`);
      await use(join(disk, 'data'), false);
      return;
    }
    try {
      assert.ok(statSync(disk).dev !== statSync(root).dev);
      await use(join(disk, 'data'), true);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
}
