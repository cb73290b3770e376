/**
 * One process of the crash test: `node storage-worker.mjs publish|compact|read DATA ACKNOWLEDGED`.
 *
 * Readings are integers, a file is the JSON of a {@link Content}. ACKNOWLEDGED is a file of the integers whose publish
 * has resolved, a line each, appended by the publisher. Each thing done is a line on standard output.
 */
import { appendFileSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { isHrmError } from '../../src/errors.js';
import type { Snapshot, Storage } from '../../src/ports/storage.js';

interface Content {
  readonly readings: readonly number[];
  /** Names of the files whose readings are in it. */
  readonly replaces: readonly string[];
}

/** Files of which this process has replaced the readings, to be removed after the grace. */
interface Replaced {
  readonly names: readonly string[];
  readonly dueMs: number;
}

/** Far shorter than in earnest, and than a slow compacter takes: so that what goes wrong is lost, and seen. */
const graceMs = 20;
const slowCompactionMs = 60;
const minParts = 3;
const partition = { date: '20240115', directory: 'ana' };
const [, , role = '', directory = '', acknowledged = ''] = process.argv;

function report(what: string): void {
  writeSync(1, `${what}\n`);
}

function readAcknowledged(): number[] {
  // A line that is being appended ends in no newline yet.
  return readFileSync(acknowledged, 'utf8').split('\n').slice(0, -1).map(Number);
}

function encode(content: Content): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(content));
}

async function contentsOf(snapshot: Snapshot): Promise<Content[]> {
  return Promise.all(
    snapshot.files.map(async (file) => {
      const text = Buffer.from(await file.read(0, file.byteLength)).toString();
      return JSON.parse(text) as Content;
    }),
  );
}

/** Begins with the reading that the one before it may have been killed on, as a redelivery would. */
async function publish(storage: Storage): Promise<void> {
  for (let reading = (readAcknowledged().at(-1) ?? 0) + 1; ; reading++) {
    const bytes = encode({ readings: [reading], replaces: [] });
    report(await storage.publish(partition, `part-${reading}.parquet`, bytes));
    appendFileSync(acknowledged, `${reading}\n`);
    await delay(Math.random() * 4);
  }
}

async function compact(storage: Storage): Promise<void> {
  // In the process only: what a killed one has not removed, the next compaction takes as its input again.
  const replaced: Replaced[] = [];
  for (;;) {
    while ((replaced[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= Date.now()) {
      const names = replaced.shift()?.names ?? [];
      await storage.remove(partition, names);
      if (names.length > 0) report('removed');
    }
    const snapshot = await storage.snapshot(partition);
    try {
      replaced.push(...(await compactOnce(storage, snapshot)));
    } finally {
      await snapshot.close();
    }
    await delay(Math.random() * slowCompactionMs);
  }
}

async function compactOnce(storage: Storage, snapshot: Snapshot): Promise<readonly Replaced[]> {
  if (snapshot.files.length < minParts) return [];
  const contents = await contentsOf(snapshot);
  const supersededName = `part-old-${process.pid}-${Math.random().toString(36).slice(2)}.parquet`;
  const parts = snapshot.files.map((file) => file.name).filter((name) => name !== 'compacted.parquet');
  const readings = new Set(contents.flatMap((content) => content.readings));
  const replaces = [...parts, supersededName];
  if (Math.random() < 0.3) await delay(Math.random() * slowCompactionMs);
  const outcome = await storage.replace({
    snapshot,
    supersededName,
    bytes: encode({ readings: [...readings], replaces }),
  });
  report(outcome);
  return outcome === 'replaced' ? [{ names: replaces, dueMs: Date.now() + graceMs }] : [];
}

async function read(storage: Storage): Promise<void> {
  for (;;) {
    const expected = readAcknowledged();
    const snapshot = await storage.snapshot(partition);
    const contents = await contentsOf(snapshot);
    const readings = new Set(contents.flatMap((content) => content.readings));
    const missing = expected.filter((reading) => !readings.has(reading));
    report(missing.length === 0 ? 'read' : `missing ${missing} of ${snapshot.files.map((file) => file.name)}`);
    await snapshot.close();
    await delay(Math.random() * 3);
  }
}

const roles: Readonly<Record<string, (storage: Storage) => Promise<void>>> = { publish, compact, read };
const work = roles[role];
if (work === undefined) throw new Error(`no such role: ${role}`);
const storage = await openDirectoryStorage({ directory });
report('opened');
for (;;) {
  await work(storage).catch((error: unknown) => {
    // A partition under two compacters may never stand still; that is an answer, and it is counted.
    if (!isHrmError(error) || error.code !== 'snapshot_contended') throw error;
    report('contended');
  });
}
