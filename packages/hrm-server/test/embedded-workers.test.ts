/** Workers for a program that embeds this package: what `hrm serve --workers` does, without `hrm`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSettings } from 'hrm-core/settings';
import { createLog, startWorkers } from 'hrm-server';
import { expect, it, onTestFinished } from 'vitest';

const EMBEDDER = fileURLToPath(new URL('./embedder.mjs', import.meta.url));

it('a program starts them, they take readings and store them, and they end with its service', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hrm-embedder-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const child = spawn(process.execPath, [EMBEDDER], {
    env: {
      PATH: process.env.PATH,
      HRM_PORT: '0',
      HRM_DATA_DIR: join(directory, 'data'),
      HRM_QUEUE_DIR: join(directory, 'queue'),
      HRM_KEYS_FILE: join(directory, 'keys.json'),
      HRM_BATCH_MAX_AGE_MS: '10',
      HRM_LOG_LEVEL: 'error',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [url] = await once(child.stdout.setEncoding('utf8'), 'data');
  const reading = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };
  const posted = await fetch(`${url}/metrics/heart-rate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(reading),
  });
  expect(posted.status).toBe(202);
  const question = `${url}/metrics/heart-rate?user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z`;
  const answer = async (): Promise<unknown> => await (await fetch(question)).json();
  await expect.poll(answer).toMatchObject({ count: 1 });
  child.stdin.end();
  expect(await once(child, 'close')).toEqual([0, null]);
  await expect(fetch(`${url}/health`)).rejects.toThrow();
});

it.each([
  [{ workers: 0, parts: ['api'] as const }],
  [{ workers: 65, parts: ['api'] as const }],
  [{ workers: 1.5, parts: ['api'] as const }],
  [{ workers: 2, parts: ['consumer'] as const }],
])('%j is refused before anything starts', async (options) => {
  const settings = loadSettings();
  const starting = startWorkers(settings, { ...options, log: createLog({ ...settings, logLevel: 'silent' }) });
  await expect(starting).rejects.toMatchObject({ kind: 'invalid', code: 'invalid_settings' });
});
