/** Another program that keeps files in a partition's directory, under names of its own choice, and may give a name again. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { query, type Reading, type Storage } from '../../src/index.js';
import { writeByHyparquet } from './foreign-files.js';

const START_MS = Date.UTC(2024, 0, 15);
export const DATE = '20240115';
const DAY_MS = 86_400_000;

/** How a file takes the place of another: under the name, or in it, so that whoever has the old one open reads the new one. */
export type Replacing = 'a new file' | 'written over';

export interface Outsider {
  /** Puts a file of one reading for each user, at a minute of the day that no other file has. @returns the minute. */
  put(name: string, replacing?: Replacing): Promise<number>;
  remove(name: string): void;
  /** Minutes of the files that are there, as far as their owner knows. */
  minutes(): number[];
}

/**
 * @param directory - of the partition; made.
 * @param firstMinute - of the day, from which on its files have one each.
 */
export function createOutsider(directory: string, userIds: readonly string[] = ['ana'], firstMinute = 720): Outsider {
  mkdirSync(directory, { recursive: true });
  const present = new Map<string, number>();
  let next = firstMinute;
  return {
    async put(name, replacing = 'a new file') {
      const minute = next;
      next += 1;
      const rows = userIds.flatMap((userId) =>
        readingsAt(minute, userId).map(({ receivedMs, ...reading }) => ({
          ...reading,
          receivedMinute: receivedMs / 60_000,
        })),
      );
      const target = path.join(directory, name);
      const written = replacing === 'written over' ? target : path.join(directory, '.export');
      await writeByHyparquet(written, rows);
      if (written !== target) renameSync(written, target);
      present.set(name, minute);
      return minute;
    },
    remove(name) {
      rmSync(path.join(directory, name), { force: true });
      present.delete(name);
    },
    minutes: () => [...present.values()],
  };
}

/** A minute's one reading. */
export function readingsAt(minute: number, userId = 'ana'): Reading[] {
  const timestampMs = START_MS + minute * 60_000;
  return [{ userId, deviceId: 'strap', timestampMs, heartRate: 60 + (minute % 100), receivedMs: START_MS }];
}

/** Minutes of the day that are answered, each as it was put there. */
export async function answeredMinutes(storage: Storage, userId = 'ana'): Promise<number[]> {
  const rows = await query({ storage }, { userId, start: START_MS, end: START_MS + DAY_MS });
  return rows.map(({ timestamp, heartRate }) => {
    const minute = (Date.parse(timestamp) - START_MS) / 60_000;
    return heartRate === 60 + (minute % 100) ? minute : Number.NaN;
  });
}
