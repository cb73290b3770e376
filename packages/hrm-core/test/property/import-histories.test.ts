/**
 * Random histories of imports against a naive oracle: exports that grow and overlap and say other values later, imported in any order and
 * again, between corrections that are posted. Rule 1 decides by when a reading counts as received, and what was right stays.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact } from '../../src/flow/compact/compact.js';
import { exportReadings } from '../../src/flow/read/export-readings.js';
import { drainBatch } from '../../src/flow/write/drain-batch.js';
import { enqueue } from '../../src/flow/write/enqueue.js';
import { importFiles, listFiles } from '../../src/import/index.js';
import type { Queue } from '../../src/ports/queue.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { fitSeconds, writeFit } from '../support/write-fit.js';

const HISTORIES = Math.ceil(Number(process.env.HRM_HISTORIES ?? 200) / 25);
const STEPS = 14;

/** Readings of a device, a second each, over midnight. */
const START_MS = Date.UTC(2024, 0, 15, 23, 59, 50);
const SECONDS = 40;
const HOUR_MS = 3_600_000;
const USER = 'ana';

let directory: string;
let queue: Queue & { close(): Promise<void> };
let storage: Awaited<ReturnType<typeof openDirectoryStorage>>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hrm-import-histories-'));
  queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
  storage = await openDirectoryStorage({ directory: join(directory, 'data'), fileSystem: promptFileSystem });
});
afterEach(async () => {
  await storage.close();
  await queue.close();
  await rm(directory, { recursive: true });
});

/** Values by second, 0 where the sensor had none. */
type Values = ReadonlyMap<number, number>;

/** A device's file, and the id that its readings have. */
interface ExportKind {
  readonly device: string;
  write(values: Values): string | Uint8Array;
}

const iso = (second: number) => new Date(START_MS + second * 1_000).toISOString();

const KINDS: readonly ExportKind[] = [
  {
    device: 'garmin-3415-77',
    write: (values) =>
      writeFit([
        {
          message: 0,
          fields: [
            [1, 2, 1],
            [2, 2, 3415],
            [3, 4, 77],
          ],
        },
        ...[...values].map(([second, rate]) => ({
          message: 20,
          fields: [
            [253, 4, fitSeconds(START_MS) + second],
            [3, 1, rate],
          ] as const,
        })),
      ]),
  },
  {
    device: 'Watch',
    write: (values) =>
      `<gpx creator="Watch">${[...values].map(([second, rate]) => `<trkpt><time>${iso(second)}</time><hr>${rate}</hr></trkpt>`).join('')}</gpx>`,
  },
  {
    device: 'fitbit',
    write: (values) =>
      `timestamp,beats per minute\n${[...values].map(([second, rate]) => `${iso(second)},${rate}.0\n`).join('')}`,
  },
];

/** What the rules say: of each device and second the heart rate of the latest minute, and of that the highest. */
function createOracle() {
  const known = new Map<string, { minute: number; rate: number }>();
  return {
    put(device: string, second: number, receivedMs: number, rate: number): void {
      const key = `${device} ${iso(second)}`;
      const minute = Math.floor(receivedMs / 60_000);
      const before = known.get(key);
      const isOlder =
        before !== undefined && (minute < before.minute || (minute === before.minute && rate <= before.rate));
      if (!isOlder) known.set(key, { minute, rate });
    },
    rows: () => [...known].map(([key, { rate }]) => `${key} ${rate}`).sort(),
  };
}

async function stored(): Promise<string[]> {
  await drainBatch({ queue, storage }, {});
  const range = { userId: USER, start: START_MS - HOUR_MS, end: START_MS + HOUR_MS };
  const pieces: Uint8Array[] = [];
  for await (const bytes of exportReadings({ storage }, range)) pieces.push(bytes);
  const file = Uint8Array.from(Buffer.concat(pieces)).buffer;
  const rows = await parquetReadObjects({ file });
  return rows
    .map((row) => `${row.device_id} ${new Date(Number(row.timestamp_ms)).toISOString()} ${row.heart_rate}`)
    .sort();
}

it(`${HISTORIES} histories of imports and corrections end as the rules say`, async () => {
  const fraction = randomFrom(testSeed());
  const below = (count: number) => Math.floor(fraction() * count);
  for (let history = 0; history < HISTORIES; history += 1) {
    const oracle = createOracle();
    const before = await stored();
    /** Imported already, with the time at which it counts as received. */
    const exports: { name: string; kind: ExportKind; values: Values }[] = [];
    // Each history has devices' seconds of its own: the store is one.
    const shift = history * SECONDS;
    const log: string[] = [];

    async function importOne({ name, kind, values }: (typeof exports)[number]): Promise<void> {
      const receivedMs = below(4) === 0 ? START_MS + below(3) * 60_000 + 86_400_000 : undefined;
      log.push(`import ${name} ${receivedMs ?? ''}`);
      const files = await listFiles([name], directory);
      const options = { cwd: directory, user: USER, ...(receivedMs !== undefined && { receivedMs }) };
      const [result] = await importFiles({ queue }, files, options);
      expect(result?.outcome).toBe('imported');
      for (const [second, rate] of values) if (rate > 0) oracle.put(kind.device, second, receivedMs ?? 0, rate);
    }

    for (let step = 0; step < STEPS; step += 1) {
      const choice = below(6);
      const kind = KINDS[below(KINDS.length)] as ExportKind;
      if (choice <= 1 || exports.length === 0) {
        // From some second on: the whole so far, or what overlaps; a later one may say other values.
        const [from, length] = [below(2) * below(20), 1 + below(20)];
        const values = new Map<number, number>();
        for (let i = from; i < from + length; i += 1) values.set(shift + i, below(8) === 0 ? 0 : 60 + below(40));
        const name = `${history}-${step}`;
        await writeFile(join(directory, name), kind.write(values));
        const made = { name, kind, values };
        exports.push(made);
        await importOne(made);
      } else if (choice === 2) await importOne(exports[below(exports.length)] as (typeof exports)[number]);
      else if (choice === 3) {
        const [second, rate, receivedMs] = [shift + below(20), 100 + below(40), START_MS + HOUR_MS + below(3) * 60_000];
        log.push(`correct ${kind.device} ${second} ${rate}`);
        const reading = { userId: USER, deviceId: kind.device, timestamp: iso(second), heartRate: rate };
        await enqueue({ queue, clock: { nowMs: () => receivedMs } }, reading);
        oracle.put(kind.device, second, receivedMs, rate);
      } else if (choice === 4) await drainBatch({ queue, storage }, {});
      else await compact({ storage }, { all: true, sweepAfterMs: 0 });
    }
    const added = (await stored()).filter((row) => !before.includes(row));
    expect(added, `history ${history}: ${log.join('; ')}`).toEqual(oracle.rows());
  }
}, 120_000);
