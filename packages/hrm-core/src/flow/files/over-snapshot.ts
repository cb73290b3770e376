import { isGone } from '../../errors.js';
import { MAX_SNAPSHOT_ATTEMPTS } from '../../limits.js';
import type { Partition, Snapshot, SnapshotOptions, Storage } from '../../ports/storage.js';
import { createYielder } from './yielder.js';

/**
 * Runs a step over a partition's files, and again over those of a new snapshot where one was gone before it was read: what replaced
 * it is among them.
 * @param step - may run again, so what it notes it notes at its end.
 * @throws HrmError code `file_gone`, where that happens again and again; what `step` throws.
 */
export async function overSnapshot<Result>(
  storage: Pick<Storage, 'snapshot'>,
  partition: Partition,
  options: SnapshotOptions,
  step: (snapshot: Snapshot) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    const snapshot = await storage.snapshot(partition, { ...options, yieldTurn: createYielder(options).yieldTurn });
    try {
      return await step(snapshot);
    } catch (error) {
      if (!isGone(error) || attempt === MAX_SNAPSHOT_ATTEMPTS) throw error;
    } finally {
      await snapshot.close();
    }
  }
}
