/** Files of other writers: what is readings in them is answered and compacted, and their word deletes nothing. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  compact,
  type DamageReport,
  query,
  queryTag,
  type Reading,
  type Storage,
  verify,
  writePart,
} from '../../src/index.js';
import { oracleAnswer } from '../property/oracle.js';
import { FOREIGN_WRITERS, type ForeignRow, writeByHyparquet } from '../support/foreign-files.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;

interface Place {
  readonly storage: Storage;
  readonly directory: string;
  /** How the day is answered now, and with what damage. */
  ask(): Promise<{ rows: unknown; damage: readonly DamageReport[] }>;
}

async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await openPromptStorage({ directory: data });
    const directory = path.join(data, '20240115/ana');
    await mkdir(directory, { recursive: true });
    async function ask() {
      const damage: DamageReport[] = [];
      // Cuts inside minutes, so that readings are read.
      const question = { userId: 'ana', start: START_MS + 1, end: START_MS + DAY_MS - 1 };
      const rows = await query({ storage }, question, { onDamage: (report) => damage.push(report) });
      return { rows, damage };
    }
    try {
      await use({ storage, directory, ask });
    } finally {
      await storage.close();
    }
  });
}

function answerOf(readings: readonly Reading[]) {
  const question = {
    userId: 'ana',
    fromMs: START_MS + 1,
    toMs: START_MS + DAY_MS - 1,
    intervalMs: 60_000,
    priority: {},
  };
  return { rows: oracleAnswer(readings, question), damage: [] };
}

function readings(deviceId: string, count: number, stepMs = 1_000): Reading[] {
  return Array.from({ length: count }, (_, i) => {
    const timestampMs = START_MS + i * stepMs;
    return { userId: 'ana', deviceId, timestampMs, heartRate: 60 + (i % 7), receivedMs: timestampMs };
  });
}

function rowOf({ receivedMs, ...rest }: Reading): ForeignRow {
  return { ...rest, receivedMinute: Math.floor(receivedMs / 60_000) };
}

const OWN = readings('watch', 100, 30_000);

describe.each(Object.entries(FOREIGN_WRITERS))('a file by %s', (_, write) => {
  it.each([60, 4_000])('of %d readings is answered and merged like any other', async (count) => {
    await withPlace(async ({ storage, directory, ask }) => {
      await writePart({ storage }, OWN);
      const theirs = readings('strap', count);
      await write(path.join(directory, 'part-theirs.parquet'), theirs.map(rowOf));
      const expected = answerOf([...OWN, ...theirs]);
      expect(await ask()).toEqual(expected);
      expect(await verify({ storage })).toMatchObject({ faults: [], failures: [], readings: OWN.length + count });
      expect(await compact({ storage }, { all: true, sweepAfterMs: 0 })).toMatchObject({ failures: [], compacted: 1 });
      await compact({ storage }, { sweepAfterMs: 0 });
      expect(await readdir(directory)).toEqual(['compacted.parquet']);
      expect(await ask()).toEqual(expected);
    });
  });
});

/** What makes a row no reading. */
const IMPOSSIBLE: readonly [string, Partial<ForeignRow>][] = [
  ['a heart rate below 0', { heartRate: -5 }],
  ['a heart rate of 0', { heartRate: 0 }],
  ['a heart rate of 2 billion', { heartRate: 2e9 }],
  ['a time before 1970', { timestampMs: -5 }],
  ['a time that no number is', { timestampMs: 2n ** 60n }],
  ['a minute of receipt before 1970', { receivedMinute: -7 }],
  ['no device', { deviceId: '' }],
  ['a long device', { deviceId: 'x'.repeat(5_000) }],
  ['a device on two lines', { deviceId: 'a\nb' }],
  ['no user', { userId: '' }],
];

describe('what is no reading in a stranger’s file', () => {
  it.each(IMPOSSIBLE)('is in no answer and stops no compaction: %s', async (_, wrong) => {
    await withPlace(async ({ storage, directory, ask }) => {
      await writePart({ storage }, OWN);
      const theirs = readings('strap', 20);
      const [first, ...rest] = theirs.map(rowOf) as [ForeignRow, ...ForeignRow[]];
      await writeByHyparquet(path.join(directory, 'part-theirs.parquet'), [{ ...first, ...wrong }, ...rest]);
      const expected = answerOf([...OWN, ...theirs.slice(1)]);
      expect(await ask()).toEqual(expected);
      const { faults } = await verify({ storage });
      expect(faults[0]).toMatchObject({ name: 'part-theirs.parquet', code: 'invalid_readings' });
      expect(await compact({ storage }, { all: true })).toMatchObject({ failures: [], compacted: 1 });
      expect(await ask()).toEqual(expected);
      // Only their file is set aside, not what was made of it, nor what it stood beside.
      const mended = await verify({ storage }, { repair: true });
      expect(new Set(mended.faults.map(({ name }) => name))).toEqual(new Set(['part-theirs.parquet']));
      expect(mended).toMatchObject({ setAside: 1, failures: [] });
      expect(await ask()).toEqual(expected);
    });
  });

  it('may be all of it', async () => {
    await withPlace(async ({ storage, directory, ask }) => {
      const wrong = readings('strap', 3).map((one) => rowOf({ ...one, heartRate: 300 }));
      await writeByHyparquet(path.join(directory, 'part-theirs.parquet'), wrong);
      expect(await ask()).toEqual(answerOf([]));
      expect(await compact({ storage }, { all: true })).toMatchObject({ failures: [] });
      expect(await ask()).toEqual(answerOf([]));
    });
  });
});

it('a stranger’s word that a file replaces others hides and deletes none of them', async () => {
  await withPlace(async ({ storage, directory, ask }) => {
    await writePart({ storage }, OWN.slice(0, 50));
    await writePart({ storage }, OWN.slice(50));
    const value = JSON.stringify(await readdir(directory));
    const theirs = readings('strap', 5);
    const file = path.join(directory, 'part-theirs.parquet');
    await writeByHyparquet(file, theirs.map(rowOf), [
      { key: 'hrm.replaces', value },
      { key: 'hrm.users', value: '9' },
    ]);
    const expected = answerOf([...OWN, ...theirs]);
    expect(await ask()).toEqual(expected);
    await compact({ storage }, { sweepAfterMs: 0 });
    expect(await ask()).toEqual(expected);
    for (let i = 0; i < 2; i += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await readdir(directory)).toEqual(['compacted.parquet']);
    expect(await ask()).toEqual(expected);
  });
});

it('a file of a name that was given before is answered from and tagged anew', async () => {
  await withPlace(async ({ storage, directory, ask }) => {
    const file = path.join(directory, 'part-backup.parquet');
    const question = { userId: 'ana', start: START_MS, end: START_MS + DAY_MS };
    const tags = new Set<string>();
    for (const heartRate of [70, 99]) {
      const theirs = readings('strap', 60).map((one) => ({ ...one, heartRate }));
      await rm(file, { force: true });
      await writeByHyparquet(file, theirs.map(rowOf));
      // What is remembered of it must be a second old.
      const old = (await stat(file)).ctimeMs + 1_100;
      while (Date.now() < old) await sleep(50);
      tags.add(await queryTag({ storage }, question));
      for (let i = 0; i < 2; i += 1) expect(await ask()).toEqual(answerOf(theirs));
    }
    expect(tags.size).toBe(2);
  });
});
