/**
 * Whatever strangers push: each reading ends in the store and everything else in the dead letters, once, and nothing blocks.
 * What a reading is is said here anew, naively. `HRM_ELEMENTS` makes more elements than the default.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../../../../test/support/redis-server.js';
import { expectSame } from '../../../../test/support/same.js';
import { DEFAULTS } from '../../src/defaults.js';
import { openRedisQueue } from '../../src/drivers/queue/redis/redis.js';
import { DAY_MS, MAX_RECEIVED_MS, MAX_TIMESTAMP_MS } from '../../src/limits.js';
import type { Queue } from '../../src/ports/queue.js';
import { decodeElements } from '../../src/pure/reading/element.js';
import { allDeadLetters, drainAll, withSystem } from '../support/bad-data.js';
import { createHostileElements, largeElements, NOON_MS } from '../support/hostile-elements.js';
import { MAGIC, naiveColumns } from '../support/naive-columns.js';
import { listOf } from '../support/queued.js';
import { randomFrom, testSeed } from '../support/random.js';

const REASON = /^(not_json|invalid_reading|too_many_readings|damaged|unknown_version): /;

const ELEMENTS = Number(process.env.HRM_ELEMENTS ?? 4_000);

/** A reading without `received_ms` gets the stamp of its element. */
interface Found {
  readonly key: string;
  readonly heartRate: number;
  readonly receivedMinute: number;
}

/** What must become of elements. */
interface Expected {
  readonly readings: Found[];
  /** Their bytes, hex. */
  readonly letters: string[];
}

function isId(value: unknown): boolean {
  if (typeof value !== 'string' || value.length < 1 || value.length > 128 || !value.isWellFormed()) return false;
  return [...value].every((one) => (one >= ' ' && one < '\x7f') || one > '\x9f');
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Math.floor(value) === value && value >= min && value <= max;
}

function readingOf(item: unknown, stampMs: number): Found | null {
  if (typeof item !== 'object' || item === null) return null;
  const fields = new Map<string, unknown>(Object.entries(item));
  const [user, device, ms, bpm] = ['user_id', 'device_id', 'timestamp_ms', 'heart_rate'].map((name) =>
    fields.get(name),
  );
  const received = fields.has('received_ms') ? fields.get('received_ms') : stampMs;
  const isGood = isId(user) && isId(device) && isWhole(ms, 0, MAX_TIMESTAMP_MS) && isWhole(bpm, 30, 220);
  if (!isGood || !isWhole(received, 0, MAX_RECEIVED_MS)) return null;
  if (!fields.has('received_ms') && Number(ms) > stampMs + DAY_MS) return null;
  const key = JSON.stringify([user, device, Number(ms) + 0]);
  return { key, heartRate: Number(bpm), receivedMinute: Math.floor(Number(received) / 60_000) + 0 };
}

/** An array that stands in an array stays in one: alone it would be a batch. */
function itemText(item: unknown): string | null {
  try {
    return JSON.stringify(Array.isArray(item) ? [item] : item);
  } catch {
    return null;
  }
}

function columnsOf(bytes: Buffer): unknown {
  const rows = naiveColumns(bytes);
  if (rows === null) throw new TypeError('no columns');
  return rows;
}

function expectedOf(elements: readonly Buffer[], stampMs: number): Expected {
  const expected: Expected = { readings: [], letters: [] };
  for (const bytes of elements) {
    let value: unknown;
    try {
      value = bytes.subarray(0, 4).equals(MAGIC)
        ? columnsOf(bytes)
        : JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    } catch {
      expected.letters.push(bytes.toString('hex'));
      continue;
    }
    const items: unknown[] = Array.isArray(value) ? value : [value];
    const letters = new Set<string>();
    if (items.length > 10_000) letters.add(bytes.toString('hex'));
    const looked = items.length > 10_000 ? [] : items;
    for (const item of looked) {
      const reading = readingOf(item, stampMs);
      if (reading !== null) {
        expected.readings.push(reading);
        continue;
      }
      const text = Array.isArray(value) ? itemText(item) : bytes;
      // What cannot be written alone is kept once, in its element.
      if (text === null) letters.add(bytes.toString('hex'));
      else expected.letters.push(Buffer.from(text).toString('hex'));
    }
    expected.letters.push(...letters);
  }
  return expected;
}

/** Of each key the reading that rule 1 keeps. */
function survivors(readings: readonly Found[]): Map<string, Found> {
  const best = new Map<string, Found>();
  for (const one of readings) {
    const other = best.get(one.key);
    const minutes = one.receivedMinute - (other?.receivedMinute ?? -1);
    if (minutes > 0 || (minutes === 0 && one.heartRate > (other?.heartRate ?? 0))) best.set(one.key, one);
  }
  return best;
}

/** Every row of every file, as another program reads them. */
async function storedIn(directory: string): Promise<Found[]> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.parquet'),
  );
  const found: Found[] = [];
  for (const name of files) {
    const bytes = readFileSync(join(directory, name));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    for (const { user_id, device_id, timestamp_ms, heart_rate, received_minute } of await parquetReadObjects({
      file,
      compressors: { GZIP: (packed) => gunzipSync(packed) },
    })) {
      const key = JSON.stringify([user_id, device_id, Number(timestamp_ms)]);
      found.push({ key, heartRate: Number(heart_rate), receivedMinute: Number(received_minute) });
    }
  }
  return found;
}

function elementsOf(seed: number, count: number): Buffer[] {
  const next = createHostileElements(randomFrom(seed));
  return [...largeElements(), ...Array.from({ length: count }, next)];
}

/** Pushes elements as a stranger does, a few at a time, whatever number of readings they say. */
async function pushAll(queue: Queue, elements: readonly Buffer[], random: () => number): Promise<void> {
  for (let from = 0; from < elements.length; ) {
    const to = from + 1 + Math.floor(random() * 400);
    await queue.push(elements.slice(from, to).map((bytes) => ({ bytes, readings: 1 + Math.floor(random() * 1_000) })));
    from = to;
  }
}

async function deadLettersOf(queue: Queue): Promise<string[]> {
  return (await allDeadLetters(queue)).map(({ bytes }) => Buffer.from(bytes).toString('hex')).sort();
}

describe('elements of strangers', () => {
  it('are decoded to what they hold, and letters', () => {
    const elements = elementsOf(testSeed(), ELEMENTS);
    for (const [i, bytes] of elements.entries()) {
      const expected = expectedOf([bytes], NOON_MS);
      const { readings, rejected, deferred } = decodeElements([{ bytes, stampMs: NOON_MS, attempts: 1 }], DEFAULTS);
      const found = listOf(readings).map(({ userId, deviceId, timestampMs, heartRate, receivedMs }) => {
        return {
          key: JSON.stringify([userId, deviceId, timestampMs]),
          heartRate,
          receivedMinute: Math.floor(receivedMs / 60_000) + 0,
        };
      });
      expectSame(found, expected.readings, `element ${i}`);
      const letters = rejected.map((letter) => Buffer.from(letter.bytes).toString('hex'));
      expectSame(letters.sort(), expected.letters.sort(), `element ${i}`);
      for (const { reason } of rejected) expect(reason).toMatch(REASON);
      expectSame(deferred, [], `element ${i}`);
    }
  });

  it('end in the store or among the dead letters, of the embedded queue', async () => {
    const seed = testSeed();
    const elements = elementsOf(seed, ELEMENTS);
    const expected = expectedOf(elements, NOON_MS);
    expect(expected.readings.length).toBeGreaterThan(ELEMENTS / 2);
    expect(expected.letters.length).toBeGreaterThan(ELEMENTS / 10);
    await withSystem(async ({ directory, queue, storage, clock }) => {
      // It refuses nothing.
      storage.isMended = true;
      await pushAll(queue, elements, randomFrom(seed + 1));
      await drainAll({ queue, storage, clock });
      expect(await deadLettersOf(queue)).toEqual(expected.letters.sort());
      expect(survivors(await storedIn(join(directory, 'data')))).toEqual(survivors(expected.readings));
    });
  });

  it('end in the store or among the dead letters, of Redis', async () => {
    const seed = testSeed();
    const elements = elementsOf(seed, Math.ceil(ELEMENTS / 8));
    const redis = await startRedis();
    const queue = await openRedisQueue({ server: redis.url });
    try {
      await withSystem(async ({ directory, storage, clock }) => {
        storage.isMended = true;
        await pushAll(queue, elements, randomFrom(seed + 1));
        await drainAll({ queue, storage, clock });
        // Stamps are the server's.
        const expected = expectedOf(elements, Date.now());
        expect(await deadLettersOf(queue)).toEqual(expected.letters.sort());
        const rates = (readings: readonly Found[]) =>
          new Map([...survivors(readings)].map(([key, { heartRate }]) => [key, heartRate]));
        expect(rates(await storedIn(join(directory, 'data')))).toEqual(rates(expected.readings));
      });
    } finally {
      await queue.close();
    }
  });
});
