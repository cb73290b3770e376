/** Setting a file aside while its name is given to a good file, at each call in turn; and the end of the process at each. */
import assert from 'node:assert/strict';
import { linkSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { withDirectory } from '../support/temporary-directory.js';
import { systemError, watchedFileSystem } from '../support/watched-file-system.js';

const partition = { date: '20240115', directory: 'ana' };
const names = ['part-a.parquet', 'compacted.parquet'] as const;

function textsIn(directory: string, suffix: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(suffix))
    .map((name) => readFileSync(join(directory, name), 'utf8'));
}

/** Sets a bad file aside; before the n-th call from then on `act` runs. @returns whether there was such a call. */
async function setAside(
  data: string,
  name: (typeof names)[number],
  nth: number,
  act: (directory: string) => 'fail' | undefined,
): Promise<boolean> {
  let countdown = 0;
  let isDead = false;
  const directory = join(data, partition.date, partition.directory);
  const fileSystem = watchedFileSystem({
    before(call) {
      if (countdown > 0) {
        countdown -= 1;
        if (countdown === 0) isDead = act(directory) === 'fail';
      }
      return isDead ? { kind: 'fail', error: systemError('EIO', call) } : null;
    },
  });
  const storage = await openDirectoryStorage({ directory: data, fileSystem });
  await storage.publish(partition, 'part-a.parquet', new TextEncoder().encode(name === 'part-a.parquet' ? 'bad' : 'b'));
  if (name === 'compacted.parquet') writeFileSync(join(directory, name), 'bad');
  const snapshot = await storage.snapshot(partition);
  countdown = nth;
  await storage.quarantine(snapshot, name, 'bad').catch(() => undefined);
  const isOver = countdown > 0;
  countdown = 0;
  isDead = false;
  await snapshot.close();
  await storage.close();
  return !isOver;
}

describe.each(names)('%s, set aside', (name) => {
  test('while a good file takes its name, before each call: the good one stays in the partition', async () => {
    for (let nth = 1, hasCall = true; hasCall; nth += 1) {
      await withDirectory(async (data) => {
        hasCall = await setAside(data, name, nth, (directory) => {
          const made = join(data, 'made');
          writeFileSync(made, 'good');
          if (name === 'part-a.parquet') renameSync(made, join(directory, name));
          else {
            // As a compaction does; one that finds no compacted file links a first one.
            if (readdirSync(directory).includes(name))
              renameSync(join(directory, name), join(directory, 'part-old-1.parquet'));
            linkSync(made, join(directory, name));
          }
          return undefined;
        });
        const directory = join(data, partition.date, partition.directory);
        if (hasCall) assert.ok(textsIn(directory, '.parquet').includes('good'), `taken away before call ${nth}`);
        assert.ok(!textsIn(join(data, '.quarantine'), '.damaged').includes('good'), `set aside before call ${nth}`);
      });
      assert.ok(nth < 100);
    }
  });

  test('and stopped before each call: it is in the partition or in quarantine', async () => {
    let seen = 0;
    for (let nth = 1, hasCall = true; hasCall; nth += 1) {
      await withDirectory(async (data) => {
        hasCall = await setAside(data, name, nth, () => 'fail');
        const directory = join(data, partition.date, partition.directory);
        const found = [...textsIn(directory, '.parquet'), ...textsIn(join(data, '.quarantine'), '.damaged')];
        assert.ok(found.includes('bad'), `lost by the end before call ${nth}`);
        seen += 1;
      });
      assert.ok(nth < 100);
    }
    assert.ok(seen > 8, 'it was not stopped');
  });
});
