import { query, writePart } from 'hrm-core';
import { expect, it } from 'vitest';
import { startTest, until } from './support.js';

const DAY_MS = 86_400_000;

function readingAt(timestampMs: number) {
  return { user_id: 'ana', device_id: 'watch', timestamp: new Date(timestampMs).toISOString(), heart_rate: 70 };
}

it('a server that keeps some days refuses what is older, answers without it, and deletes it', async () => {
  const nowMs = Date.now();
  const { url, storage, queue } = await startTest({ parts: ['api'], flags: { retentionDays: '30' } });
  const stored = [0, 1, 40].map((days) => ({
    userId: 'ana',
    deviceId: 'watch',
    timestampMs: nowMs - days * DAY_MS,
    heartRate: 60,
    receivedMs: nowMs,
  }));
  await writePart({ storage }, stored);
  const rows = await query({ storage }, { userId: 'ana', start: nowMs - 50 * DAY_MS, end: nowMs + DAY_MS });
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(2);
  async function post(target: string, body: unknown) {
    const response = await fetch(`${url}${target}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }
  const kept = expect.stringContaining('HRM_RETENTION_DAYS');
  expect(await post('/metrics/heart-rate', readingAt(nowMs - 31 * DAY_MS))).toMatchObject({
    status: 400,
    body: { code: 'invalid_readings', errors: [{ path: '/timestamp', message: kept }] },
  });
  expect(await post('/metrics/heart-rate/batch', [readingAt(nowMs), readingAt(nowMs - 31 * DAY_MS)])).toMatchObject({
    status: 400,
    body: { errors: [{ path: '/1/timestamp', message: kept }] },
  });
  expect((await post('/metrics/heart-rate', readingAt(nowMs))).status).toBe(202);
  expect((await queue.depth()).readings).toBe(1);
  const csv = `user_id,device_id,timestamp,heart_rate\n${[0, 31]
    .map((days) => `ana,watch,${new Date(nowMs - days * DAY_MS).toISOString()},70`)
    .join('\n')}\n`;
  const imported = await fetch(`${url}/imports?user_id=ana&file_name=a.csv`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: csv,
  });
  expect(await imported.json()).toMatchObject({ files: [{ enqueued: 1 }] });
});

it('its compacter deletes the days that are over, and says so', async () => {
  const nowMs = Date.now();
  const { storage, log } = await startTest({
    parts: ['compacter'],
    flags: { retentionDays: '30', compactEveryMs: '50' },
  });
  const readings = [0, 1, 40].map((days) => ({
    userId: 'ana',
    deviceId: 'watch',
    timestampMs: nowMs - days * DAY_MS,
    heartRate: 60,
    receivedMs: nowMs,
  }));
  await writePart({ storage }, readings);
  await until(async () => (await storage.dates()).length === 2, 'the day is gone');
  await until(() => log.some((line) => line.includes('"expired":{"dates":1,"files":1')), 'it is logged');
});
