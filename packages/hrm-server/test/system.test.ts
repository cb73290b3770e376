import { hostname } from 'node:os';
import { type CompactSummary, writePart } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { presentWhile } from 'hrm-core/open';
import { expect, it } from 'vitest';
import { post, startTest, wireReading } from './support.js';

it('GET /system tells the queue, the files, the last compaction and the process, and names nobody', async () => {
  const { url, storage } = await startTest({
    parts: ['api', 'compacter'],
    flags: { compactEveryMs: '50', sweepAfterMs: '0' },
  });
  const stored = { userId: 'ana', deviceId: 'watch', timestampMs: Date.UTC(2024, 0, 15), heartRate: 72, receivedMs: 0 };
  await writePart({ storage }, [stored]);
  await writePart({ storage }, [{ ...stored, timestampMs: stored.timestampMs + 1_000 }]);
  await writePart({ storage }, [{ ...stored, userId: 'ben', timestampMs: Date.UTC(2024, 5, 1) }]);
  expect((await post(`${url}/metrics/heart-rate`, wireReading())).status).toBe(202);
  const system = async () => (await (await fetch(`${url}/system`)).json()) as Record<string, Record<string, unknown>>;
  // What is stored is counted in the background, and what a compacter did is known when it did it.
  await expect.poll(async () => (await system()).files).not.toBeNull();
  await expect.poll(async () => (await system()).compaction).not.toBeNull();
  // Looked at once a second at most.
  await expect.poll(async () => (await system()).queue?.readings).toBe(1);
  const answer = await system();
  expect(answer).toMatchObject({
    health: { status: 'healthy' },
    queue: { readings: 1, claimed_readings: 0, dead_letters: 0, high_water: 5_000_000 },
    files: {
      users: 2,
      days: 2,
      first_date: '20240115',
      last_date: '20240601',
      counted_at: expect.stringMatching(/Z$/),
    },
    compaction: { failures: 0, left: 0, ended_at: expect.stringMatching(/Z$/) },
    process: { version: expect.stringMatching(/^\d/), parts: ['api', 'compacter'] },
  });
  expect(answer.queue?.oldest_age_ms).toBeGreaterThanOrEqual(0);
  expect(answer.dead_letters).toBeNull();
  const host = hostname();
  expect(JSON.stringify(answer).replaceAll(host, '')).not.toMatch(/ana|ben|watch/);
  // The same by the client.
  const { health, queue, files, compaction, space, process } = await createClient({ url }).system();
  expect(queue).toMatchObject({ readings: 1, claimedReadings: 0, deadLetters: 0, oldestAgeMs: expect.any(Number) });
  expect(queue?.highWater).toBe(5_000_000);
  expect([health, process.parts]).toEqual([answer.health, ['api', 'compacter']]);
  expect(compaction).toMatchObject({ failures: 0, left: 0, endedAt: expect.stringMatching(/Z$/) });
  expect(space.map(({ place }) => place)).toContain('storage');
  expect(files).toMatchObject({ users: 2, days: 2, firstDate: '20240115', lastDate: '20240601' });
  expect(files?.mostFiles).toBe(answer.files?.most_files_of_a_day);
});

it('tells every process of the store, also one that ran elsewhere, why letters are dead, and how many alerts there are', async () => {
  const { url, settings, queue } = await startTest({ parts: ['api'] });
  const client = createClient({ url });
  await presentWhile(settings, { version: '9', parts: ['compacter'] }, async ({ compacted }) =>
    compacted({ partitions: 3, readings: 5, failures: [] } as unknown as CompactSummary & Record<string, number>),
  );
  await queue.push([{ bytes: Buffer.from('no JSON'), readings: 1 }]);
  const claim = await queue.claim({ maxReadings: 1, maxBytes: 1_000, maxElements: 1, leaseMs: 10_000 });
  const letter = { reason: 'not_json: ana', bytes: Buffer.from('ana'), stampMs: 0, attempts: 1 };
  await queue.ack(claim?.token ?? '', { deadLetters: [letter] });
  await expect.poll(async () => (await client.system()).deadLetters).not.toBeNull();
  await expect.poll(async () => (await client.system()).peers?.processes.length, { timeout: 20_000 }).toBe(2);
  await expect.poll(async () => (await client.system()).alerts).not.toBeNull();
  const { peers, deadLetters, alerts, queueHistory } = await client.system();
  expect(peers?.processes).toMatchObject([
    { parts: ['api'], state: 'running', answers: true, pid: process.pid, host: hostname() },
    { parts: ['compacter'], state: 'stopped', answers: false, version: '9' },
  ]);
  expect(deadLetters).toMatchObject({ counted: 1, reasons: [{ code: 'not_json', count: 1 }] });
  expect(JSON.stringify(deadLetters)).not.toContain('ana');
  expect(alerts).toMatchObject({ open: 0, untold: 0, failed: 0 });
  expect(queueHistory.length).toBeGreaterThan(0);
});
