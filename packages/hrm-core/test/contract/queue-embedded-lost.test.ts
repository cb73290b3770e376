import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { isHrmError } from '../../src/errors.js';
import type { Queue } from '../../src/ports/queue.js';
import { cannotMount, memoryDisk, mount, unmount } from '../support/mount.js';

/** Pushes elements of 30 readings. */
const PUSHER = fileURLToPath(new URL('../crash/queue-ack-worker.mjs', import.meta.url));
const LIMITS = { maxReadings: 100, maxBytes: 1_000, maxElements: 100, leaseMs: 1_000 };
const ELEMENT = { bytes: Buffer.from('a'), readings: 1 };

function isLost(error: unknown): boolean {
  return (
    isHrmError(error) &&
    error.kind === 'unavailable' &&
    error.code === 'queue_unavailable' &&
    /was deleted or replaced under the running process: put back .* or restart/.test(error.message)
  );
}

async function assertLost(queue: Queue): Promise<void> {
  const calls = [
    () => queue.push([ELEMENT]),
    () => queue.check(),
    () => queue.claim(LIMITS),
    () => queue.wait({ readings: 1, ageMs: 0 }, { timeoutMs: 5_000 }),
    () => queue.depth(),
    () => queue.ack('nobody'),
    () => queue.deadLetters.list({ limit: 1 }),
  ];
  for (const call of [...calls, ...calls]) await assert.rejects(call, isLost);
}

/** Descriptors of this process that lead into a directory, or did before it was deleted. */
function descriptorsIn(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`);
      return path.startsWith(directory) ? [path] : [];
    } catch {
      // The one that read the list is closed by now.
      return [];
    }
  });
}

describe('an embedded queue whose file goes away under the process', () => {
  let parent = '';
  let directory = '';
  let queue: Queue;
  beforeEach(async () => {
    parent = realpathSync(mkdtempSync(join(tmpdir(), 'hrm-queue-')));
    directory = join(parent, 'queue');
    queue = await openEmbeddedQueue({ directory });
    await queue.push([ELEMENT]);
  });
  afterEach(async () => {
    await queue.close();
    rmSync(parent, { recursive: true });
  });

  it('says so when the directory was deleted, with or without a new one, and makes no file', async () => {
    rmSync(directory, { recursive: true });
    await assertLost(queue);
    mkdirSync(directory);
    await assertLost(queue);
    await assert.rejects(openEmbeddedQueue({ directory }), isLost);
    assert.deepEqual(readdirSync(directory), []);
  });

  it.skipIf(cannotMount)(
    'says so when its disk was unmounted, writes nothing beside it, and goes on when it is back',
    async () => {
      const [disk, place] = [join(parent, 'disk'), join(parent, 'place')];
      for (const path of [disk, place]) mkdirSync(path);
      mount(memoryDisk('size=64m'), disk);
      mount(['--bind', disk], place);
      try {
        const mounted = await openEmbeddedQueue({ directory: join(place, 'queue') });
        await mounted.push([ELEMENT]);
        const waiting = mounted.push([ELEMENT]);
        unmount(place);
        await assert.rejects(waiting, isLost);
        await assertLost(mounted);
        assert.deepEqual(readdirSync(place), []);
        mount(['--bind', disk], place);
        await mounted.push([ELEMENT]);
        assert.equal((await mounted.depth()).readings, 2);
        await mounted.close();
      } finally {
        unmount(place);
        unmount(disk);
      }
    },
  );

  it('says so when the file alone was deleted, also to pushes that wait for their commit', async () => {
    const pushed = [queue.push([ELEMENT]), queue.push([ELEMENT])];
    rmSync(join(directory, 'queue.lmdb'));
    for (const { status } of await Promise.allSettled(pushed)) assert.equal(status, 'rejected');
    await assertLost(queue);
    assert.ok(!readdirSync(directory).includes('queue.lmdb'));
  });

  it('takes no other file for its own, even under the same inode number', async () => {
    // A process that has lost its file and closed it must not find "it" again when a new one gets its number.
    for (let round = 0; round < 5; round += 1) {
      rmSync(directory, { recursive: true });
      if (round > 0) await assertLost(queue);
      execFileSync(process.execPath, [PUSHER, directory, '1']);
      await assertLost(queue);
    }
    await queue.close();
    const again = await openEmbeddedQueue({ directory });
    assert.equal((await again.depth()).readings, 30);
    await again.close();
  });

  it('goes on with all it had when the file is put back', async () => {
    renameSync(directory, join(parent, 'away'));
    await assertLost(queue);
    renameSync(join(parent, 'away'), directory);
    await queue.check();
    await queue.push([ELEMENT]);
    assert.equal((await queue.depth()).readings, 2);
  });

  it('starts anew when it is opened again', async () => {
    rmSync(directory, { recursive: true });
    await assertLost(queue);
    await queue.close();
    const again = await openEmbeddedQueue({ directory });
    await again.push([ELEMENT, ELEMENT]);
    assert.equal((await again.depth()).readings, 2);
    await again.close();
  });

  it('never writes beside another process when the lock file was deleted', async () => {
    rmSync(join(directory, 'queue.lmdb-lock'));
    execFileSync(process.execPath, [PUSHER, directory, '3']);
    await assert.rejects(queue.push([ELEMENT]), isLost);
    // The file is in its place, and the lock file that is there now is everybody's.
    await queue.push([ELEMENT]);
    assert.equal((await queue.depth()).readings, 92);
  });

  it.skipIf(process.platform !== 'linux')('lets go of the deleted file when it is closed', async () => {
    assert.ok(descriptorsIn(directory).length > 0);
    rmSync(directory, { recursive: true });
    await assertLost(queue);
    await queue.close();
    assert.deepEqual(descriptorsIn(directory), []);
  });
});
