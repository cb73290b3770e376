/** A server that is killed in the middle of an import over HTTP. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { environment, getRows, runHrm, startService, temporaryDirectory, type WireRow } from './support/hrm.js';
import { until } from './support/until.js';

const READINGS = 100_000;
const START_MS = Date.UTC(2024, 0, 15);
const DAYS = { user_id: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-17T00:00:00Z' };
/** The import can never complete: it finds the queue full. */
const HIGH_WATER = '80000';

const rateOf = (second: number) => 60 + (second % 77);

function file(): string {
  const lines = Array.from(
    { length: READINGS },
    (_, second) => `ana,strap,${new Date(START_MS + second * 1_000).toISOString()},${rateOf(second)}`,
  );
  return `user_id,device_id,timestamp,heart_rate\n${lines.join('\n')}\n`;
}

/** The minutes of the first readings of the file, as an import that nothing disturbed is answered from. */
function minutesOf(readings: number): Pick<WireRow, 'min' | 'max' | 'count'>[] {
  return Array.from({ length: Math.ceil(readings / 60) }, (_, minute) => {
    const rates = Array.from({ length: Math.min(60, readings - minute * 60) }, (_, i) => rateOf(minute * 60 + i));
    return { min: Math.min(...rates), max: Math.max(...rates), count: rates.length };
  });
}

async function importFile(url: string, content: string): Promise<Response> {
  const headers = { 'content-type': 'text/csv' };
  return await fetch(`${url}/imports?user_id=ana&file_name=a.csv`, { method: 'POST', headers, body: content });
}

async function storedRows(url: string): Promise<unknown[]> {
  const rows = await getRows(url, DAYS);
  return rows.map(({ min, max, count }) => ({ min, max, count }));
}

const countOf = (rows: readonly unknown[]) => rows.reduce<number>((sum, row) => sum + (row as WireRow).count, 0);

it('answers after a SIGKILL from what the queue took, once, and from all of the file once it is sent again', async () => {
  const directory = await temporaryDirectory();
  const spool = path.join(directory, 'spool');
  const env = environment(directory, { HRM_SPOOL_DIR: spool, HRM_BATCH_MAX_AGE_MS: '50', HRM_COMPACT_EVERY_MS: '500' });
  const content = file();
  const first = await startService({ ...env, HRM_QUEUE_HIGH_WATER: HIGH_WATER }, '--only', 'api');
  const answer = importFile(first.url, content).then(
    ({ status }) => status,
    () => 'none',
  );
  await until(async () => {
    const { queue } = (await (await fetch(`${first.url}/system`)).json()) as { queue: { readings: number } };
    return queue.readings > 0;
  }, 'the queue has taken some of the file');
  expect(await first.end('SIGKILL')).toBeNull();
  // Nobody was told that it is imported.
  expect(await answer).toBe('none');
  const { queue } = JSON.parse(await runHrm(env, 'stats', '--json'));
  expect(queue.readings).toBeGreaterThan(0);
  expect(queue.readings).toBeLessThan(READINGS);

  const second = await startService(env);
  expect(await readdir(spool)).toEqual([]);
  await until(async () => countOf(await storedRows(second.url)) >= queue.readings, 'what the queue took is stored');
  expect(await storedRows(second.url)).toEqual(minutesOf(queue.readings));
  const again = await importFile(second.url, content);
  expect([again.status, await again.json()]).toMatchObject([
    200,
    { enqueued: READINGS, files: [{ file: 'a.csv', outcome: 'imported', readings: READINGS, rejected: 0 }] },
  ]);
  await until(async () => countOf(await storedRows(second.url)) >= READINGS, 'all of it is stored');
  expect(await storedRows(second.url)).toEqual(minutesOf(READINGS));
  expect(await readdir(spool)).toEqual([]);
  expect(await (await fetch(`${second.url}/system`)).json()).toMatchObject({ queue: { dead_letters: 0 } });
  expect(await second.end('SIGTERM')).toBe(0);
});
