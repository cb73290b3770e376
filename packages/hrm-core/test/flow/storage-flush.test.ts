/** Many files at once: flushed together, and still each synced by itself. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { createFlush } from '../../src/drivers/storage/directory/flush.js';
import { fileOf } from '../support/readings.js';
import { withDirectory } from '../support/temporary-directory.js';
import { watchedFileSystem } from '../support/watched-file-system.js';

/** Operations that write for a moment, then sync. */
async function operate(count: number): Promise<{ flushes: number; flushed: number }> {
  let [flushes, written, synced, flushed] = [0, 0, 0, 0];
  const flush = createFlush('/nowhere', async () => {
    flushes += 1;
    flushed += written - synced;
    await delay(5);
  });
  const all = Array.from({ length: count }, (_, i) =>
    flush.during(async () => {
      await delay(i % 3);
      written += 1;
      await flush.before();
      synced += 1;
    }),
  );
  await Promise.all(all);
  expect(synced).toBe(count);
  return { flushes, flushed };
}

it('is not begun for a few', async () => {
  expect(await operate(63)).toEqual({ flushes: 0, flushed: 0 });
});

it('serves hundreds at once', async () => {
  const { flushes, flushed } = await operate(400);
  expect(flushes).toBeGreaterThanOrEqual(1);
  expect(flushes).toBeLessThanOrEqual(6);
  expect(flushed).toBeGreaterThanOrEqual(300);
});

it('lets everybody go on when some of those under way never sync', async () => {
  const flush = createFlush('/nowhere', async () => undefined);
  const others = Array.from({ length: 100 }, () => flush.during(() => delay(50)));
  const waiting = Array.from({ length: 10 }, () => flush.during(() => flush.before()));
  await Promise.all([...others, ...waiting]);
});

it.each(['logs', 'fails', 'is missing'])(
  'publishes hundreds of parts where `sync` %s, each synced by itself',
  async (what) => {
    await withDirectory(async (root) => {
      const [bin, log] = [join(root, 'bin-sync'), join(root, 'log')];
      if (what !== 'is missing') {
        writeFileSync(bin, `#!/bin/sh\necho "$@" >> '${log}'\n${what === 'fails' ? 'exit 1' : ''}\n`);
        chmodSync(bin, 0o700);
        writeFileSync(join(root, 'sync'), readFileSync(bin), { mode: 0o700 });
      }
      vi.stubEnv('PATH', what === 'is missing' ? root : `${root}:${process.env.PATH}`);
      onTestFinished(() => void vi.unstubAllEnvs());
      const synced = { files: 0 };
      const fileSystem = watchedFileSystem({
        before(call) {
          if (call.name === 'fsync') synced.files += 1;
          return null;
        },
      });
      const data = join(root, 'data');
      const storage = await openDirectoryStorage({ directory: data, fileSystem });
      const directories = Array.from({ length: 200 }, (_, i) => `user-${i}`);
      await Promise.all(
        directories.map((directory) => storage.publish({ date: '20240115', directory }, 'part-a.parquet', fileOf([1]))),
      );
      for (const directory of directories)
        expect(existsSync(join(data, '20240115', directory, 'part-a.parquet'))).toBe(true);
      // A file and its directory each.
      expect(synced.files).toBeGreaterThanOrEqual(400);
      if (what === 'is missing') return;
      const calls = readFileSync(log, 'utf8').trim().split('\n');
      expect(new Set(calls)).toEqual(new Set([`-f ${data}`]));
      expect(calls.length).toBeLessThan(60);
      await storage.close();
    });
  },
);
