/** Small disks that a test may fill. */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** Bytes. */
export const MIB = 1024 * 1024;

/** Mounts a small disk at a directory, by default with as many inodes as are wanted; `false` where this user may not. */
export async function mountDisk(directory: string, bytes: number, inodes = 0): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  const options = `size=${bytes},nr_inodes=${inodes}`;
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]).status !== 0) return false;
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

/** Takes all inodes of the disk of a directory; returns how to give them back. */
export async function fillInodes(directory: string): Promise<() => Promise<void>> {
  const fillers = path.join(directory, 'fillers');
  await mkdir(fillers);
  for (let i = 0; ; i += 1) {
    try {
      await writeFile(path.join(fillers, String(i)), '');
    } catch {
      return () => rm(fillers, { recursive: true });
    }
  }
}
