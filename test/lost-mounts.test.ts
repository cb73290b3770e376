/** A disk that is unmounted under a running server: what was on it is refused, and nothing is taken into the empty mount point. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { cannotMount, memoryDisk, mount, unmount } from '../packages/hrm-core/test/support/mount.js';
import { environment, postBatch, runHrm, startService, temporaryDirectory } from './support/hrm.js';
import { eventually } from './support/redis-process.js';

const READING = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };
const SETTINGS = { HRM_LOG_LEVEL: 'error' };

/** Mounts a disk for a test at a directory that it makes. */
function mountAt(directory: string): void {
  mkdirSync(directory);
  mount(memoryDisk('size=64m'), directory);
}

async function codeOf(url: string, headers: Record<string, string> = {}): Promise<[number, string | undefined]> {
  const sent = { 'content-type': 'application/json', ...headers };
  const response = await fetch(`${url}/metrics/heart-rate`, {
    method: 'POST',
    headers: sent,
    body: JSON.stringify(READING),
  });
  return [response.status, ((await response.json()) as { code?: string }).code];
}

it.skipIf(cannotMount).each([
  { what: 'one process', parts: ['--only', 'api'] },
  { what: 'workers', parts: ['--only', 'api', '--workers', '2'] },
])('accepts nothing into the mount point of a queue that is gone: $what', async ({ parts }) => {
  const directory = await temporaryDirectory();
  const disk = join(directory, 'disk');
  mountAt(disk);
  const service = await startService(
    environment(directory, { ...SETTINGS, HRM_QUEUE_DIR: join(disk, 'queue') }),
    ...parts,
  );
  expect(await postBatch(service.url, [READING])).toBe(202);
  unmount(disk);
  for (let i = 0; i < 10; i += 1) expect(await codeOf(service.url)).toEqual([503, 'queue_unavailable']);
  await eventually('health tells', async () => (await fetch(`${service.url}/health`)).status === 503);
  expect(readdirSync(disk)).toEqual([]);
  await service.end('SIGTERM');
});

it.skipIf(cannotMount).each([
  { what: 'one process', parts: ['--only', 'api'] },
  { what: 'workers', parts: ['--only', 'api', '--workers', '2'] },
])('opens no door when the disk of the keys is gone: $what', async ({ parts }) => {
  const directory = await temporaryDirectory();
  const disk = join(directory, 'disk');
  mountAt(disk);
  let isMounted = true;
  onTestFinished(() => {
    if (isMounted) unmount(disk);
  });
  const env = environment(directory, { ...SETTINGS, HRM_KEYS_FILE: join(disk, 'keys.json') });
  const key = (await runHrm(env, 'keys', 'create', '--name', 'a', '--scope', 'ingest')).trim();
  const service = await startService(env, ...parts);
  const known = { authorization: `Bearer ${key}` };
  expect(await codeOf(service.url, known)).toEqual([202, undefined]);
  unmount(disk);
  isMounted = false;
  expect(readdirSync(disk)).toEqual([]);
  for (let i = 0; i < 10; i += 1) {
    expect(await codeOf(service.url)).toEqual([401, 'key_missing']);
    expect(await codeOf(service.url, { authorization: 'Bearer hrm_nobody' })).toEqual([401, expect.any(String)]);
    // Those known by then count on.
    expect(await codeOf(service.url, known)).toEqual([202, undefined]);
  }
  await service.end('SIGTERM');
});
