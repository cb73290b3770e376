import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { announce } from '../../src/drivers/queue/embedded/presence.js';
import { withDirectory } from '../support/temporary-directory.js';

const NAME = 'queue.lmdb-process-77';

/** A process that listens on a socket, and is killed: the name stays. */
async function leaveSocket(path: string): Promise<void> {
  const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listens'))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe.runIf(process.platform === 'linux')('two processes of one number', () => {
  it('are told apart from one, and let in once the first has gone', async () => {
    await withDirectory(async (directory) => {
      const first = await announce(directory, 77);
      assert.ok(first !== null);
      await assert.rejects(announce(directory, 77), { code: 'queue_in_use', kind: 'unavailable' });
      const other = await announce(directory, 78);
      first.end();
      const second = await announce(directory, 77);
      assert.ok(second !== null);
      second.end();
      other?.end();
    });
  });

  it('are one where the other was killed, however deep the directory', async () => {
    await withDirectory(async (parent) => {
      const directory = join(parent, 'd'.repeat(100), 'e'.repeat(100));
      mkdirSync(directory, { recursive: true });
      await leaveSocket(join(parent, NAME));
      renameSync(join(parent, NAME), join(directory, NAME));
      const presence = await announce(directory, 77);
      assert.ok(presence !== null);
      await assert.rejects(announce(directory, 77), { code: 'queue_in_use' });
      presence.end();
    });
  });

  it('leave no names for ever, where they were killed', async () => {
    await withDirectory(async (directory) => {
      for (const age of ['old', 'young']) await leaveSocket(join(directory, `queue.lmdb-process-${age}`));
      const hourAgo = Date.now() / 1_000 - 3_600;
      utimesSync(join(directory, 'queue.lmdb-process-old'), hourAgo, hourAgo);
      const presence = await announce(directory, 77);
      assert.deepEqual(readdirSync(directory).sort(), [NAME, 'queue.lmdb-process-young']);
      presence?.end();
    });
  });

  it('are one where the name is a file of somebody else', async () => {
    await withDirectory(async (directory) => {
      writeFileSync(join(directory, NAME), 'not a socket');
      const presence = await announce(directory, 77);
      assert.ok(presence !== null);
      presence.end();
    });
  });

  it('leave nothing behind when they close, and may open the queue again at once', async () => {
    await withDirectory(async (directory) => {
      const [first, second] = await Promise.all([openEmbeddedQueue({ directory }), openEmbeddedQueue({ directory })]);
      assert.ok(readdirSync(directory).includes(`queue.lmdb-process-${process.pid}`));
      await first.close();
      await second.depth();
      const closing = second.close();
      const third = await openEmbeddedQueue({ directory });
      await closing;
      await third.depth();
      await third.close();
      assert.deepEqual(readdirSync(directory).sort(), [
        'queue.lmdb',
        'queue.lmdb-gate',
        'queue.lmdb-gate-lock',
        'queue.lmdb-lock',
      ]);
    });
  });
});
