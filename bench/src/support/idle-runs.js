/** Runs of compaction that find nothing to do, in data directories with more and more that is settled. */
import { compact } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { compactAll, writeUsers } from './dataset.js';
import { timeMs } from './figure.js';

const USERS = 10;

/**
 * A data directory for each number of settled partitions, and a variant that runs a compaction over it, in a process that has done so before.
 * @param {import('./figure.js').Bench} bench
 * @param {readonly number[]} sizes multiples of ten
 */
export async function openIdleRuns(bench, sizes) {
  /** @type {import('hrm-core').Storage[]} */
  const storages = [];
  /** @type {Record<string, () => Promise<import('./figure.js').Sample>>} */
  const variants = {};
  for (const partitions of sizes) {
    const directory = await bench.directory('settled');
    await writeUsers({ directory, users: USERS, days: partitions / USERS });
    const storage = await openDirectoryStorage({ directory });
    await compactAll(storage);
    storages.push(storage);
    variants[`a run of compaction, ${partitions} partitions settled`] = () =>
      timeMs(async () => {
        const { compacted } = await compact({ storage });
        if (compacted > 0) throw new Error(`${compacted} partitions were not settled`);
      });
  }
  async function close() {
    for (const storage of storages) await storage.close();
  }
  return { variants, close };
}
