import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { storageContract } from '../../src/contract/index.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory.js';

storageContract({
  test,
  async fixture() {
    const parent = await mkdtemp(join(tmpdir(), 'hrm-storage-'));
    const directory = join(parent, 'not', 'there', 'yet');
    return {
      open: () => openDirectoryStorage({ directory }),
      dispose: () => rm(parent, { recursive: true }),
    };
  },
});
