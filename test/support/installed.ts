/** What the repository has installed, for a clone or a copy of it. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const INSTALLED = fileURLToPath(new URL('../../node_modules', import.meta.url));

/**
 * Gives a directory the repository's packages: `npm install` there makes of them what its lock file says, and need not unpack them again.
 * npm's own list of what is there is left out, so that it looks itself.
 */
export async function linkInstalled(directory: string): Promise<void> {
  const to = join(directory, 'node_modules');
  await promisify(execFile)('cp', ['-al', INSTALLED, to]).catch(async () => {
    // Another file system, or a `cp` that makes no links.
    await rm(to, { recursive: true, force: true });
    await promisify(execFile)('cp', ['-a', INSTALLED, to]);
  });
  for (const own of ['.package-lock.json', '.cache']) await rm(join(to, own), { recursive: true, force: true });
}
