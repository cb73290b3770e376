import { describe, expect, it } from 'vitest';
import { countSystem, countsToWire, HrmError, queuedCounts, type StorageSize } from '../../../src/index.js';

const SIZE: StorageSize = {
  days: 2,
  users: 1,
  partitions: 3,
  files: 4,
  bytes: 5_000,
  compactedFiles: 1,
  sharedParts: 1,
  mostFiles: 2,
  withoutRollup: 0,
  firstDate: '20240115',
  lastDate: '20240116',
  lastDays: [],
};
const DEPTH = { readings: 7, claimedReadings: 2, deadLetters: 1, endedClaims: 0, oldestMs: null };
const GONE = new HrmError('there is no disk', { kind: 'unavailable', code: 'storage_missing' });

const measure = async () => SIZE;
const depth = async () => DEPTH;

describe('counts of the system', () => {
  it('are of both, in the names of the wire too', async () => {
    const { failures, ...counts } = await countSystem({ measure, depth });
    expect(failures).toEqual([]);
    expect(counts.queue).toEqual({
      readings: 7,
      claimedReadings: 2,
      deadLetters: 1,
      endedClaims: 0,
      oldestAgeMs: null,
    });
    const { storage, queue } = countsToWire(counts);
    expect(storage).toMatchObject({
      days: 2,
      compacted_files: 1,
      shared_parts: 1,
      most_files: 2,
      first_date: '20240115',
    });
    expect(storage).not.toHaveProperty('lastDays');
    expect(queue).toMatchObject({ claimed_readings: 2, dead_letters: 1, ended_claims: 0, oldest_age_ms: null });
  });

  it('are of one, where the other is unavailable', async () => {
    const counts = await countSystem({ measure: () => Promise.reject(GONE), depth });
    expect(counts).toMatchObject({ storage: null, queue: { readings: 7 }, failures: [GONE] });
    expect(countsToWire(counts)).toMatchObject({ storage: null, queue: { readings: 7 } });
  });

  it('are not told where something else went wrong, or nobody waits', async () => {
    const defect = new TypeError('x is undefined');
    await expect(countSystem({ measure, depth: () => Promise.reject(defect) })).rejects.toBe(defect);
    const aborted = countSystem({ measure, depth: () => Promise.reject(GONE) }, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ kind: 'closed', code: 'aborted' });
  });

  it('have no age below 0, whatever the clocks', () => {
    expect(queuedCounts({ ...DEPTH, oldestMs: 1_000 }, 4_000)).toMatchObject({ oldestAgeMs: 3_000 });
    expect(queuedCounts({ ...DEPTH, oldestMs: 4_000 }, 1_000)).toMatchObject({ oldestAgeMs: 0 });
  });
});
