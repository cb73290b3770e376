/** Compacted files with names that are hashes of their bytes, as a store that replaces no file has them, copied into a directory. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, compactAll, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const QUESTION = { userId: 'ana', start: START_MS, end: START_MS + 86_400_000 };

function readingAt(minute: number): Reading {
  const timestampMs = START_MS + minute * 60_000;
  return { userId: 'ana', deviceId: 'watch', timestampMs, heartRate: 60 + minute, receivedMs: timestampMs };
}

async function minutesOf(storage: Storage): Promise<number> {
  return (await query({ storage }, QUESTION)).length;
}

it('of two stores are answered together, brought to one file, and gone after the grace', () =>
  withDirectory(async (root) => {
    const home = join(root, 'copy', '20240115', 'ana');
    for (const [i, name] of ['one', 'two', 'copy'].entries()) {
      const storage = await openDirectoryStorage({ directory: join(root, name), fileSystem: promptFileSystem });
      await writePart({ storage }, [readingAt(i), readingAt(i + 1)]);
      await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
      await storage.close();
    }
    for (const from of ['one', 'two']) {
      const file = join(root, from, '20240115', 'ana', 'compacted.parquet');
      const hash = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 32);
      renameSync(file, join(home, `compacted-${hash}.parquet`));
    }
    const storage = await openDirectoryStorage({ directory: join(root, 'copy'), fileSystem: promptFileSystem });
    try {
      expect(await minutesOf(storage)).toBe(4);
      expect((await verify({ storage })).faults).toEqual([]);
      // Whatever the policy says of so few readings: compacters that raced have made several.
      await compact({ storage }, { date: '20240115', sweepAfterMs: 3_600_000 });
      expect(await minutesOf(storage)).toBe(4);
      expect(readdirSync(home)).toHaveLength(4);
      await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
      expect(readdirSync(home)).toEqual(['compacted.parquet']);
      expect(await minutesOf(storage)).toBe(4);
    } finally {
      await storage.close();
    }
  }, MEMORY_DIRECTORY));
