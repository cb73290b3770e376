/**
 * A file is removed for its bytes, while its owner gives its name to another, before each call of the file system: the other one
 * stays. And stopped before each call: the file is there, or where it was said to be held.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { withDirectory } from '../support/temporary-directory.js';
import { systemError, watchedFileSystem } from '../support/watched-file-system.js';

const partition = { date: '20240115', directory: 'ana' };
const name = 'part-theirs.parquet';
const sha256 = createHash('sha256').update('old').digest('hex');

function textsIn(directory: string): string[] {
  return readdirSync(directory).map((file) => readFileSync(join(directory, file), 'utf8'));
}

/**
 * Removes the file, and does something before the n-th call of the file system.
 * @returns whether there was such a call, and what the removal said.
 */
async function removeWhile(data: string, nth: number, act: (directory: string) => 'fail' | undefined) {
  let [countdown, isDead] = [0, false];
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
  await storage.publish(partition, name, new TextEncoder().encode('old'));
  const snapshot = await storage.snapshot(partition);
  countdown = nth;
  const outcome = await storage.removeExact(snapshot, { name, sha256 }).catch(() => 'failed');
  const hasCall = countdown === 0;
  countdown = 0;
  isDead = false;
  await snapshot.close();
  await storage.close();
  return { hasCall, outcome };
}

/** Each way in which an owner changes what is under a name. */
const WAYS: Readonly<Record<string, (path: string, text: string) => void>> = {
  'a new file takes the name': (path, text) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  },
  'the file is written over': (path, text) => writeFileSync(path, text),
};

describe.each(Object.entries(WAYS))('%s before each call', (_, change) => {
  test.each(['new', 'longer than the old one'])('and stays: %s', async (text) => {
    const outcomes = new Set<string>();
    for (let nth = 1, hasCall = true; hasCall; nth += 1) {
      await withDirectory(async (data) => {
        const removal = await removeWhile(data, nth, (directory) => {
          change(join(directory, name), text);
          return undefined;
        });
        hasCall = removal.hasCall;
        outcomes.add(removal.outcome);
        const texts = textsIn(join(data, partition.date, partition.directory));
        if (hasCall) assert.ok(texts.includes(text), `taken away before call ${nth}`);
        assert.ok(removal.outcome !== 'removed' || !texts.includes('old'));
      });
      assert.ok(nth < 100);
    }
    assert.deepEqual([...outcomes].sort(), ['gone', 'removed']);
  });
});

test('stopped before each call, it is there under one name, until it is removed', async () => {
  const found = new Set<string>();
  for (let nth = 1, hasCall = true; hasCall; nth += 1) {
    await withDirectory(async (data) => {
      const removal = await removeWhile(data, nth, () => 'fail');
      hasCall = removal.hasCall;
      const names = readdirSync(join(data, partition.date, partition.directory));
      found.add(`${removal.outcome}: ${names.length}, ${names[0] === name ? 'by its name' : 'by another, or gone'}`);
    });
  }
  assert.deepEqual([...found].sort(), [
    'failed: 1, by another, or gone',
    'failed: 1, by its name',
    'removed: 0, by another, or gone',
  ]);
});
