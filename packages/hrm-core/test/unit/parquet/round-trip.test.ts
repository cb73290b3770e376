import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { readParquet } from 'parquet-wasm';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openFile } from '../../../src/parquet/footer.js';
import type { StoredFile } from '../../../src/ports/storage.js';
import { columnsFromReadings, type Reading, type ReadingColumns } from '../../../src/pure/columns.js';
import { mergeReadings } from '../../../src/pure/merge.js';
import { decodeFile, encodeReadings } from '../../support/whole-files.js';

const PARTITION = { date: '20240115', directory: 'ana' };

type Values = [timestampMs: number, heartRate: number, deviceId: string, userId: string, receivedMinute: number][];

let directory: string;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hrm-parquet-'));
  duckdb = await (await DuckDBInstance.create()).connect();
});

afterAll(async () => {
  duckdb.closeSync();
  await rm(directory, { recursive: true });
});

const HASH = 'a'.repeat(32);
/** Each says by a hash which bytes are meant. */
const REPLACED = [`part-${HASH}.parquet`, `part-old-${HASH}-1.parquet`, `_shared/part-${HASH}.parquet/ana`];

function stored(bytes: Uint8Array): StoredFile {
  const read = async (from: number, to: number) => new Uint8Array(bytes.subarray(from, to)).buffer;
  return { name: 'compacted.parquet', version: '1', byteLength: bytes.length, ageMs: 0, mask: null, read };
}

function valuesOf(columns: ReadingColumns): Values {
  return Array.from({ length: columns.length }, (_, i) => [
    columns.timestampMs[i] as number,
    columns.heartRate[i] as number,
    columns.devices[columns.device[i] as number] as string,
    columns.users[columns.user[i] as number] as string,
    columns.receivedMinute[i] as number,
  ]);
}

let files = 0;

async function readByDuckDb(bytes: Uint8Array): Promise<Values> {
  // A new name each time: DuckDB keeps pages of a file that it has read.
  files += 1;
  const file = path.join(directory, `file-${files}.parquet`);
  await writeFile(file, bytes);
  const reader = await duckdb.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
  return reader.getRowsJS().map(([time, ...rest]) => [Number(time), ...rest]) as Values;
}

function readByWasm(bytes: Uint8Array): Values {
  const table = tableFromIPC(readParquet(bytes).intoIPCStream());
  return table.toArray().map((row) => {
    const { timestamp_ms, heart_rate, device_id, user_id, received_minute } = row.toJSON();
    return [Number(timestamp_ms), heart_rate, device_id, user_id, received_minute];
  });
}

const id = fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), fc.constantFrom('a', 'b', '😀', '～'));
const anyReading: fc.Arbitrary<Reading> = fc.record({
  userId: id,
  deviceId: id,
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) })),
  heartRate: fc.integer({ min: 30, max: 220 }),
  receivedMs: fc.integer({ min: 0, max: Date.UTC(5000, 0, 1) }),
});

it('gives back every value, through our reader, DuckDB and parquet-wasm', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyReading, { minLength: 1, maxLength: 120 }), async (readings) => {
      const merged = mergeReadings([columnsFromReadings(readings)]);
      const bytes = encodeReadings(merged);
      const expected = valuesOf(merged);
      expect(valuesOf((await decodeFile(stored(bytes), PARTITION)).columns)).toEqual(expected);
      expect(await readByDuckDb(bytes)).toEqual(expected);
      expect(readByWasm(bytes)).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});

describe('a file of several row groups and pages', () => {
  const length = 250_000;
  const readings = Array.from({ length }, (_, i) => ({
    userId: `user-${i % 3}`,
    deviceId: `device-${i % 2}`,
    timestampMs: 1_700_000_000_000 + i * 997,
    heartRate: 30 + (i % 191),
    receivedMs: 1_700_000_000_000 + i * 1_000,
  }));
  const merged = mergeReadings([columnsFromReadings(readings)]);
  const bytes = encodeReadings(merged, { replaces: [...REPLACED, 'part-x.parquet', '_shared/part-x.parquet/ana'] });

  it('reads the same by all three', async () => {
    const expected = valuesOf(merged);
    expect(expected).toHaveLength(length);
    expect(valuesOf((await decodeFile(stored(bytes), PARTITION)).columns)).toEqual(expected);
    expect(await readByDuckDb(bytes)).toEqual(expected);
    expect(readByWasm(bytes)).toEqual(expected);
  });

  it('names what it replaces by the hash of its bytes, also to who reads its footer only', async () => {
    expect((await decodeFile(stored(bytes), PARTITION)).replaces).toEqual(REPLACED);
    for (const name of ['compacted.parquet', ...REPLACED.slice(0, 2)]) {
      expect((await openFile({ ...stored(bytes), name }, PARTITION)).footer.replaces).toEqual(REPLACED);
    }
    // Somebody may give its own name to another file.
    for (const name of ['part-x.parquet', 'part-old-x.parquet', `part-${'a'.repeat(64)}.parquet`]) {
      expect((await openFile({ ...stored(bytes), name }, PARTITION)).footer.replaces).toEqual([]);
    }
    expect((await decodeFile(stored(encodeReadings(merged)), PARTITION)).replaces).toEqual([]);
  });
});

it('has the columns of the contract: names, types, order, REQUIRED', async () => {
  const file = path.join(directory, 'schema.parquet');
  await writeFile(
    file,
    encodeReadings(columnsFromReadings([{ userId: 'u', deviceId: 'd', timestampMs: 1, heartRate: 70, receivedMs: 2 }])),
  );
  const reader = await duckdb.runAndReadAll(
    `SELECT name, type, repetition_type, converted_type FROM parquet_schema('${file}') WHERE num_children IS NULL OR num_children = 0`,
  );
  expect(reader.getRowsJS()).toEqual([
    ['timestamp_ms', 'INT64', 'REQUIRED', null],
    ['heart_rate', 'INT32', 'REQUIRED', null],
    ['device_id', 'BYTE_ARRAY', 'REQUIRED', 'UTF8'],
    ['user_id', 'BYTE_ARRAY', 'REQUIRED', 'UTF8'],
    ['received_minute', 'INT32', 'REQUIRED', null],
  ]);
  const { length } = (
    await duckdb.runAndReadAll(
      `SELECT encodings FROM parquet_metadata('${file}') WHERE encodings = 'DELTA_BINARY_PACKED'`,
    )
  ).getRowsJS();
  expect(length).toBe(3);
});

it('costs a fraction of a byte a reading at 1 Hz, and the same readings give the same bytes', () => {
  const day = Array.from({ length: 86_400 }, (_, i) => ({
    userId: 'ana',
    deviceId: 'watch',
    timestampMs: 1_700_000_000_000 + i * 1_000,
    heartRate: 70 + Math.round(8 * Math.sin(i / 300)),
    receivedMs: 1_700_000_000_000 + i * 1_000,
  }));
  const bytes = encodeReadings(mergeReadings([columnsFromReadings(day)]));
  expect(bytes.length / day.length).toBeLessThan(0.5);
  expect(encodeReadings(mergeReadings([columnsFromReadings(day.toReversed())]))).toEqual(bytes);
});

describe('what is not ours', () => {
  const good = encodeReadings(
    columnsFromReadings([{ userId: 'u', deviceId: 'd', timestampMs: 1, heartRate: 70, receivedMs: 2 }]),
  );

  it('is a file_damaged error, wherever a bit is flipped or it is cut, and nothing else happens', async () => {
    const rejections: unknown[] = [];
    process.on('unhandledRejection', (error) => rejections.push(error));
    onTestFinished(() => {
      process.removeAllListeners('unhandledRejection');
    });
    const damaged = { kind: 'data', code: 'file_damaged' };
    for (let i = 0; i < good.length; i += 1) {
      await expect(decodeFile(stored(good.subarray(0, i)), PARTITION), `cut at ${i}`).rejects.toMatchObject(damaged);
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Uint8Array.from(good);
        flipped[i] = (flipped[i] as number) ^ (1 << bit);
        await expect(decodeFile(stored(flipped), PARTITION), `bit ${bit} of ${i}`).rejects.toMatchObject(damaged);
      }
    }
    // A turn for promises that nobody awaits.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(rejections).toEqual([]);
  });

  it('is refused, and ends nothing, also where its pages lie and it has no checksum', async () => {
    const rejections: unknown[] = [];
    process.on('unhandledRejection', (error) => rejections.push(error));
    onTestFinished(() => {
      process.removeAllListeners('unhandledRejection');
    });
    // As another writer would make it: what is not protected by a checksum must still not end the process.
    const file = path.join(directory, 'undigested.parquet');
    await duckdb.run(
      `COPY (SELECT i::BIGINT AS timestamp_ms, 70 AS heart_rate, 'd' AS device_id, 'u' AS user_id, 1 AS received_minute FROM range(50) t(i)) TO '${file}' (FORMAT parquet)`,
    );
    const foreign = await readFile(file);
    for (let i = 0; i < foreign.length; i += 1) {
      const flipped = Uint8Array.from(foreign);
      flipped[i] = (flipped[i] as number) ^ 0x10;
      await decodeFile(stored(flipped), PARTITION).catch((error) => expect(error).toMatchObject({ kind: 'data' }));
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(rejections).toEqual([]);
  });

  it('is refused when it is larger than any of ours, before it is read', async () => {
    const sparse = { ...stored(good), byteLength: 5e9, read: () => expect.unreachable() };
    await expect(decodeFile(sparse, PARTITION)).rejects.toMatchObject({ kind: 'data', code: 'file_too_large' });
  });

  it('is refused when its columns are others', async () => {
    const file = path.join(directory, 'foreign.parquet');
    await duckdb.run(`COPY (SELECT 1::BIGINT AS timestamp_ms, 70 AS heart_rate) TO '${file}' (FORMAT parquet)`);
    await expect(decodeFile(stored(await readFile(file)), PARTITION)).rejects.toMatchObject({ code: 'file_damaged' });
  });
});
