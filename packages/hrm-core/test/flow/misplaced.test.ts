/** Rows in a file of another day's or user's directory: they count for no question, whoever wrote the file, and verify tells of them. */
import { cp, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  compact,
  devices,
  exportReadings,
  latest,
  query,
  type Reading,
  type Storage,
  verify,
  writePart,
} from '../../src/index.js';
import { type ForeignRow, writeByHyparquet } from '../support/foreign-files.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { rowsOfFile } from '../support/rows-of-file.js';
import { withDirectory } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);

function readingsOf(deviceId: string, fromMs: number, count: number, userId = 'ana'): Reading[] {
  return Array.from({ length: count }, (_, i) => {
    const timestampMs = fromMs + i * 100;
    return { userId, deviceId, timestampMs, heartRate: 60 + (i % 7), receivedMs: timestampMs };
  });
}

function foreign(readings: readonly Reading[]): ForeignRow[] {
  return readings.map(({ receivedMs, ...rest }) => ({ ...rest, receivedMinute: Math.floor(receivedMs / 60_000) }));
}

/** Everything that is asked about a user, over the whole history. */
async function answersOf(storage: Storage) {
  const question = { userId: 'ana', start: START_MS - 30 * DAY_MS, end: START_MS + 30 * DAY_MS };
  const pieces: Uint8Array[] = [];
  for await (const piece of exportReadings({ storage }, question)) pieces.push(piece);
  return {
    minutes: await query({ storage }, question),
    // Cuts inside minutes, so that readings are read.
    cut: await query({ storage }, { ...question, start: START_MS - DAY_MS + 1, end: START_MS + 9 * DAY_MS - 1 }),
    devices: await devices({ storage }, { userId: 'ana' }),
    latest: await latest({ storage }, { userId: 'ana' }),
    exported: await rowsOfFile(Buffer.concat(pieces)),
    readings: (await verify({ storage })).readings,
  };
}

/** Ways that a misplaced row comes into `data/20240115/ana`; some of the device that is there, some of one that is nowhere else. */
const WAYS: Readonly<Record<string, (data: string, storage: Storage) => Promise<void>>> = {
  'another writer’s small file': (data) => {
    const rows = ['ring', 'watch'].flatMap((device) => [
      ...readingsOf(device, START_MS - 5 * DAY_MS, 1),
      ...readingsOf(device, START_MS + 2 * DAY_MS, 1),
    ]);
    return writeByHyparquet(path.join(data, '20240115/ana/part-theirs.parquet'), foreign(rows));
  },
  'another writer’s large file, with another user’s rows': (data) => {
    const rows = [
      ...readingsOf('watch', START_MS + 2 * DAY_MS, 60_000),
      ...readingsOf('ring', START_MS + 10 * 3_600_000, 60_000, 'bo'),
    ];
    return writeByHyparquet(path.join(data, '20240115/ana/part-theirs.parquet'), foreign(rows));
  },
  'a part of another day': async (data) => {
    await withCopy(data, readingsOf('ring', START_MS + 3 * DAY_MS, 500), false);
  },
  'a compacted file of another day': async (data) => {
    await withCopy(data, readingsOf('ring', START_MS + 3 * DAY_MS, 5_000), true);
  },
  'a compacted file of another user': async (data) => {
    await withCopy(data, readingsOf('ring', START_MS + 3_600_000, 5_000, 'bo'), true);
  },
};

/** Writes readings in a store of their own, and copies the file that they are in then. */
async function withCopy(data: string, readings: readonly Reading[], isCompacted: boolean): Promise<void> {
  await withDirectory(async (other) => {
    const storage = await openPromptStorage({ directory: other });
    await writePart({ storage }, readings);
    if (isCompacted) await compact({ storage }, { all: true });
    await storage.close();
    const names = await readdir(other, { recursive: true });
    const file = names.find((name) => name.endsWith(isCompacted ? 'compacted.parquet' : '.parquet')) ?? '';
    await cp(path.join(other, file), path.join(data, '20240115/ana', path.basename(file)));
  });
}

describe.each(Object.entries(WAYS))('%s among a day’s files', (_, put) => {
  it('changes no answer, before a compaction and after it, and is misplaced to verify', () =>
    withDirectory(async (data) => {
      const storage = await openPromptStorage({ directory: data });
      await mkdir(path.join(data, '20240115/ana'), { recursive: true });
      await writePart({ storage }, readingsOf('watch', START_MS + 60_000, 200));
      const expected = await answersOf(storage);
      expect(expected).toMatchObject({ devices: [{ deviceId: 'watch' }], readings: 200 });
      await put(data, storage);
      expect(await answersOf(storage)).toEqual(expected);
      expect((await verify({ storage })).faults).toMatchObject([{ code: 'misplaced' }]);
      expect(await compact({ storage }, { all: true, sweepAfterMs: 0 })).toMatchObject({ compacted: 1, failures: [] });
      expect(await answersOf(storage)).toEqual(expected);
      expect((await verify({ storage })).faults).toContainEqual(expect.objectContaining({ code: 'misplaced' }));
      await storage.close();
    }));
});
