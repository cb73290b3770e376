/** The reader of databases against SQLite itself, which writes them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from 'node-sqlite3-wasm';
import { describe, expect, it } from 'vitest';
import type { RandomAccessFile } from '../../../src/formats/file-format.js';
import { openSqlite } from '../../../src/formats/sqlite/sqlite-table.js';
import { readFormat } from '../../support/read-format.js';

/** What SQLite writes of some statements. */
function write(statements: readonly string[]): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'hrm-sqlite-'));
  const path = join(directory, 'a.db');
  const database = new Database(path);
  for (const statement of statements) database.run(statement);
  database.close();
  const bytes = readFileSync(path);
  rmSync(directory, { recursive: true });
  return bytes;
}

const SCHEMA = [
  'CREATE TABLE application_info_table (row_id INTEGER PRIMARY KEY AUTOINCREMENT, package_name TEXT NOT NULL UNIQUE, app_name TEXT, icon BLOB)',
  'CREATE TABLE device_info_table (row_id INTEGER PRIMARY KEY, manufacturer TEXT, model TEXT, device_type INTEGER)',
  'CREATE TABLE heart_rate_record_table (row_id INTEGER PRIMARY KEY, uuid BLOB UNIQUE, app_info_id INTEGER, device_info_id INTEGER, start_time INTEGER, start_zone_offset INTEGER, UNIQUE (uuid))',
  'CREATE TABLE heart_rate_record_series_table (parent_key INTEGER NOT NULL, beats_per_minute INTEGER NOT NULL, epoch_millis INTEGER NOT NULL, FOREIGN KEY (parent_key) REFERENCES heart_rate_record_table(row_id) ON DELETE CASCADE)',
];

const T0 = Date.UTC(2024, 0, 15, 10);

/** Records of five values each, of two devices by turns. */
function exported(records: number): Buffer {
  return write([
    ...SCHEMA,
    "INSERT INTO application_info_table VALUES (7, 'com.app', 'App', zeroblob(9000))",
    "INSERT INTO device_info_table VALUES (1, 'Maker', 'Band 3', 1), (2, NULL, NULL, 0)",
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${records})
     INSERT INTO heart_rate_record_table SELECT i, randomblob(16), 7, 1 + i % 2, ${T0}, 3600 FROM n`,
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${5 * records})
     INSERT INTO heart_rate_record_series_table SELECT 1 + i / 5, 60 + i % 100, ${T0} + i * 1000 FROM n`,
  ]);
}

function inMemory(bytes: Uint8Array): RandomAccessFile {
  return { byteLength: bytes.length, slice: async (from, to) => bytes.subarray(from, to) };
}

describe('an export of Health Connect', () => {
  it('is read whole, each value with its device, whether it is a file or a stream', async () => {
    const bytes = exported(800);
    for (const file of [undefined, inMemory(bytes)]) {
      const { account, readings } = await readFormat(bytes, { file });
      expect(account).toMatchObject({ format: 'health-connect', readings: 4_000, dropped: {}, damageCount: 0 });
      expect(account?.devices.map(({ deviceId, count }) => [deviceId, count])).toEqual([
        ['com.app', 2_000],
        ['Maker Band 3 (com.app)', 2_000],
      ]);
      const first = readings.filter((reading) => reading.includes('10:00:00Z') || reading.includes('10:00:05Z'));
      expect(first).toEqual(
        ['Maker Band 3 (com.app) 2024-01-15T10:00:05Z 65', 'com.app 2024-01-15T10:00:00Z 60'].reverse(),
      );
    }
  });

  it('keeps what is before a cut, and around damage', async () => {
    const bytes = exported(300);
    let most = 0;
    for (let length = 0; length <= bytes.length; length += Math.floor(bytes.length / 40)) {
      const { account } = await readFormat(bytes.subarray(0, length), { file: inMemory(bytes.subarray(0, length)) });
      most = Math.max(most, account?.readings ?? 0);
    }
    expect(most).toBeGreaterThan(700);
    for (let at = 100; at < bytes.length; at += 1_499) {
      const changed = Buffer.from(bytes);
      changed.fill(0xff, at, at + 40);
      const { readings } = await readFormat(changed);
      expect(readings.length).toBeLessThanOrEqual(1_510);
    }
  });

  it('is not any database', async () => {
    const other = write(['CREATE TABLE a (b)']);
    expect((await readFormat(other)).account).toMatchObject({ readings: 0, notes: [{ code: 'no_series' }] });
    expect((await readFormat(other.subarray(0, 50))).account).toMatchObject({ readings: 0, damageCount: 1 });
  });
});

it.each(['utf-8', 'utf-16le', 'utf-16be'])(
  'reads what SQLite has written: numbers, texts, long rows in %s',
  async (encoding) => {
    const long = 'ä'.repeat(20_000);
    const bytes = write([
      `PRAGMA encoding = '${encoding}'`,
      'PRAGMA page_size = 1024',
      'CREATE TABLE t ("a b" INTEGER, c REAL, d TEXT, CHECK (c > -9))',
      `INSERT INTO t VALUES (1, 1.5, 'x'), (0, -2.25, NULL), (-128, 0, ''), (32767, 1, 'ü'), (-8388608, 1, 'z'),
     (2147483647, 1, 'z'), (140737488355327, 1, 'z'), (-9007199254740991, 1, '${long}')`,
      'ALTER TABLE t ADD COLUMN later TEXT',
    ]);
    const database = await openSqlite(inMemory(bytes));
    const rows: unknown[] = [];
    for await (const some of database?.rows('t', ['a b', 'c', 'd', 'later', 'none'], () => undefined) ?? [])
      rows.push(...some);
    expect(rows).toEqual([
      [1, 1.5, 'x', null, null],
      [0, -2.25, null, null, null],
      [-128, 0, '', null, null],
      [32767, 1, 'ü', null, null],
      [-8388608, 1, 'z', null, null],
      [2147483647, 1, 'z', null, null],
      [140737488355327, 1, 'z', null, null],
      [-9007199254740991, 1, long, null, null],
    ]);
  },
);
