/**
 * A client that reads rows over HTTP may stand still in the midst of an answer, for longer than any grace. Meanwhile others write, compact
 * everything, split it, and sweep what was replaced. The answer is what was stored, to its end, in every form.
 */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { compact, type Reading, type Storage, writePart } from 'hrm-core';
import { expect, onTestFinished, test } from 'vitest';
import { expectSame } from '../../../test/support/same.js';
import { startTest, type TestService } from './support.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2024, 0, 15);
/** Of these days a row a minute, each with a long id: more than all buffers between the server and a client that reads nothing. */
const DAYS = 24;
const DEVICE = '€'.repeat(128);
const RANGE = { start: '2024-01-15T00:00:00Z', end: new Date(START_MS + DAYS * DAY_MS).toISOString() };

function readingsOf(userId: string, offset: number, received: number): Reading[] {
  return Array.from({ length: DAYS * 720 }, (_, i) => ({
    userId,
    deviceId: DEVICE,
    timestampMs: START_MS + (2 * i + offset) * MINUTE_MS,
    heartRate: 60 + ((2 * i + offset) % 90),
    receivedMs: received,
  }));
}

/** The rows of what was stored, a minute each. */
const ROWS = Array.from({ length: DAYS * 1_440 }, (_, minute) => {
  const timestamp = new Date(START_MS + minute * MINUTE_MS).toISOString().replace('.000Z', 'Z');
  return { timestamp, heart_rate: 60 + (minute % 90) };
});

interface Row {
  readonly timestamp: string;
  readonly heart_rate: number;
}

function short({ timestamp, heart_rate }: Row): Row {
  return { timestamp, heart_rate };
}

/** The rows of an answer that has its end. */
const FORMS: Readonly<Record<string, (body: string) => Row[]>> = {
  'application/json': (body) => {
    const { data, count } = JSON.parse(body) as { data: Row[]; count: number };
    expect(count).toBe(data.length);
    return data.map(short);
  },
  'application/x-ndjson; end=count': (body) => {
    const lines = body.trimEnd().split('\n');
    expect(JSON.parse(lines.pop() ?? '')).toEqual({ end: true, count: lines.length });
    return lines.map((line) => short(JSON.parse(line) as Row));
  },
  'text/csv; end=count': (body) => {
    const [head = '', ...lines] = body.trimEnd().split(/\r?\n/);
    const names = head.split(',');
    expect(
      lines
        .pop()
        ?.split(',')
        .filter((field) => field !== ''),
    ).toEqual(['end', String(lines.length)]);
    return lines.map((line) => {
      const fields = line.split(',');
      const field = (name: string) => fields[names.indexOf(name)] ?? '';
      return { timestamp: field('timestamp'), heart_rate: Number(field('heart_rate')) };
    });
  },
};

async function compactAll(storage: Storage): Promise<void> {
  for (let run = 0; run < 2; run += 1) {
    const { failures } = await compact({ storage }, { all: true, sweepAfterMs: 0 });
    expect(failures).toEqual([]);
  }
}

/** Writes the same again, as parts of its own and as shared ones, of others too, and splits everything. */
async function goOn(storage: Storage, userId: string, round: number): Promise<void> {
  const again = readingsOf(userId, round % 2, START_MS + round * MINUTE_MS);
  await writePart({ storage }, again);
  const others = Array.from({ length: 40 }, (_, i) => ({ ...(again[i * 37] as Reading), userId: `other ${i}` }));
  await writePart({ storage }, [...others, ...again.slice(0, 5)]);
  await compactAll(storage);
}

/** A service that counts the snapshots that its answers take. */
async function startCounted(): Promise<TestService & { readonly days: ReadonlySet<string> }> {
  const days = new Set<string>();
  const service = await startTest({
    wrapStorage: (storage) => ({
      ...storage,
      snapshot(partition, options) {
        if (partition.directory === 'ana') days.add(partition.date);
        return storage.snapshot(partition, options);
      },
    }),
  });
  return { ...service, days };
}

test.each(Object.entries(FORMS))('of %s is whole, wherever its reader stands still', async (accept, rowsOf) => {
  const { url, storage, days } = await startCounted();
  for (const offset of [0, 1]) await writePart({ storage }, readingsOf('ana', offset, START_MS));
  const path = `/metrics/heart-rate?${new URLSearchParams({ user_id: 'ana', ...RANGE })}`;
  // The tag of the answer is taken of all days, without a snapshot of the user's own.
  const request = get(url + path, { headers: { accept }, agent: false });
  onTestFinished(() => void request.destroy());
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  // Nobody has taken anything of it yet, and nobody does while the others go on.
  for (const round of [1, 2]) await goOn(storage, 'ana', round);
  expect(days.size).toBeGreaterThan(0);
  expect(days.size).toBeLessThan(DAYS);
  const rows = rowsOf(await text(response.setEncoding('utf8')));
  expect(days.size).toBe(DAYS);
  expect(rows.length).toBe(ROWS.length);
  expectSame(rows, ROWS);
});

test.each(Object.entries(FORMS))(
  'of %s is whole, also where its reader stands still again and again',
  async (accept, rowsOf) => {
    const { url, storage } = await startCounted();
    for (const offset of [0, 1]) await writePart({ storage }, readingsOf('ana', offset, START_MS));
    const path = `/metrics/heart-rate?${new URLSearchParams({ user_id: 'ana', ...RANGE })}`;
    const request = get(url + path, { headers: { accept }, agent: false });
    onTestFinished(() => void request.destroy());
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    let round = 0;
    for await (const piece of response.setEncoding('utf8')) {
      body += piece as string;
      if (body.length < round * 2_200_000) continue;
      round += 1;
      await goOn(storage, 'ana', round);
    }
    expect(round).toBeGreaterThan(2);
    expectSame(rowsOf(body), ROWS);
  },
);
