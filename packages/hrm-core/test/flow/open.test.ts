import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { isHrmError } from '../../src/errors.js';
import { openQueue, openStorage } from '../../src/open.js';
import { withDirectory } from '../support/temporary-directory.js';

function isMissing(code: string) {
  return (error: unknown) => isHrmError(error) && error.kind === 'unavailable' && error.code === code;
}

describe('opening only what is there', () => {
  it('makes no queue, and opens one that was made', () =>
    withDirectory(async (directory) => {
      const queueDir = join(directory, 'a', 'queue');
      await assert.rejects(openQueue({ queueDir }, { create: false }), isMissing('queue_missing'));
      assert.deepEqual(readdirSync(directory), []);
      const made = await openQueue({ queueDir });
      await made.push([{ bytes: Buffer.from('a'), readings: 1 }]);
      await made.close();
      const opened = await openQueue({ queueDir }, { create: false });
      await opened.check();
      assert.equal((await opened.depth()).readings, 1);
      await opened.close();
    }));

  it('tells a queue that cannot be looked for from one that is not there', () =>
    withDirectory(async (directory) => {
      writeFileSync(join(directory, 'file'), '');
      const queueDir = join(directory, 'file', 'queue');
      await assert.rejects(openQueue({ queueDir }, { create: false }), isMissing('queue_unavailable'));
    }));

  it('makes no storage, sweeps nothing, and proves a write in one that was made', () =>
    withDirectory(async (directory) => {
      const dataDir = join(directory, 'data');
      await assert.rejects(openStorage({ dataDir }, { create: false }), isMissing('storage_missing'));
      mkdirSync(dataDir);
      await assert.rejects(openStorage({ dataDir }, { create: false }), isMissing('storage_missing'));
      assert.deepEqual(readdirSync(dataDir), []);
      await (await openStorage({ dataDir })).close();
      const storage = await openStorage({ dataDir }, { create: false });
      await storage.check();
      await storage.close();
      assert.deepEqual(readdirSync(join(dataDir, '.tmp')), []);
    }));
});
