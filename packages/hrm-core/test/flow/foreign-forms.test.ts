/** Files of other writers in every form that Parquet knows: read, or left where they are, and never taken for damaged. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Compression, Encoding, WriterVersion } from 'parquet-wasm';
import { describe, expect, it } from 'vitest';
import { compact, type DamageReport, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { oracleAnswer } from '../property/oracle.js';
import { type ForeignRow, type ForeignWriter, writeByArrow, writeByDuckDb } from '../support/foreign-files.js';
import { withFooter } from '../support/hand-made-parquet.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { withDirectory } from '../support/temporary-directory.js';
import {
  i32,
  readThrift,
  struct,
  type ThriftList,
  type ThriftStruct,
  type ThriftValue,
  text,
} from '../support/thrift.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;

function readings(deviceId: string, count: number, stepMs: number): Reading[] {
  return Array.from({ length: count }, (_, i) => {
    const timestampMs = START_MS + i * stepMs + ((i * 7_919) % 1_000);
    return { userId: 'ana', deviceId, timestampMs, heartRate: 60 + (i % 7), receivedMs: timestampMs };
  });
}

const OWN = readings('watch', 100, 30_000);
// Ids of one prefix, of differing lengths, with characters of several bytes.
const THEIRS = ['strap-1', 'strap-1-große', 'strap-2-🫀'].flatMap((device) => readings(device, 1_000, 20_000));

function rowOf({ receivedMs, ...rest }: Reading): ForeignRow {
  return { ...rest, receivedMinute: Math.floor(receivedMs / 60_000) };
}

/** Short, so that a failure can be read. */
async function ask(storage: Storage) {
  const damage: DamageReport[] = [];
  // Cuts inside minutes, so that readings are read.
  const question = { userId: 'ana', start: START_MS + 1, end: START_MS + DAY_MS - 1 };
  const rows = await query({ storage }, question, { onDamage: (report) => damage.push(report) });
  return {
    rows: rows.map(({ timestamp, heartRate, count }) => `${timestamp} ${heartRate} ${count}`).join('\n'),
    damage,
  };
}

function answerOf(all: readonly Reading[]) {
  const range = { fromMs: START_MS + 1, toMs: START_MS + DAY_MS - 1 };
  const rows = oracleAnswer(all, { userId: 'ana', ...range, intervalMs: 60_000, priority: {} });
  return rows.map(({ timestamp, heartRate, count }) => `${timestamp} ${heartRate} ${count}`).join('\n');
}

const arrow =
  (properties: Parameters<typeof writeByArrow>[2]): ForeignWriter =>
  (file, rows) =>
    writeByArrow(file, rows, properties);

const FORMS: Readonly<Record<string, ForeignWriter>> = {
  ...Object.fromEntries(
    ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4', 'lz4_raw', 'brotli'].flatMap((codec) => [
      [`DuckDB ${codec}`, (file, rows) => writeByDuckDb(file, rows, `, COMPRESSION ${codec}`)],
      [`DuckDB ${codec} V2`, (file, rows) => writeByDuckDb(file, rows, `, COMPRESSION ${codec}, PARQUET_VERSION V2`)],
    ]) satisfies [string, ForeignWriter][],
  ),
  'DuckDB without dictionaries': (file, rows) => writeByDuckDb(file, rows, ', DICTIONARY_SIZE_LIMIT 1'),
  'arrow-rs LZ4 as Hadoop frames it': arrow((w) => w.setCompression(Compression.LZ4)),
  'arrow-rs ZSTD in pages of the second version': arrow((w) =>
    w.setCompression(Compression.ZSTD).setWriterVersion(WriterVersion.V2),
  ),
  'arrow-rs plain': arrow((w) => w.setDictionaryEnabled(false).setEncoding(Encoding.PLAIN)),
  'arrow-rs deltas of ids': arrow((w) => {
    const plain = w.setDictionaryEnabled(false).setColumnEncoding('timestamp_ms', Encoding.DELTA_BINARY_PACKED);
    const device = plain.setColumnEncoding('device_id', Encoding.DELTA_BYTE_ARRAY);
    return device.setColumnEncoding('user_id', Encoding.DELTA_LENGTH_BYTE_ARRAY);
  }),
  'arrow-rs bytes apart': arrow((w) => {
    const apart = w.setDictionaryEnabled(false).setColumnEncoding('timestamp_ms', Encoding.BYTE_STREAM_SPLIT);
    return apart.setColumnEncoding('heart_rate', Encoding.BYTE_STREAM_SPLIT);
  }),
  'arrow-rs small pages and row groups': arrow((w) => {
    return w.setDataPageSizeLimit(64).setWriteBatchSize(16).setMaxRowGroupSize(500);
  }),
};

async function withTheirs(write: ForeignWriter, use: (storage: Storage, directory: string) => Promise<void>) {
  await withDirectory(async (data) => {
    const storage = await openPromptStorage({ directory: data });
    const directory = path.join(data, '20240115/ana');
    await mkdir(directory, { recursive: true });
    await writePart({ storage }, OWN);
    await write(path.join(directory, 'part-theirs.parquet'), THEIRS.map(rowOf));
    await use(storage, directory);
    await storage.close();
  });
}

describe('is read, answered and merged', () => {
  it.each(Object.entries(FORMS))('%s', async (_, write) => {
    await withTheirs(write, async (storage, directory) => {
      const expected = { rows: answerOf([...OWN, ...THEIRS]), damage: [] };
      expect(await ask(storage)).toEqual(expected);
      expect(await verify({ storage })).toMatchObject({ failures: [], readings: OWN.length + THEIRS.length });
      expect(await compact({ storage }, { all: true, sweepAfterMs: 0 })).toMatchObject({ failures: [], compacted: 1 });
      await compact({ storage }, { sweepAfterMs: 0 });
      expect(await readdir(directory)).toEqual(['compacted.parquet']);
      expect(await ask(storage)).toEqual(expected);
    });
  });

  it('integers of 64 bits, times as such, and rows with nulls, which are no readings', async () => {
    const write: ForeignWriter = async (file, rows) => {
      await writeByDuckDb(`${file}.tmp`, rows);
      const { DuckDBInstance } = await import('@duckdb/node-api');
      const duckdb = await (await DuckDBInstance.create()).connect();
      await duckdb.run(
        `COPY (SELECT timestamp_ms, heart_rate::BIGINT AS heart_rate, device_id, user_id, received_minute::BIGINT AS received_minute
           FROM read_parquet('${file}.tmp') UNION ALL SELECT NULL, 60, 'strap-1', 'ana', 1 UNION ALL SELECT ${START_MS}, NULL, 'a', 'ana', 1
           UNION ALL SELECT ${START_MS}, 60, NULL, 'ana', 1 UNION ALL SELECT ${START_MS}, 60, 'a', NULL, 1
           UNION ALL SELECT ${START_MS}, 60, 'a', 'ana', NULL) TO '${file}' (FORMAT parquet)`,
      );
      duckdb.closeSync();
      await rm(`${file}.tmp`);
    };
    await withTheirs(write, async (storage, directory) => {
      expect(await ask(storage)).toEqual({ rows: answerOf([...OWN, ...THEIRS]), damage: [] });
      const codes = (await verify({ storage })).faults.map(({ code }) => code);
      expect(codes).toEqual(['invalid_readings']);
      expect(await compact({ storage }, { all: true })).toMatchObject({ failures: [], compacted: 1 });
      expect(await ask(storage)).toEqual({ rows: answerOf([...OWN, ...THEIRS]), damage: [] });
      expect(await readdir(directory)).toContain('compacted.parquet');
    });
  });
});

/** By DuckDB, with what is selected of the contract's columns. */
function selecting(columns: string): ForeignWriter {
  return async (file, rows) => {
    await writeByDuckDb(`${file}.tmp`, rows);
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const duckdb = await (await DuckDBInstance.create()).connect();
    await duckdb.run(`COPY (SELECT ${columns} FROM read_parquet('${file}.tmp')) TO '${file}' (FORMAT parquet)`);
    duckdb.closeSync();
    await rm(`${file}.tmp`);
  };
}

it('columns in another order are read by their names, and merged', async () => {
  const write = selecting('received_minute, user_id, heart_rate, timestamp_ms, device_id');
  await withTheirs(write, async (storage, directory) => {
    const expected = { rows: answerOf([...OWN, ...THEIRS]), damage: [] };
    expect(await ask(storage)).toEqual(expected);
    expect(await verify({ storage })).toMatchObject({ faultCount: 0, readings: OWN.length + THEIRS.length });
    for (let i = 0; i < 2; i += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await readdir(directory)).toEqual(['compacted.parquet']);
    expect(await ask(storage)).toEqual(expected);
  });
});

describe('further columns are ignored, and never lost', () => {
  const FURTHER: Readonly<Record<string, string>> = {
    'behind the others': `timestamp_ms, heart_rate, device_id, user_id, received_minute, 'calm' AS note, 0.5 AS confidence`,
    'before and between them': `'calm' AS note, timestamp_ms, heart_rate, 7 AS steps, device_id, user_id, received_minute`,
    'with columns in them': `{'a': 1, 'heart_rate': [2, 3]} AS raw, timestamp_ms, [heart_rate] AS beats, heart_rate, device_id, user_id, received_minute`,
  };

  it.each(Object.entries(FURTHER))('%s', async (_, columns) => {
    await withTheirs(selecting(columns), async (storage, directory) => {
      const theirs = path.join(directory, 'part-theirs.parquet');
      const bytes = await readFile(theirs);
      const expected = { rows: answerOf([...OWN, ...THEIRS]), damage: [] };
      expect(await ask(storage)).toEqual(expected);
      const seen = { failures: [], faults: [], readings: OWN.length + THEIRS.length };
      expect(await verify({ storage }, { repair: true })).toMatchObject(seen);
      await writePart({ storage }, readings('chest', 50, 1_000));
      expect(await compact({ storage }, { all: true, sweepAfterMs: 0 })).toMatchObject({ failures: [], merged: 2 });
      expect(await compact({ storage }, { all: true, sweepAfterMs: 0 })).toMatchObject({ failures: [], compacted: 0 });
      expect((await readdir(directory)).sort()).toEqual(['compacted.parquet', 'part-theirs.parquet']);
      expect(await readFile(theirs)).toEqual(bytes);
      expect(await ask(storage)).toEqual({
        rows: answerOf([...OWN, ...THEIRS, ...readings('chest', 50, 1_000)]),
        damage: [],
      });
    });
  });

  it('in a compacted file too, which gives its name up and stays', async () => {
    await withTheirs(selecting(FURTHER['behind the others'] ?? ''), async (storage, directory) => {
      const theirs = path.join(directory, 'part-theirs.parquet');
      const bytes = await readFile(theirs);
      await rename(theirs, path.join(directory, 'compacted.parquet'));
      const expected = { rows: answerOf([...OWN, ...THEIRS]), damage: [] };
      expect(await verify({ storage }, { repair: true })).toMatchObject({ failures: [], faults: [] });
      expect(await ask(storage)).toEqual(expected);
      for (let i = 0; i < 2; i += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
      expect(await ask(storage)).toEqual(expected);
      const names = await readdir(directory);
      const kept = await Promise.all(names.map((name) => readFile(path.join(directory, name))));
      expect(kept).toContainEqual(bytes);
    });
  });

  const FAULTS: Readonly<Record<string, { readonly rows: readonly ForeignRow[]; readonly codes: readonly string[] }>> =
    {
      'rows in any order, and some twice': { rows: [...THEIRS, ...THEIRS.slice(0, 9)].map(rowOf).reverse(), codes: [] },
      'rows of another user': {
        rows: [...THEIRS.map(rowOf), { ...rowOf(THEIRS[0] as Reading), userId: 'bo' }],
        codes: ['misplaced'],
      },
      'rows that are no readings': {
        rows: [...THEIRS.map(rowOf), { ...rowOf(THEIRS[0] as Reading), heartRate: 250 }],
        codes: ['invalid_readings'],
      },
    };
  it.each(
    Object.entries(FAULTS).flatMap(([what, given]) =>
      ['part-theirs.parquet', 'compacted.parquet', `part-${'0'.repeat(32)}.parquet`].map((name) => ({
        what,
        name,
        ...given,
      })),
    ),
  )('with $what, in $name: a repair leaves the file where it is', async ({ rows, codes, name }) => {
    const write = selecting(FURTHER['behind the others'] ?? '');
    await withTheirs(
      (file) => write(file, rows),
      async (storage, directory) => {
        const theirs = path.join(directory, name);
        await rename(path.join(directory, 'part-theirs.parquet'), theirs);
        const bytes = await readFile(theirs);
        const named = /^part-0/.test(name) ? ['wrong_name'] : [];
        const expected = { rows: answerOf([...OWN, ...THEIRS]), damage: [] };
        for (const repair of [false, true, true]) {
          const { faults, failures } = await verify({ storage }, { repair });
          expect({ failures, codes: faults.map(({ code }) => code) }).toEqual({
            failures: [],
            codes: [...named, ...codes],
          });
          expect(faults.filter(({ outcome }) => outcome !== 'found')).toEqual([]);
          expect(await readFile(theirs)).toEqual(bytes);
          expect(await ask(storage)).toEqual(expected);
        }
        // What counted nowhere is stored where it belongs.
        const bo = { userId: 'bo', start: START_MS, end: START_MS + 86_400_000 };
        expect(await query({ storage }, bo)).toHaveLength(codes.includes('misplaced') ? 1 : 0);
      },
    );
  });

  it('in a shared directory, where others are split', async () => {
    await withDirectory(async (data) => {
      const storage = await openPromptStorage({ directory: data });
      const shared = path.join(data, '20240115/_shared');
      await mkdir(shared, { recursive: true });
      await selecting(FURTHER['with columns in them'] ?? '')(
        path.join(shared, 'part-theirs.parquet'),
        THEIRS.map(rowOf),
      );
      await writeByDuckDb(path.join(shared, 'part-plain.parquet'), OWN.map(rowOf));
      for (let i = 0; i < 3; i += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
      expect(await readdir(shared)).toEqual(['part-theirs.parquet']);
      expect(await ask(storage)).toEqual({ rows: answerOf([...OWN, ...THEIRS]), damage: [] });
      await storage.close();
    });
  });
});

/** Changes the footer of a file. */
function withChangedFooter(change: (footer: ThriftStruct) => void): ForeignWriter {
  return async (file, rows) => {
    await writeByDuckDb(file, rows);
    const bytes = await readFile(file);
    const from = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    const { struct: footer } = readThrift(bytes, from);
    change(footer);
    await writeFile(file, withFooter(bytes.subarray(0, from), footer));
  };
}

function inside(value: ThriftStruct, field: number, item = 0): ThriftStruct {
  const list = value.get(field)?.value as ThriftList | ThriftStruct;
  return list instanceof Map ? list : ((list.items[item] as ThriftValue).value as ThriftStruct);
}

/** The first row group's first column. */
function firstColumn(footer: ThriftStruct): ThriftStruct {
  return inside(inside(footer, 4), 1);
}

function metadataOf(footer: ThriftStruct): ThriftStruct {
  return inside(firstColumn(footer), 3);
}

function columnOfSchema(footer: ThriftStruct, index: number): ThriftStruct {
  return inside(footer, 2, index);
}

const UNSUPPORTED: Readonly<Record<string, readonly [ForeignWriter, RegExp]>> = {
  'a codec that is not known': [
    withChangedFooter((footer) => metadataOf(footer).set(4, i32(3))),
    /compressed by LZO: write it with zstd/,
  ],
  'a codec of another century': [
    withChangedFooter((footer) => metadataOf(footer).set(4, i32(77))),
    /compressed by codec 77/,
  ],
  'encrypted columns': [
    withChangedFooter((footer) => firstColumn(footer).set(8, struct({ 1: struct({}) }))),
    /encrypted/,
  ],
  'an encrypted footer': [
    async (file, rows) => {
      await writeByDuckDb(file, rows);
      const bytes = await readFile(file);
      bytes.write('PARE', bytes.length - 4);
      await writeFile(file, bytes);
    },
    /encrypted/,
  ],
  'times in microseconds': [
    withChangedFooter((footer) => {
      columnOfSchema(footer, 1).set(
        10,
        struct({ 8: struct({ 1: { type: 1, value: 0n }, 2: struct({ 2: struct({}) }) }) }),
      );
    }),
    /timestamp_ms is of another type: write it as INT64, in milliseconds/,
  ],
  'heart rates with decimals': [
    withChangedFooter((footer) => columnOfSchema(footer, 2).set(1, i32(5))),
    /heart_rate is of another type/,
  ],
  'two columns of a name': [
    async (file, rows) => {
      await selecting('*, heart_rate AS heart_rats')(file, rows);
      const bytes = await readFile(file);
      // Of the same length, so that nothing moves.
      await writeFile(file, Buffer.from(bytes.toString('latin1').replaceAll('heart_rats', 'heart_rate'), 'latin1'));
    },
    /two columns of the name heart_rate/,
  ],
  'repeated values': [
    withChangedFooter((footer) => columnOfSchema(footer, 3).set(3, i32(2))),
    /device_id is of another type/,
  ],
};

describe('is left where it is, told, and holds up nobody', () => {
  it.each(Object.entries(UNSUPPORTED))('%s', async (_, [write, message]) => {
    await withTheirs(write, async (storage, directory) => {
      const report = { date: '20240115', name: 'part-theirs.parquet', code: 'file_unsupported', outcome: 'skipped' };
      const { rows, damage } = await ask(storage);
      expect(rows).toEqual(answerOf(OWN));
      expect(damage).toMatchObject([report]);
      expect(damage[0]?.message).toMatch(message);
      expect((await verify({ storage }, { repair: true })).faults).toMatchObject([
        { code: 'file_unsupported', outcome: 'found' },
      ]);
      // Nor does it keep the others from being merged.
      await writePart({ storage }, readings('chest', 50, 1_000));
      const told: DamageReport[] = [];
      const options = { onDamage: (one: DamageReport) => told.push(one) };
      const done = await compact({ storage }, { all: true, sweepAfterMs: 0 }, options);
      expect(done).toMatchObject({ failures: [], compacted: 1, merged: 2 });
      expect(told).toContainEqual(expect.objectContaining(report));
      await compact({ storage }, { all: true, sweepAfterMs: 0 });
      expect((await readdir(directory)).sort()).toEqual(['compacted.parquet', 'part-theirs.parquet']);
      expect((await ask(storage)).rows).toEqual(answerOf([...OWN, ...readings('chest', 50, 1_000)]));
    });
  });

  it('in a shared directory too', async () => {
    await withDirectory(async (data) => {
      const storage = await openPromptStorage({ directory: data });
      const shared = path.join(data, '20240115/_shared');
      await mkdir(shared, { recursive: true });
      const [write] = UNSUPPORTED['a codec that is not known'] as readonly [ForeignWriter, RegExp];
      await write(path.join(shared, 'part-unknown.parquet'), THEIRS.map(rowOf));
      await writeByDuckDb(path.join(shared, 'part-known.parquet'), THEIRS.map(rowOf));
      const expected = answerOf(THEIRS);
      expect((await ask(storage)).rows).toEqual(expected);
      for (let i = 0; i < 3; i += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
      expect(await readdir(shared)).toEqual(['part-unknown.parquet']);
      expect(await readdir(path.join(data, '20240115/ana'))).toEqual(['compacted.parquet']);
      expect((await ask(storage)).rows).toEqual(expected);
      await storage.close();
    });
  });

  it('files of other columns are still damage', async () => {
    const write = withChangedFooter((footer) => columnOfSchema(footer, 2).set(4, text('pulse')));
    await withTheirs(write, async (storage) => {
      expect((await ask(storage)).damage).toMatchObject([{ code: 'file_damaged', outcome: 'quarantined' }]);
    });
  });
});
