/**
 * Other writers' files of millions of rows, in any order: answered and compacted like any other, in bounded memory and with turns for
 * others; beyond the bound left where they are.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  type CompactSummary,
  type DamageReport,
  type Device,
  type Latest,
  query,
  type Row,
  type Storage,
  type StoredFile,
} from '../../src/index.js';
import { bundle } from '../support/bundle.js';
import {
  dataPage,
  dictionaryPage,
  ENCODING,
  type HandMadeGroup,
  handMadeParquet,
  plainInt32,
  plainInt64,
  plainText,
} from '../support/hand-made-parquet.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);

/** MiB; a process that has done nothing has 70. */
const MAX_RSS_MIB = 300;

/** CPU milliseconds in one piece. Decoding or sorting all of a large file at once takes several times as long. */
const MAX_STALL_CPU_MS = 1_500;

interface Answers {
  readonly day: readonly Row[];
  readonly cut: readonly Row[];
  readonly device: readonly Row[];
  readonly devices: readonly Device[];
  readonly latest: Latest;
}

interface Report {
  readonly before: Answers;
  readonly after: Answers;
  readonly compactions: readonly CompactSummary[];
  readonly damage: readonly DamageReport[];
  readonly took: { readonly maxRssMiB: number; readonly stallMs: number; readonly cpuMs: number };
}

/** The other process' program. */
let program: string;
beforeAll(async () => {
  const place = await mkdtemp(path.join(tmpdir(), 'hrm-large-'));
  program = await bundle(path.join(import.meta.dirname, '../support/ask-everything.ts'), place);
});
afterAll(() => rm(path.dirname(program), { recursive: true }));

/** What another process answers of a file in a store of its own. */
async function askAbout(
  home: string,
  write: (file: string) => Promise<void>,
  use: (report: Report, data: string) => Promise<void>,
) {
  await withDirectory(async (root) => {
    const directory = path.join(root, 'data/20240115', home);
    await mkdir(directory, { recursive: true });
    await write(path.join(directory, 'part-theirs.parquet'));
    // Collected on its own thread: on a busy machine a helper's comes late, and garbage is measured in place of what is held.
    const heap = ['--max-old-space-size=160', '--max-semi-space-size=8', '--single-threaded'];
    const args = [...heap, program, path.join(root, 'data'), 'ana'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 28 });
    const report: Report = JSON.parse(stdout);
    expect(report.took.maxRssMiB).toBeLessThanOrEqual(MAX_RSS_MIB);
    expect(report.took.stallMs).toBeLessThanOrEqual(MAX_STALL_CPU_MS);
    await use(report, path.join(root, 'data'));
  }, MEMORY_DIRECTORY);
}

async function inDuckDb<T>(use: (run: (sql: string) => Promise<Record<string, unknown>[]>) => Promise<T>): Promise<T> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  try {
    return await use(async (sql) => (await duckdb.runAndReadAll(sql)).getRowObjectsJson());
  } finally {
    duckdb.closeSync();
  }
}

/** A day of 15 devices at 1 Hz, with doubles that rule 1 decides, and a second user's few. */
const rowsOf = (
  rows: number,
) => `SELECT (${START_MS} + (i // 15) * 1000)::BIGINT AS timestamp_ms, (60 + i % 41)::INTEGER AS heart_rate,
  'device-' || lpad((i % 15)::VARCHAR, 2, '0') AS device_id, 'ana' AS user_id, (i % 3)::INTEGER AS received_minute
  FROM range(${rows}) t(i)
  UNION ALL SELECT ${START_MS} + i * 1000, 200, 'device-03', 'ana', 1 FROM range(0, ${rows / 15}, 2) t(i)
  UNION ALL SELECT ${START_MS} + i * 1000, 100, 'device-03', 'bob', 1 FROM range(1000) t(i)`;

/** The first has more rows than are merged at once, the second more than are sorted at once. */
const FILES = [
  ['ana', 'in order of time', 1_200_000, 'ORDER BY timestamp_ms, device_id, received_minute'],
  ['_shared', 'in order of time', 600_000, 'ORDER BY timestamp_ms, device_id, received_minute'],
  ['ana', 'in no order', 300_000, 'ORDER BY hash(timestamp_ms * 31 + heart_rate), device_id, user_id'],
] as const;

/** What DuckDB makes of the same rows by rules 1 to 3, where each is asked: all devices have a reading a second, so the first device's count. */
async function rowsByDuckDb(rows: number, asked: readonly string[]) {
  return inDuckDb(async (run) => {
    await run(
      `CREATE TABLE kept AS SELECT timestamp_ms, device_id, max_by(heart_rate, received_minute * 1000 + heart_rate) AS bpm
       FROM (${rowsOf(rows)}) WHERE user_id = 'ana' GROUP BY ALL`,
    );
    const answers: (readonly (readonly [number, number])[])[] = [];
    for (const where of asked) {
      const answer = await run(
        `SELECT count(*)::INTEGER AS count, sum(bpm)::INTEGER AS sum FROM kept WHERE ${where}
         GROUP BY timestamp_ms // 60000 ORDER BY timestamp_ms // 60000`,
      );
      answers.push(
        answer.map(({ count, sum }) => [Number(count), Math.round((Number(sum) * 100) / Number(count)) / 100] as const),
      );
    }
    return answers;
  });
}

function shape(rows: readonly Row[]) {
  return rows.map(({ count, heartRate }) => [count, heartRate] as const);
}

describe('a large file is answered and compacted like any other', { timeout: 600_000 }, () => {
  it.each(FILES)('in %s, %s, of %d rows', async (home, _, rows, order) => {
    const write = async (file: string) => {
      await inDuckDb((run) => run(`COPY (SELECT * FROM (${rowsOf(rows)}) ${order}) TO '${file}' (FORMAT parquet)`));
    };
    await askAbout(home, write, async ({ before, after, compactions, damage }, data) => {
      expect(damage).toEqual([]);
      const first = "device_id = 'device-00'";
      const cut = `timestamp_ms >= ${START_MS + 7_000_001} AND timestamp_ms < ${START_MS + 7_654_321}`;
      const asked = [first, `${first} AND ${cut}`, `${first} AND timestamp_ms > ${START_MS}`];
      expect([before.day, before.cut, before.device].map(shape)).toEqual(await rowsByDuckDb(rows, asked));
      expect(before.devices).toHaveLength(15);
      expect(before.latest.devices).toHaveLength(15);
      const last = new Date(START_MS + (rows / 15 - 1) * 1_000).toISOString().replace('.000', '');
      expect(before.latest.latest?.timestamp).toBe(last);
      expect(compactions).toMatchObject([{ failures: [] }, { failures: [] }]);
      expect(after).toEqual(before);
      expect(await readdir(path.join(data, '20240115/ana'))).toEqual(['compacted.parquet']);
    });
  });
});

/** Row groups of a million equal rows each, some hundred bytes long. */
function equalRows(groups: number): Buffer {
  const rows = 1024 * 1024;
  // One run of the first entry, behind the width of an index.
  const run = Buffer.from([1, ...varint(rows * 2), 0]);
  const bodies = [plainInt64(START_MS + 5_000), plainInt32(77), plainText('watch'), plainText('ana'), plainInt32(9)];
  const columns = bodies.map((body) => ({
    pages: [dictionaryPage(body, { values: 1 }), dataPage(run, { values: rows, encoding: ENCODING.rleDictionary })],
    hasDictionary: true,
  }));
  return handMadeParquet(Array.from({ length: groups }, (): HandMadeGroup => ({ rows, columns })));
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

describe('a file whose row group is one page', () => {
  it('is read a few times over, and not once for each slice of it', async () => {
    await withDirectory(async (root) => {
      const directory = path.join(root, '20240115/ana');
      await mkdir(directory, { recursive: true });
      const file = path.join(directory, 'part-theirs.parquet');
      const rows = 900_000;
      await inDuckDb((run) =>
        run(`COPY (SELECT ${START_MS} + i * 96 AS timestamp_ms, (60 + i % 41)::INTEGER AS heart_rate, 'watch' AS device_id,
          'ana' AS user_id, 1::INTEGER AS received_minute FROM range(${rows}) t(i)) TO '${file}'
          (FORMAT parquet, ROW_GROUP_SIZE 1_000_000)`),
      );
      const storage = await openDirectoryStorage({ directory: root, readOnly: true });
      let bytesRead = 0;
      const counting: Storage = {
        ...storage,
        async snapshot(...args) {
          const snapshot = await storage.snapshot(...args);
          const read = (stored: StoredFile) => (from: number, to: number) => {
            bytesRead += to - from;
            return stored.read(from, to);
          };
          return { ...snapshot, files: snapshot.files.map((stored) => ({ ...stored, read: read(stored) })) };
        },
      };
      const day = { userId: 'ana', start: START_MS, end: START_MS + 86_400_000, interval: '1d' } as const;
      expect(await query({ storage: counting }, day)).toMatchObject([{ count: rows }]);
      // Seven slices, which are gone through several times each.
      expect(bytesRead).toBeLessThan(3 * (await stat(file)).size);
      await storage.close();
    }, MEMORY_DIRECTORY);
  });
});

describe('a small file of very many equal rows', { timeout: 600_000 }, () => {
  it('is one reading, where it has 8 million', async () => {
    await askAbout(
      'ana',
      (file) => writeFile(file, equalRows(8)),
      async ({ before, after, damage, compactions }) => {
        expect(damage).toEqual([]);
        expect(shape(before.day)).toEqual([[1, 77]]);
        expect(after).toEqual(before);
        expect(compactions[0]).toMatchObject({ failures: [], compacted: 1, readings: 1 });
      },
    );
  });

  it.each(['ana', '_shared'])('is left where it is, where it has 160 million, in %s', async (home) => {
    await askAbout(
      home,
      (file) => writeFile(file, equalRows(160)),
      async ({ before, damage, compactions }, data) => {
        expect(before.day).toEqual([]);
        expect(new Set(damage.map(({ code, outcome }) => `${code} ${outcome}`))).toEqual(
          new Set(['file_too_large skipped']),
        );
        expect(damage[0]?.message).toMatch(/more than \d+ rows: split it/);
        expect(compactions[0]).toMatchObject({ failures: [] });
        expect(await readdir(path.join(data, '20240115', home))).toEqual(['part-theirs.parquet']);
      },
    );
  });
});
