import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { storageContract } from '../../src/contract/index.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';

// With three files a process may hold none of them open: each is opened when it is read, if it is still there.
describe.each([undefined, 3])('where %s files may be open', (maxOpenFiles) => {
  storageContract({
    test,
    async fixture() {
      const parent = await mkdtemp(join(tmpdir(), 'hrm-storage-'));
      const directory = join(parent, 'not', 'there', 'yet');
      return {
        open: () => openDirectoryStorage({ directory, maxOpenFiles }),
        dispose: () => rm(parent, { recursive: true }),
      };
    },
  });
});
