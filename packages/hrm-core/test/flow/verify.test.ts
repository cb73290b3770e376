/** `verify` finds whatever is wrong with a file, and mends it without losing what can be read. */
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it, onTestFinished } from 'vitest';
import { compact, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { columnsFromReadings } from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { partName } from '../../src/pure/partition.js';
import { oracleAnswer } from '../property/oracle.js';
import { DAMAGES, flipAt, flipInRollup } from '../support/damaged-files.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { rollUp } from '../support/roll-up.js';
import { withDirectory } from '../support/temporary-directory.js';
import { encodeReadings } from '../support/whole-files.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;

/** A reading a second and device, so that a device has a row group of its own. */
function readings(userId: string, devices: readonly string[], count = 5_000, fromMs = START_MS): Reading[] {
  return devices.flatMap((deviceId, d) =>
    Array.from({ length: count }, (_, i) => {
      const timestampMs = fromMs + i * 1_000;
      return { userId, deviceId, timestampMs, heartRate: 60 + ((i * (d + 3)) % 90), receivedMs: timestampMs };
    }),
  );
}

const ANA = readings('ana', ['ring', 'strap', 'watch']);

interface Place {
  readonly storage: Storage;
  readonly data: string;
  readonly directory: string;
}

async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await openPromptStorage({ directory: data });
    try {
      await use({ storage, data, directory: path.join(data, '20240115/ana') });
    } finally {
      await storage.close();
    }
  });
}

async function withCompacted(use: (place: Place) => Promise<void>, { sweep = true } = {}): Promise<void> {
  await withPlace(async (place) => {
    await writePart(place, ANA);
    await compact(place, { all: true });
    if (sweep) await compact(place, { sweepAfterMs: 0 });
    await use(place);
  });
}

/** Asks for the whole day, by another handle, which remembers nothing. */
async function expectAnswer(data: string, expected: readonly Reading[], userId = 'ana'): Promise<void> {
  const storage = await openPromptStorage({ directory: data, readOnly: true });
  onTestFinished(() => storage.close());
  // Cut inside minutes, so that the first and the last are read.
  const range = { fromMs: START_MS + 1, toMs: START_MS + 2 * DAY_MS - 1 };
  const damage: unknown[] = [];
  const rows = await query(
    { storage },
    { userId, start: range.fromMs, end: range.toMs },
    { onDamage: (report) => damage.push(report) },
  );
  expect(rows).toEqual(oracleAnswer(expected, { userId, ...range, intervalMs: 60_000, priority: {} }));
  expect(damage).toEqual([]);
}

/** Nothing is wrong with what is stored; what is in quarantine is told of as long as it is there. */
async function expectClean(storage: Storage): Promise<void> {
  const { faults, failures } = await verify({ storage });
  expect({ faults: faults.filter(({ code }) => code !== 'quarantined'), failures }).toEqual({
    faults: [],
    failures: [],
  });
}

it('finds nothing in what this software wrote, of many partitions, and says how much it saw', async () => {
  await withCompacted(
    async ({ storage }) => {
      await writePart({ storage }, readings('ben', ['watch'], 50));
      await writePart({ storage }, readings('ana', ['watch'], 50, START_MS + DAY_MS));
      const bytes = encodeReadings(
        mergeReadings([columnsFromReadings([...readings('x', ['a'], 9), ...readings('y', ['a'], 9)])]),
      );
      await storage.publish({ date: '20240115', directory: '_shared' }, partName(bytes), bytes);
      const seen: number[] = [];
      const summary = await verify({ storage }, {}, { onProgress: ({ done, total }) => seen.push(done / total) });
      expect(summary).toMatchObject({
        partitions: 4,
        files: 4,
        readings: ANA.length + 118,
        superseded: { files: 1, readings: ANA.length },
        faults: [],
        failures: [],
      });
      expect(seen).toEqual([0.25, 0.5, 0.75, 1]);
      expect(await verify({ storage }, { userId: 'ana', date: '20240115' })).toMatchObject({ partitions: 1, files: 1 });
      expect(await verify({ storage }, { date: '20240116' })).toMatchObject({ partitions: 1, files: 1 });
      await expect(verify({ storage }, { date: '20240230' })).rejects.toMatchObject({ code: 'invalid_settings' });
      await expect(verify({ storage }, {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'closed' });
    },
    { sweep: false },
  );
});

it('splits off the row groups that are whole of a file with one that is not, then sets it aside', async () => {
  await withCompacted(async ({ storage, data, directory }) => {
    const file = path.join(directory, 'compacted.parquet');
    await flipAt(40)(file);
    const bytes = await readFile(file);
    expect((await verify({ storage })).faults).toMatchObject([
      {
        name: 'compacted.parquet',
        code: 'file_damaged',
        message: '1 of its 3 row groups cannot be read',
        outcome: 'found',
      },
    ]);
    expect(await readFile(file)).toEqual(bytes);
    const summary = await verify({ storage }, { repair: true });
    expect(summary).toMatchObject({ repaired: 0, setAside: 1, faults: [{ outcome: 'set_aside' }] });
    await expectClean(storage);
    await expectAnswer(
      data,
      ANA.filter(({ deviceId }) => deviceId !== 'ring'),
    );
    const [aside = ''] = (await readdir(path.join(data, '.quarantine'))).filter((name) => name.endsWith('.damaged'));
    expect(await readFile(path.join(data, '.quarantine', aside))).toEqual(bytes);
  });
});

it('stores what is in quarantine only, and says what is lost for good', async () => {
  await withCompacted(async ({ storage, data, directory }) => {
    const count = ANA.length - 5_000;
    await flipAt(40)(path.join(directory, 'compacted.parquet'));
    const snapshot = await storage.snapshot({ date: '20240115', directory: 'ana' });
    // Whoever set it aside could store nothing of it first.
    expect(await storage.quarantine(snapshot, 'compacted.parquet', 'damaged')).toBe('quarantined');
    await snapshot.close();
    const lost = {
      partition: { date: '20240115', directory: 'ana' },
      name: 'compacted.parquet',
      code: 'quarantined',
      message: expect.stringMatching(/^in quarantine: 1 of its 3 row groups cannot be read; bring the day back/),
      outcome: 'set_aside',
    };
    expect(await verify({ storage })).toMatchObject({
      faults: [lost],
      faultCount: 1,
      setAside: 0,
      quarantine: { files: 1, salvageable: count, salvaged: 0 },
    });
    const repaired = await verify({ storage }, { repair: true });
    expect(repaired.quarantine).toEqual({ files: 1, salvageable: count, salvaged: count });
    // Whoever looks later hears of it, too, until the file is deleted.
    expect(await verify({ storage })).toMatchObject({ faults: [lost], quarantine: { files: 1, salvageable: 0 } });
    await expectAnswer(
      data,
      ANA.filter(({ deviceId }) => deviceId !== 'ring'),
    );
    await rm(path.join(data, '.quarantine'), { recursive: true });
    expect(await verify({ storage })).toMatchObject({ faults: [], faultCount: 0 });
  });
});

it('makes a damaged rollup anew, which no question has set the file aside for', async () => {
  await withCompacted(async ({ storage, data, directory }) => {
    await flipInRollup(path.join(directory, 'compacted.parquet'));
    const fault = { code: 'wrong_rollup', message: 'its rollup does not have its checksum' };
    expect((await verify({ storage })).faults).toMatchObject([{ ...fault, outcome: 'found' }]);
    expect(await verify({ storage }, { repair: true })).toMatchObject({
      repaired: 1,
      faults: [{ outcome: 'repaired' }],
    });
    await expectClean(storage);
    await expectAnswer(data, ANA);
  });
});

it('sets aside what has nothing that can be read', async () => {
  await withCompacted(async ({ storage, data, directory }) => {
    await writeFile(path.join(directory, 'part-text.parquet'), 'no Parquet');
    await DAMAGES.truncated?.(path.join(directory, 'compacted.parquet'));
    const summary = await verify({ storage }, { repair: true });
    expect(summary).toMatchObject({ files: 2, setAside: 2, repaired: 0 });
    expect(await readdir(directory)).toEqual([]);
    await expectClean(storage);
    await expectAnswer(data, []);
  });
});

/** A compacted file of ANA's readings with something of its own. */
async function writeCompacted(
  directory: string,
  extras: Parameters<typeof encodeReadings>[1],
  of = ANA,
): Promise<void> {
  await writeFile(
    path.join(directory, 'compacted.parquet'),
    encodeReadings(mergeReadings([columnsFromReadings(of)]), extras),
  );
}

it.each([
  ['wrong_rollup', rollUp(mergeReadings([columnsFromReadings(ANA.slice(1))]), START_MS, {})],
  [
    'wrong_rollup',
    rollUp(mergeReadings([columnsFromReadings(readings('ben', ['ring', 'strap', 'watch']))]), START_MS, {}),
  ],
  ['rollup_missing', null],
] as const)('makes a rollup anew: %s', async (code, rollup) => {
  await withCompacted(async ({ storage, data, directory }) => {
    await writeCompacted(directory, { rollup, replaces: [] });
    expect((await verify({ storage })).faults).toMatchObject([{ code, outcome: 'found' }]);
    expect(await verify({ storage }, { repair: true })).toMatchObject({ repaired: 1, setAside: 0, failures: [] });
    await expectClean(storage);
    await expectAnswer(data, ANA);
    // What only lacked a rollup is swept like any replaced file: in quarantine it would have health degraded for ever.
    const { quarantinedFiles } = await storage.check();
    expect(quarantinedFiles).toBe(code === 'rollup_missing' ? 0 : 1);
    await compact({ storage }, { sweepAfterMs: 0 });
    expect(await readdir(directory)).toEqual(['compacted.parquet']);
    await expectClean(storage);
    await expectAnswer(data, ANA);
  });
});

it('makes the rollup of a day of 40 devices, which earlier versions have stored without', async () => {
  await withPlace(async ({ storage, data, directory }) => {
    const ids = Array.from({ length: 40 }, (_, d) => `d${d}`);
    const many = readings('ana', ids, 100);
    await writePart({ storage }, many);
    await compact({ storage }, { all: true });
    await compact({ storage }, { sweepAfterMs: 0 });
    await expectClean(storage);
    await writeCompacted(directory, { rollup: null, replaces: [] }, many);
    expect((await verify({ storage })).faults).toMatchObject([{ code: 'rollup_missing', outcome: 'found' }]);
    expect(await verify({ storage }, { repair: true })).toMatchObject({ repaired: 1, setAside: 0, failures: [] });
    await expectClean(storage);
    const lacking = rollUp(mergeReadings([columnsFromReadings(many.slice(1))]), START_MS, {});
    await writeCompacted(directory, { rollup: lacking, replaces: [] }, many);
    expect((await verify({ storage })).faults).toMatchObject([{ code: 'wrong_rollup', outcome: 'found' }]);
    expect(await verify({ storage }, { repair: true })).toMatchObject({ repaired: 1, failures: [] });
    await expectClean(storage);
    await expectAnswer(data, many);
  });
});

it('knows a rollup that was made under other priorities for right', async () => {
  await withPlace(async (place) => {
    await writePart(place, ANA);
    await compact(place, { all: true, devicePriority: { watch: 1, strap: 2 } });
    await expectClean(place.storage);
  });
});

it('gives a compacted file the readings of what it says it replaces', async () => {
  await withCompacted(
    async ({ storage, data, directory }) => {
      const [part = ''] = (await readdir(directory)).filter((name) => name !== 'compacted.parquet');
      const fewer = ANA.slice(0, -7);
      const rollup = rollUp(mergeReadings([columnsFromReadings(fewer)]), START_MS, {});
      await writeCompacted(directory, { replaces: [part], rollup }, fewer);
      expect((await verify({ storage })).faults).toMatchObject([{ name: 'compacted.parquet', code: 'not_contained' }]);
      expect(await verify({ storage }, { repair: true })).toMatchObject({ repaired: 1 });
      await expectClean(storage);
      await expectAnswer(data, ANA);
      await compact({ storage }, { sweepAfterMs: 0 });
      await expectAnswer(data, ANA);
    },
    { sweep: false },
  );
});

it('stores what lies in the wrong place where it belongs', async () => {
  await withCompacted(async ({ storage, data }) => {
    const ben = readings('ben', ['watch'], 60);
    const late = readings('ana', ['watch'], 60, START_MS + DAY_MS);
    const [part] = await writePart({ storage }, ben);
    await writePart({ storage }, late);
    await cp(path.join(data, '20240115/ben'), path.join(data, '20240115/cleo'), { recursive: true });
    await cp(path.join(data, '20240115/ben'), path.join(data, '20240118/ben'), { recursive: true });
    await cp(path.join(data, '20240116/ana'), path.join(data, '20240119/ana'), { recursive: true });
    expect((await verify({ storage })).faults.map(({ code, name }) => [code, name])).toContainEqual([
      'misplaced',
      part?.name,
    ]);
    expect(await verify({ storage }, { repair: true })).toMatchObject({ repaired: 3, setAside: 0, failures: [] });
    await expectClean(storage);
    await expectAnswer(data, ben, 'ben');
    await expectAnswer(data, [...ANA, ...late]);
  });
});

it('knows users that differ by case for right in one directory, as some file systems have it', async () => {
  await withPlace(async ({ storage, data }) => {
    await writePart({ storage }, readings('Ana', ['watch'], 9));
    await rename(path.join(data, '20240115/Ana'), path.join(data, '20240115/ana'));
    // The directory that is right for `Ana` is `Ana`; this is the same one there.
    await expectClean(storage);
  });
});

it('rewrites files of other writers that are not in order, have doubles, or what is no reading', async () => {
  await withPlace(async ({ storage, data, directory }) => {
    const few = readings('ana', ['watch'], 20);
    await writePart({ storage }, few);
    const duckdb = await (await DuckDBInstance.create()).connect();
    onTestFinished(() => duckdb.closeSync());
    const rows = [
      [9, 90],
      [3, 80],
      [3, 81],
      [12, 70],
    ];
    function valuesOf(bpm: number | null): string {
      const values = [...rows, ...(bpm === null ? [] : [[15, bpm]])].map(
        ([second = 0, heartRate]) => `(${START_MS + 3_600_000 + second * 1_000}::BIGINT, ${heartRate}::INTEGER)`,
      );
      return values.join();
    }
    async function write(name: string, bpm: number | null): Promise<void> {
      const file = path.join(directory, name);
      await duckdb.run(
        `COPY (SELECT t AS timestamp_ms, h AS heart_rate, 'watch' AS device_id, 'ana' AS user_id, 28000000::INTEGER AS received_minute
         FROM (VALUES ${valuesOf(bpm)}) v(t, h)) TO '${file}' (FORMAT parquet)`,
      );
    }
    await write('part-foreign.parquet', null);
    await write('part-bad.parquet', 250);
    const summary = await verify({ storage });
    expect(summary.faults.map(({ name, code }) => [name, code])).toEqual([['part-bad.parquet', 'invalid_readings']]);
    await verify({ storage }, { repair: true });

    const own = columnsFromReadings(
      rows.map(([second = 0, heartRate = 0]) => {
        const timestampMs = START_MS + 3_600_000 + second * 1_000;
        return { userId: 'ana', deviceId: 'watch', timestampMs, heartRate, receivedMs: timestampMs };
      }),
    );
    await writeFile(path.join(directory, 'part-unsorted.parquet'), encodeReadings(own));
    const bad = columnsFromReadings([
      ...readings('ana', ['ring'], 5),
      { ...(few[0] as Reading), deviceId: 'zz', heartRate: 250 },
    ]);
    await writeFile(path.join(directory, 'part-bad.parquet'), encodeReadings(bad));
    await writeFile(path.join(directory, `part-${'0'.repeat(32)}.parquet`), encodeReadings(mergeReadings([own])));
    const found = (await verify({ storage })).faults.filter(({ code }) => code !== 'quarantined');
    expect(found.map(({ name, code }) => [name, code]).sort()).toEqual([
      [`part-${'0'.repeat(32)}.parquet`, 'wrong_name'],
      ['part-bad.parquet', 'invalid_readings'],
      ['part-unsorted.parquet', 'unsorted'],
    ]);
    expect(await verify({ storage }, { repair: true })).toMatchObject({ repaired: 2, setAside: 1, failures: [] });
    await expectClean(storage);
    const kept = rows.map(([second = 0, heartRate = 0]) => {
      const timestampMs = START_MS + 3_600_000 + second * 1_000;
      return { userId: 'ana', deviceId: 'watch', timestampMs, heartRate, receivedMs: timestampMs };
    });
    await expectAnswer(data, [...few, ...kept, ...readings('ana', ['ring'], 5)]);
  });
});
