/** Damaged and foreign files: no question fails for them, they are set aside as they are, and the answer is of the rest. */
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  compact,
  type DamageReport,
  HrmError,
  query,
  type Reading,
  type Storage,
  verify,
  writePart,
} from '../../src/index.js';
import { columnsFromReadings } from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { oracleAnswer } from '../property/oracle.js';
import { DAMAGES, type Damage, flipInRollup } from '../support/damaged-files.js';
import { openPromptStorage, promptFileSystem } from '../support/prompt-file-system.js';
import { withDirectory } from '../support/temporary-directory.js';
import { encodeReadings } from '../support/whole-files.js';

const START_MS = Date.UTC(2024, 0, 15);
/** Cuts inside minutes, so that rollups do not do. */
const RANGE = { fromMs: START_MS + 1_500, toMs: START_MS + 7_200_500 };

/** Two devices every ten seconds for an hour from `minute` on, at other milliseconds than the neighbours' files. */
function readingsFrom(minute: number, offsetMs: number): Reading[] {
  return Array.from({ length: 720 }, (_, i) => {
    const timestampMs = START_MS + minute * 60_000 + (i >> 1) * 10_000 + offsetMs;
    const deviceId = i % 2 === 0 ? 'strap' : 'watch';
    return { userId: 'ana', deviceId, timestampMs, heartRate: 60 + (i % 80), receivedMs: timestampMs };
  });
}

interface Day {
  readonly storage: Storage;
  readonly data: string;
  readonly directory: string;
  /** Readings by the name of the file that they are in. */
  readonly files: Record<string, readonly Reading[]>;
}

/** A compacted file, whose inputs are gone unless `sweep` is false, and two parts. */
async function withDay(use: (day: Day) => Promise<void>, { sweep = true } = {}): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await openPromptStorage({ directory: data });
    const directory = path.join(data, '20240115/ana');
    const files: Record<string, readonly Reading[]> = { 'compacted.parquet': readingsFrom(0, 0) };
    const inputs = await writePart({ storage }, readingsFrom(0, 0));
    await compact({ storage }, { all: true });
    if (sweep) await compact({ storage }, { sweepAfterMs: 0 });
    else for (const { name } of inputs) files[name] = readingsFrom(0, 0);
    for (const [minute, offset] of [
      [30, 1],
      [70, 2],
    ] as const) {
      const [written] = await writePart({ storage }, readingsFrom(minute, offset));
      files[written?.name ?? ''] = readingsFrom(minute, offset);
    }
    try {
      await use({ storage, data, directory, files });
    } finally {
      await storage.close();
    }
  });
}

async function expectRest(storage: Storage, { files }: Day, missing: readonly string[]): Promise<DamageReport[]> {
  const reports: DamageReport[] = [];
  const rest = Object.entries(files).flatMap(([name, readings]) => (missing.includes(name) ? [] : readings));
  const question = { userId: 'ana', start: RANGE.fromMs, end: RANGE.toMs };
  const rows = await query({ storage }, question, { onDamage: (report) => reports.push(report) });
  expect(rows).toEqual(oracleAnswer(rest, { userId: 'ana', ...RANGE, intervalMs: 60_000, priority: {} }));
  return reports;
}

const USERS = ['ana', 'bo', 'cy'];
const WHOLE_DAY = { fromMs: START_MS, toMs: START_MS + 86_400_000 };

function oracle(readings: readonly Reading[], userId: string) {
  return oracleAnswer(readings, { userId, ...WHOLE_DAY, intervalMs: 60_000, priority: {} });
}

function askFor(storage: Storage, userId: string, reports: DamageReport[]) {
  const question = { userId, start: WHOLE_DAY.fromMs, end: WHOLE_DAY.toMs };
  return query({ storage }, question, { onDamage: (report) => reports.push(report) });
}

interface SharedDay {
  readonly storage: Storage;
  readonly data: string;
  /** What `part-<minute>.parquet` holds, in its order: 720 readings of each user, in row groups of 1,000. */
  of(minute: number): readonly Reading[];
}

/** Two shared parts of three users. */
async function withShared(use: (day: SharedDay) => Promise<void>): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await open(data, {});
    const byDevice = (one: Reading, other: Reading) => Number(one.deviceId > other.deviceId) || -1;
    const of = (minute: number) =>
      USERS.flatMap((userId) => {
        const own = readingsFrom(minute, 0).map((one) => ({ ...one, userId }));
        return own.sort((a, b) => (a.deviceId === b.deviceId ? a.timestampMs - b.timestampMs : byDevice(a, b)));
      });
    for (const minute of [0, 90]) {
      const bytes = encodeReadings(mergeReadings([columnsFromReadings(of(minute))]), { shared: true });
      await storage.publish({ date: '20240115', directory: '_shared' }, `part-${minute}.parquet`, bytes);
    }
    await use({ storage, data, of });
  });
}

async function open(data: string, options: { readOnly?: boolean; fileSystem?: DirectoryFileSystem }) {
  const storage = await openDirectoryStorage({ directory: data, fileSystem: promptFileSystem, ...options });
  onTestFinished(() => storage.close());
  return storage;
}

/** What was set aside: the bytes, and the report beside them. */
async function asideIn(data: string) {
  const quarantine = path.join(data, '.quarantine');
  const names = (await readdir(quarantine)).filter((name) => name.endsWith('.damaged'));
  return Promise.all(
    names.map(async (name) => ({
      bytes: await readFile(path.join(quarantine, name)),
      report: JSON.parse(await readFile(path.join(quarantine, `${name}.json`), 'utf8')),
    })),
  );
}

const damages: [string, Damage][] = Object.entries(DAMAGES);
const cases = damages.flatMap(([kind, damage]) =>
  [0, 1].map((which) => ({
    kind,
    damage,
    which,
    what: which === 0 ? 'compacted file' : 'part',
  })),
);

describe('a question that meets a damaged file', () => {
  it.each(cases)('a $what, $kind: is answered from the rest, and the file is set aside', async ({ damage, which }) => {
    await withDay(async (day) => {
      const name = Object.keys(day.files)[which] ?? '';
      const file = path.join(day.directory, name);
      await damage(file);
      const bytes = await readFile(file);
      const reader = await open(day.data, { readOnly: true });
      const report = { date: '20240115', name, code: 'file_damaged', message: expect.stringContaining(name) };
      expect(await expectRest(reader, day, [name])).toEqual([{ ...report, outcome: 'skipped' }]);
      expect(await readFile(file)).toEqual(bytes);
      expect(await asideIn(day.data)).toEqual([]);

      expect(await expectRest(day.storage, day, [name])).toEqual([{ ...report, outcome: 'quarantined' }]);
      expect(await readdir(day.directory)).toHaveLength(2);
      const [aside, ...more] = await asideIn(day.data);
      expect(more).toEqual([]);
      expect(aside?.bytes.equals(bytes)).toBe(true);
      expect(aside?.report).toMatchObject({ date: '20240115', directory: 'ana', name, byteLength: bytes.length });
      expect(aside?.report.reason).toContain(name);
      // Nothing is left to be met.
      expect(await expectRest(day.storage, day, [name])).toEqual([]);
      expect(await compact({ storage: day.storage }, { all: true })).toMatchObject({ failures: [] });
      expect(await expectRest(day.storage, day, [name])).toEqual([]);
    });
  });

  it.each(damages)(
    'of a compacted file, %s, the files that it replaced answer while they are there',
    async (_, damage) => {
      await withDay(
        async (day) => {
          await damage(path.join(day.directory, 'compacted.parquet'));
          const reader = await open(day.data, { readOnly: true });
          // The parts hold all that was in it.
          expect(await expectRest(reader, day, ['compacted.parquet'])).toHaveLength(1);
          expect(await expectRest(day.storage, day, [])).toHaveLength(1);
        },
        { sweep: false },
      );
    },
  );

  it('in its rollup alone lacks nothing, and leaves the file where it is', async () => {
    await withDay(async (day) => {
      const file = path.join(day.directory, 'compacted.parquet');
      await flipInRollup(file);
      const report = {
        date: '20240115',
        name: 'compacted.parquet',
        code: 'rollup_damaged',
        message: expect.stringContaining('compacted.parquet of 20240115 cannot be read at its rollup'),
        outcome: 'answered',
      };
      // Known by then, and told all the same.
      for (let i = 0; i < 2; i += 1) expect(await expectRest(day.storage, day, [])).toEqual([report]);
      expect(await compact({ storage: day.storage }, { all: true })).toMatchObject({ failures: [] });
      expect(await asideIn(day.data)).toEqual([]);
      // Merged with the other file it has a rollup again.
      expect(await expectRest(day.storage, day, [])).toEqual([]);
    });
  });

  it('sets aside all that is damaged', async () => {
    await withDay(async (day) => {
      for (let i = 0; i < 20; i += 1) await writeFile(path.join(day.directory, `part-${i}.parquet`), `no ${i}`);
      for (const name of Object.keys(day.files))
        await DAMAGES['flipped in a row group']?.(path.join(day.directory, name));
      expect(await expectRest(day.storage, day, Object.keys(day.files))).toHaveLength(23);
      expect(await readdir(day.directory)).toEqual([]);
      expect(await asideIn(day.data)).toHaveLength(23);
    });
  });

  it('goes on where the file cannot be moved, and moves it about no more than once', async () => {
    await withDay(async (day) => {
      const name = Object.keys(day.files)[1] ?? '';
      await DAMAGES.truncated?.(path.join(day.directory, name));
      await writeFile(path.join(day.directory, 'part-text.parquet'), 'no Parquet');
      const fileSystem: DirectoryFileSystem = {
        ...promptFileSystem,
        link: (...args) => args[2](Object.assign(new Error('EROFS'), { code: 'EROFS' })),
      };
      const storage = await openDirectoryStorage({ directory: day.data, create: false, fileSystem });
      onTestFinished(() => storage.close());
      const reports = await expectRest(storage, day, [name]);
      expect(reports.map(({ outcome }) => outcome)).toEqual(['skipped', 'skipped']);
      expect((await readdir(day.directory)).sort()).toEqual([...Object.keys(day.files), 'part-text.parquet'].sort());
      expect(await readdir(path.join(day.data, '.quarantine'))).toEqual([]);
    });
  });

  it('skips what is too large, which stays where it is', async () => {
    await withDay(async (day) => {
      await writeFile(path.join(day.directory, 'part-large.parquet'), '');
      await truncate(path.join(day.directory, 'part-large.parquet'), 257 * 1024 * 1024);
      const report = { date: '20240115', name: 'part-large.parquet', code: 'file_too_large', outcome: 'skipped' };
      expect(await expectRest(day.storage, day, [])).toMatchObject([report]);
      expect(await readdir(day.directory)).toContain('part-large.parquet');
      expect(await asideIn(day.data)).toEqual([]);
    });
  });

  it.each(['EACCES', 'EMFILE', 'ESTALE', 'EIO'])(
    'fails, and moves nothing, where the storage cannot read: %s',
    async (code) => {
      await withDay(async (day) => {
        let isBroken = false;
        const fileSystem: DirectoryFileSystem = {
          ...promptFileSystem,
          read(...args) {
            if (isBroken) args[5](Object.assign(new Error(code), { code }), 0);
            else promptFileSystem.read(...args);
          },
        };
        const storage = await open(day.data, { fileSystem });
        isBroken = true;
        const question = { userId: 'ana', start: RANGE.fromMs, end: RANGE.toMs };
        await expect(query({ storage }, question)).rejects.toMatchObject({ code: 'storage_unavailable' });
        isBroken = false;
        expect(await expectRest(storage, day, [])).toEqual([]);
        expect(await asideIn(day.data)).toEqual([]);
      });
    },
  );

  it.each(damages)('of a shared part, %s, every user is answered from the rest', async (kind, damage) => {
    await withShared(async ({ storage, data, of }) => {
      await damage(path.join(data, '20240115/_shared/part-0.parquet'));
      const reports: DamageReport[] = [];
      const isInOneGroup = kind === 'flipped in a row group';
      for (const [u, userId] of USERS.entries()) {
        // The first row group is two users' first thousand rows.
        const left = isInOneGroup && u > 0 ? of(0).slice(1_000) : [];
        expect(await askFor(storage, userId, reports)).toEqual(oracle([...left, ...of(90)], userId));
      }
      expect(reports).toMatchObject([{ name: 'part-0.parquet', outcome: 'quarantined' }]);
      expect(await readdir(path.join(data, '20240115/_shared'))).toHaveLength(isInOneGroup ? 2 : 1);
    });
  });

  it('names no user and no directory in what it reports', async () => {
    await withDirectory(async (data) => {
      const storage = await open(data, {});
      await mkdir(path.join(data, '20240115/secret'), { recursive: true });
      await writeFile(path.join(data, '20240115/secret/part-a.parquet'), 'no Parquet');
      const reports: DamageReport[] = [];
      const question = { userId: 'secret', start: START_MS, end: START_MS + 1 };
      expect(await query({ storage }, question, { onDamage: (report) => reports.push(report) })).toEqual([]);
      expect(reports).toHaveLength(1);
      expect(JSON.stringify(reports)).not.toContain('secret');
    });
  });
});

describe('what is intact of a file that is damaged in one row group', () => {
  it.each([false, true])(
    'is answered to everybody, where it can be stored anew and where not: read only %s',
    async (readOnly) => {
      await withShared(async ({ storage: writer, data, of }) => {
        await DAMAGES['flipped in a row group']?.(path.join(data, '20240115/_shared/part-0.parquet'));
        const storage = readOnly ? await open(data, { readOnly }) : writer;
        const reports: DamageReport[] = [];
        // At once, so that several meet the damage.
        const answers = await Promise.all([...USERS, ...USERS].map((userId) => askFor(storage, userId, reports)));
        for (const [i, rows] of answers.entries()) {
          const userId = USERS[i % USERS.length] as string;
          expect(rows).toEqual(oracle([...of(0).slice(1_000), ...of(90)], userId));
        }
        expect(reports.length).toBeGreaterThan(0);
        for (const { outcome } of reports) expect(outcome).toBe(readOnly ? 'skipped' : 'quarantined');
        // Whose rows are all in other row groups does not meet it.
        const others: DamageReport[] = [];
        await askFor(storage, 'cy', others);
        expect(others).toEqual([]);
        expect(await asideIn(data)).toHaveLength(readOnly ? 0 : 1);
        if (!readOnly) {
          const { quarantine } = await verify({ storage });
          expect(quarantine).toMatchObject({ files: 1, salvageable: 0 });
        }
      });
    },
  );

  it.each([false, true])('of a compacted file is answered, beside what it replaced: read only %s', async (readOnly) => {
    await withDirectory(async (data) => {
      const writer = await open(data, {});
      const devices = ['ring', 'strap', 'watch'];
      const all = devices.flatMap((deviceId, d) =>
        Array.from({ length: 2_000 }, (_, i): Reading => {
          const timestampMs = START_MS + i * 10_000 + d;
          return { userId: 'ana', deviceId, timestampMs, heartRate: 60 + (i % 9), receivedMs: timestampMs };
        }),
      );
      await writePart({ storage: writer }, all.slice(0, 1_500));
      await writePart({ storage: writer }, all.slice(1_500));
      await compact({ storage: writer }, { all: true });
      // Of the inputs one is gone, which had the first readings of the damaged row group.
      const [first] = await writePart({ storage: writer }, all.slice(0, 1_500));
      await rm(path.join(data, '20240115/ana', first?.name ?? ''));
      await DAMAGES['flipped in a row group']?.(path.join(data, '20240115/ana/compacted.parquet'));
      const storage = readOnly ? await open(data, { readOnly }) : writer;
      const reports: DamageReport[] = [];
      const question = { userId: 'ana', start: START_MS + 1, end: WHOLE_DAY.toMs };
      const rows = await query({ storage }, question, { onDamage: (report) => reports.push(report) });
      const range = { fromMs: START_MS + 1, toMs: WHOLE_DAY.toMs, intervalMs: 60_000, priority: {} };
      expect(rows).toEqual(oracleAnswer(all.slice(1_500), { userId: 'ana', ...range }));
      expect(reports).toMatchObject([{ name: 'compacted.parquet', outcome: readOnly ? 'skipped' : 'quarantined' }]);
    });
  });

  it('is kept by a compaction that meets the damage', async () => {
    await withShared(async ({ storage, data, of }) => {
      await DAMAGES['flipped in a row group']?.(path.join(data, '20240115/_shared/part-0.parquet'));
      const reports: DamageReport[] = [];
      const options = { onDamage: (report: DamageReport) => reports.push(report) };
      for (let run = 0; run < 2; run += 1) {
        expect(await compact({ storage }, { all: true, sweepAfterMs: 0 }, options)).toMatchObject({ failures: [] });
      }
      expect(reports).toMatchObject([{ name: 'part-0.parquet', outcome: 'quarantined' }]);
      for (const userId of USERS) {
        const rows = await askFor(storage, userId, reports);
        expect(rows).toEqual(oracle([...of(0).slice(1_000), ...of(90)], userId));
      }
      expect(reports).toHaveLength(1);
    });
  });

  it('is kept by a compaction while a question sets the file aside', async () => {
    await withShared(async ({ storage, data, of }) => {
      await DAMAGES['flipped in a row group']?.(path.join(data, '20240115/_shared/part-0.parquet'));
      const second: Storage = {
        ...storage,
        // The question is always a moment earlier.
        async quarantine(...call) {
          await storage.quarantine(...call);
          return 'gone';
        },
      };
      expect(await compact({ storage: second }, { all: true, sweepAfterMs: 0 })).toMatchObject({ failures: [] });
      for (const userId of USERS) {
        expect(await askFor(storage, userId, [])).toEqual(oracle([...of(0).slice(1_000), ...of(90)], userId));
      }
    });
  });

  it('is not set aside with the rest where it cannot be stored', async () => {
    await withShared(async ({ storage, data, of }) => {
      const file = path.join(data, '20240115/_shared/part-0.parquet');
      await DAMAGES['flipped in a row group']?.(file);
      const bytes = await readFile(file);
      const full: Storage = {
        ...storage,
        publish: () => Promise.reject(new HrmError('no space', { kind: 'unavailable', code: 'storage_full' })),
      };
      const reports: DamageReport[] = [];
      const rows = await askFor(full, 'bo', reports);
      expect(rows).toEqual(oracle([...of(0).slice(1_000), ...of(90)], 'bo'));
      expect(reports).toMatchObject([{ name: 'part-0.parquet', outcome: 'skipped' }]);
      expect(await readFile(file)).toEqual(bytes);
    });
  });
});
