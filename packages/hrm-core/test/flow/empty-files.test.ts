/** Files, row groups and pages of no readings: no harm, whoever asks. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  compact,
  type DamageReport,
  devices,
  exportReadings,
  latest,
  query,
  queryTag,
  type Reading,
  verify,
  writePart,
} from '../../src/index.js';
import { oracleAnswer } from '../property/oracle.js';
import {
  CODEC,
  dataPage,
  dataPageV2,
  dictionaryPage,
  ENCODING,
  type HandMadeGroup,
  handMadeParquet,
  plainInt32,
  plainInt64,
  plainText,
} from '../support/hand-made-parquet.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const NOTHING = Buffer.alloc(0);

const OWN: Reading[] = Array.from({ length: 20 }, (_, i) => ({
  userId: 'ana',
  deviceId: 'watch',
  timestampMs: START_MS + i * 30_000,
  heartRate: 60 + i,
  receivedMs: START_MS + i * 30_000,
}));

const THEIRS: Reading = {
  userId: 'ana',
  deviceId: 'strap',
  timestampMs: START_MS + 15_000,
  heartRate: 99,
  receivedMs: START_MS,
};

/** A row group whose columns have these pages, whatever their type. */
function groupOf(pages: readonly Buffer[], hasDictionary = false, codec: number = CODEC.none): HandMadeGroup {
  return { rows: 0, columns: Array.from({ length: 5 }, () => ({ pages, hasDictionary, codec })) };
}

/** One reading, with pages of none around it. */
function oneReading(around: readonly Buffer[]): HandMadeGroup {
  const { userId, deviceId, timestampMs, heartRate, receivedMs } = THEIRS;
  const bodies = [
    plainInt64(timestampMs),
    plainInt32(heartRate),
    plainText(deviceId),
    plainText(userId),
    plainInt32(receivedMs / 60_000),
  ];
  return {
    rows: 1,
    columns: bodies.map((body) => ({ pages: [...around, dataPage(body, { values: 1 }), ...around] })),
  };
}

const NO_VALUES = [
  dataPage(NOTHING, { values: 0 }),
  dataPageV2(NOTHING, { values: 0 }),
  dataPage(Buffer.of(1), { values: 0, encoding: ENCODING.rleDictionary }),
];
const NO_ENTRIES = dictionaryPage(NOTHING, { values: 0 });
/** As pyarrow writes an empty table: a row group, and in it dictionaries of no entries, by snappy. */
const EMPTY_TABLE = groupOf([dictionaryPage(Buffer.of(0), { values: 0, bytes: 0 })], true, CODEC.snappy);

const EMPTY_FILES: Readonly<Record<string, readonly HandMadeGroup[]>> = {
  'no row groups': [],
  'a row group of no rows and no pages': [groupOf([])],
  'a row group of no rows and dictionaries of no entries': [EMPTY_TABLE],
  'a row group of no rows and pages of no values': [groupOf([NO_ENTRIES, ...NO_VALUES], true)],
  'many row groups of no rows': Array.from({ length: 300 }, () => EMPTY_TABLE),
};

const FILES_OF_ONE: Readonly<Record<string, readonly HandMadeGroup[]>> = {
  'a reading between row groups of no rows': [EMPTY_TABLE, groupOf([]), oneReading([]), EMPTY_TABLE],
  'a reading between pages of no values': [oneReading(NO_VALUES)],
};

async function everyAnswer(data: string) {
  const storage = await openPromptStorage({ directory: data });
  try {
    const damage: DamageReport[] = [];
    const options = { onDamage: (report: DamageReport) => damage.push(report) };
    const question = { userId: 'ana', start: START_MS + 1, end: START_MS + 86_399_999 };
    const rows = await query({ storage }, question, options);
    let exported = 0;
    const onProgress = (readings: number) => {
      exported = readings;
    };
    const bytes = exportReadings({ storage }, question, { ...options, onProgress });
    while (!(await bytes.next()).done);
    await queryTag({ storage }, question);
    return {
      rows,
      damage,
      exported,
      devices: (await devices({ storage }, question, options)).map(({ deviceId }) => deviceId),
      last: (await latest({ storage }, { userId: 'ana' }, options)).latest?.heartRate,
    };
  } finally {
    await storage.close();
  }
}

/** What must be answered. */
function answersOf(readings: readonly Reading[]) {
  const range = { fromMs: START_MS + 1, toMs: START_MS + 86_399_999 };
  return {
    rows: oracleAnswer(readings, { userId: 'ana', ...range, intervalMs: 60_000, priority: {} }),
    damage: [],
    exported: readings.length - 1,
    devices: [...new Set(readings.map(({ deviceId }) => deviceId))].sort(),
    last: 79,
  };
}

describe.each(['ana', '_shared'])('in %s', (home) => {
  it.each([...Object.entries(EMPTY_FILES), ...Object.entries(FILES_OF_ONE)])('%s', async (name, groups) => {
    await withDirectory(async (data) => {
      const storage = await openPromptStorage({ directory: data });
      await writePart({ storage }, OWN);
      const directory = path.join(data, '20240115', home);
      await mkdir(directory, { recursive: true });
      const bytes = handMadeParquet(groups);
      await writeFile(path.join(directory, 'part-theirs.parquet'), bytes);
      await writeFile(path.join(directory, 'part-again.parquet'), bytes);
      const readings = name in FILES_OF_ONE ? [...OWN, THEIRS] : OWN;
      const expected = answersOf(readings);
      expect(await everyAnswer(data)).toEqual(expected);
      expect(await verify({ storage })).toMatchObject({ faults: [], failures: [] });
      for (let i = 0; i < 3; i += 1) {
        expect(await compact({ storage }, { all: true, sweepAfterMs: 0 })).toMatchObject({ failures: [] });
        expect(await everyAnswer(data)).toEqual(expected);
      }
      expect(await readdir(path.join(data, '20240115/ana'))).toEqual(['compacted.parquet']);
      await storage.close();
    });
  });

  it.each(Object.entries(EMPTY_FILES))('nothing but %s', async (_, groups) => {
    await withDirectory(async (data) => {
      const directory = path.join(data, '20240115', home);
      await mkdir(directory, { recursive: true });
      for (const name of ['part-theirs', 'part-again']) {
        await writeFile(path.join(directory, `${name}.parquet`), handMadeParquet(groups));
      }
      const storage = await openPromptStorage({ directory: data });
      for (let i = 0; i < 3; i += 1) {
        expect(await everyAnswer(data)).toMatchObject({ rows: [], damage: [], exported: 0, devices: [] });
        expect(await compact({ storage }, { all: true, sweepAfterMs: 0 })).toMatchObject({ failures: [] });
      }
      await storage.close();
    });
  });
});
