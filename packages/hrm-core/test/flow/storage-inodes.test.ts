/** A disk with room and without inodes: what is written fails, the check tells how many are left, and it goes on when there are some. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { query, type Reading, writePart } from '../../src/index.js';
import { cannotMount, memoryDisk, mount, unmount } from '../support/mount.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const INODES = 60;

function readingOf(userId: string): Reading {
  return { userId, deviceId: 'strap', timestampMs: START_MS, heartRate: 60, receivedMs: START_MS };
}

test.skipIf(cannotMount)('without inodes a new user is refused, the check counts them, and all is stored later', () =>
  withDirectory(async (parent) => {
    const disk = path.join(parent, 'disk');
    mkdirSync(disk);
    mount(memoryDisk('size=16m', `nr_inodes=${INODES}`), disk);
    try {
      const storage = await openDirectoryStorage({ directory: path.join(disk, 'data') });
      await writePart({ storage }, [readingOf('ana')]);
      const { freeInodes = 0, totalInodes } = await storage.check();
      expect(totalInodes).toBe(INODES);
      expect(freeInodes).toBeGreaterThan(10);
      const fillers: string[] = [];
      // One is left: enough for the check, which goes well, and for no new user.
      for (let i = 1; i < Number(freeInodes); i += 1) fillers.push(path.join(disk, `filler-${i}`));
      for (const filler of fillers) writeFileSync(filler, '');
      expect(await storage.check()).toMatchObject({ freeInodes: 1 });
      await expect(writePart({ storage }, [readingOf('bo')])).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'storage_full',
        message: expect.stringContaining('no inodes left'),
      });
      for (const filler of fillers) rmSync(filler);
      expect(await writePart({ storage }, [readingOf('bo')])).toMatchObject([{ outcome: 'written' }]);
      for (const userId of ['ana', 'bo']) {
        expect(await query({ storage }, { userId, start: START_MS, end: START_MS + 60_000 })).toHaveLength(1);
      }
      await storage.close();
    } finally {
      unmount(disk);
    }
  }),
);
