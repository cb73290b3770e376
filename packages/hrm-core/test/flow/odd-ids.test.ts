import { describe, expect, it } from 'vitest';
import { compact, devices, query, verify, writePart } from '../../src/index.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { withDirectory } from '../support/temporary-directory.js';

const DAY_MS = Date.UTC(2024, 0, 15);
const RANGE = { start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
/** Whatever a decoder of text may take for something else than a character of the id. */
const ODD = [
  '\ufeffana',
  '\ufeff',
  'ana\ufeff',
  '\ufeff\ufeffana',
  '\ufffeana',
  '\u200bana',
  'ana',
  'a\u0301na',
  '\u00e1na',
];

describe('ids that begin with a byte order mark, or look alike', () => {
  it.each([
    ['in parts of their own', 0],
    ['in shared parts', 100],
  ])('stay apart, %s, before and after a compaction', async (_, others) => {
    await withDirectory(async (directory) => {
      const storage = await openPromptStorage({ directory });
      const of = (userId: string, deviceId: string, heartRate: number) => ({
        userId,
        deviceId,
        timestampMs: DAY_MS,
        heartRate,
        receivedMs: DAY_MS,
      });
      const readings = ODD.map((id, i) => of(id, 'w', 60 + i));
      const sameUser = ODD.map((id, i) => of('bob', id, 90 + i));
      const strangers = Array.from({ length: others }, (_other, i) => of(`user-${i}`, 'w', 50));
      await writePart({ storage }, [...readings, ...sameUser, ...strangers]);
      async function expectApart(): Promise<void> {
        for (const [i, userId] of ODD.entries()) {
          const rows = await query({ storage }, { userId, ...RANGE });
          expect(rows.map((row) => [userId, row.heartRate])).toEqual([[userId, 60 + i]]);
          const ofDevice = await query({ storage }, { userId: 'bob', deviceId: userId, ...RANGE });
          expect(ofDevice.map((row) => row.heartRate)).toEqual([90 + i]);
        }
        const known = await devices({ storage }, { userId: 'bob' });
        expect(known.map(({ deviceId }) => deviceId).sort()).toEqual([...ODD].sort());
      }
      await expectApart();
      await compact({ storage }, { all: true, quietAfterMs: 0, sweepAfterMs: 0 });
      await compact({ storage }, { all: true, quietAfterMs: 0, sweepAfterMs: 0 });
      await expectApart();
      expect((await verify({ storage })).faultCount).toBe(0);
      await storage.close();
    });
  });
});
