import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Memory where there is one, for tests that are about answers; those about disks use a disk. */
export const MEMORY_DIRECTORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Uses a fresh directory and deletes it; its path has no links in it. */
export async function withDirectory<T>(use: (directory: string) => Promise<T>, parent = tmpdir()): Promise<T> {
  const directory = await realpath(await mkdtemp(join(parent, 'hrm-core-')));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
