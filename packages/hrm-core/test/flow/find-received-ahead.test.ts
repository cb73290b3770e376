/** A clock that was ahead when readings were received, and has been set right. */
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { findReceivedAhead, type Reading, writePart } from '../../src/index.js';
import { withDirectory } from '../support/temporary-directory.js';

const NOW_MS = Date.UTC(2024, 0, 15, 10, 30);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const clock = { nowMs: () => NOW_MS };

function reading(userId: string, timestampMs: number, receivedMs: number): Reading {
  return { userId, deviceId: 'watch', timestampMs, heartRate: 70, receivedMs };
}

it('finds readings that were received ahead of the clock, and until when corrections of them are in vain', () =>
  withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    expect(await findReceivedAhead({ storage, clock })).toEqual({ readings: 0, latestMs: null, isComplete: true });
    // Clocks differ by some seconds: the next minute is no finding.
    await writePart({ storage }, [reading('ana', NOW_MS, NOW_MS + 59_000), reading('ben', NOW_MS - 1, NOW_MS)]);
    expect(await findReceivedAhead({ storage, clock })).toMatchObject({ readings: 0 });
    const ahead = NOW_MS + 2 * HOUR_MS;
    await writePart({ storage }, [
      reading('ana', NOW_MS + 1, ahead + 30_000),
      reading('ana', NOW_MS + 2, ahead - 60_000),
    ]);
    // Many users of a day share a part.
    await writePart(
      { storage },
      Array.from({ length: 40 }, (_, u) => reading(`user ${u}`, NOW_MS - DAY_MS, u === 7 ? ahead - 120_000 : NOW_MS)),
    );
    const found = { readings: 3, latestMs: ahead, isComplete: true };
    expect(await findReceivedAhead({ storage, clock })).toEqual(found);
    expect(await findReceivedAhead({ storage, clock: { nowMs: () => ahead } })).toMatchObject({ readings: 0 });
    expect(await findReceivedAhead({ storage, clock }, { maxReadings: 1 })).toMatchObject({ isComplete: false });
    const [part] = await writePart({ storage }, [reading('ana', NOW_MS + 3, ahead)]);
    await appendFile(path.join(directory, '20240115/ana', part?.name ?? ''), 'torn');
    expect(await findReceivedAhead({ storage, clock })).toEqual(found);
    await storage.close();
  }));
