/** Small disks that a test may fill. */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** Bytes. */
export const MIB = 1024 * 1024;

/** Mounts a small disk at a directory; `false` where this user may not. */
export async function mountDisk(directory: string, bytes: number): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory]).status !== 0) return false;
  onTestFinished(() => {
    spawnSync('umount', ['-l', directory]);
  });
  return true;
}

/** Fills the disk of a directory but for `leftBytes`; returns how to give the space back. */
export async function fillDisk(directory: string, leftBytes: number): Promise<() => Promise<void>> {
  const filler = path.join(directory, 'filler');
  const { bavail, bsize } = await statfs(directory);
  await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes))).catch(
    (error: NodeJS.ErrnoException) => {
      // Somebody wrote meanwhile: it is as full as it gets.
      if (error.code !== 'ENOSPC') throw error;
    },
  );
  return () => rm(filler);
}
