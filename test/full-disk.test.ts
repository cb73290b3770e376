import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { readdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { HRM_BIN } from '../packages/hrm-cli/test/hrm.js';
import { writeZip } from '../packages/hrm-core/test/support/zip-writer.js';
import { fillDisk, fillInodes, MIB, mountDisk } from './support/disk.js';
import { environment, getRows, postBatch, runHrm, startService, temporaryDirectory } from './support/hrm.js';
import { eventually } from './support/redis-process.js';

const DAY = { start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };

function readings(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => ({
    user_id: 'ana',
    device_id: 'watch',
    timestamp: new Date(Date.parse(DAY.start) + (from + i) * 60_000).toISOString(),
    heart_rate: 60 + (i % 100),
  }));
}

async function status(url: string): Promise<[number, string]> {
  const response = await fetch(`${url}/health`);
  return [response.status, ((await response.json()) as { status: string }).status];
}

const settings = { HRM_BATCH_MAX_AGE_MS: '20', HRM_COMPACT_EVERY_MS: '100', HRM_LOG_LEVEL: 'error' };

it('goes on accepting while the data disk is full, says so, and stores everything when there is room', async (context) => {
  const directory = await temporaryDirectory();
  const env = environment(directory, settings);
  if (!(await mountDisk(String(env.HRM_DATA_DIR), 2 * MIB))) context.skip('needs the right to mount a tmpfs');
  const service = await startService(env);
  expect(await postBatch(service.url, readings(0, 10))).toBe(202);
  const question = { user_id: 'ana', ...DAY };
  await eventually('ten readings', async () => (await getRows(service.url, question)).length === 10);
  const free = await fillDisk(String(env.HRM_DATA_DIR), 0);
  expect(await postBatch(service.url, readings(10, 500))).toBe(202);
  await eventually('health tells', async () => (await status(service.url))[0] === 503);
  // What is stored is answered about, full disk or not.
  expect(await getRows(service.url, question)).toHaveLength(10);
  expect(await postBatch(service.url, readings(510, 500))).toBe(202);
  await free();
  await eventually('all readings', async () => (await getRows(service.url, question)).length === 1_010);
  await eventually('health again', async () => (await status(service.url))[1] === 'healthy');
  expect(JSON.parse(await runHrm(env, 'dlq', 'list', '--json'))).toEqual({ items: [], count: 0 });
  expect(await service.end('SIGTERM')).toBe(0);
});

it.for([
  { what: 'bytes', parts: [] },
  { what: 'bytes', parts: ['--only', 'api'] },
  { what: 'inodes', parts: [] },
])(
  'starts while the data disk has no $what, with $parts, and stores everything when there is room',
  async ({ what, parts }, context) => {
    const directory = await temporaryDirectory();
    const env = environment(directory, settings);
    const disk = join(directory, 'disk');
    const data = join(disk, 'data');
    if (!(await mountDisk(disk, 2 * MIB, 200))) context.skip('needs the right to mount a tmpfs');
    const question = { user_id: 'ana', ...DAY };
    const first = await startService({ ...env, HRM_DATA_DIR: data });
    expect(await postBatch(first.url, readings(0, 10))).toBe(202);
    await eventually('ten readings', async () => (await getRows(first.url, question)).length === 10);
    expect(await first.end('SIGTERM')).toBe(0);
    const free = what === 'bytes' ? await fillDisk(disk, 0) : await fillInodes(disk);
    const service = await startService({ ...env, HRM_DATA_DIR: data }, ...parts);
    expect(await getRows(service.url, question)).toHaveLength(10);
    expect(await postBatch(service.url, readings(10, 500))).toBe(202);
    await eventually('health tells', async () => (await status(service.url))[0] === 503);
    await free();
    if (parts.length > 0) await runHrm({ ...env, HRM_DATA_DIR: data }, 'drain', '--all');
    await eventually('all readings', async () => (await getRows(service.url, question)).length === 510);
    await eventually('health again', async () => (await status(service.url))[1] === 'healthy');
    expect(await service.end('SIGTERM')).toBe(0);
  },
);

it('answers 503 while the disk of the queue is full, loses nothing it accepted, and resumes by itself', async (context) => {
  const directory = await temporaryDirectory();
  const env = environment(directory, settings);
  if (!(await mountDisk(String(env.HRM_QUEUE_DIR), 64 * MIB))) context.skip('needs the right to mount a tmpfs');
  const service = await startService(env, '--only', 'api');
  expect(await postBatch(service.url, readings(0, 10))).toBe(202);
  // Before it refuses anything, it is said that it will.
  const freeSome = await fillDisk(String(env.HRM_QUEUE_DIR), 24 * MIB);
  await eventually('health warns', async () => {
    const text = await (await fetch(`${service.url}/health`)).text();
    return text.includes('"degraded"') && text.includes('little room is left');
  });
  expect(await postBatch(service.url, readings(0, 10))).toBe(202);
  await freeSome();
  const free = await fillDisk(String(env.HRM_QUEUE_DIR), MIB);
  const refused = await fetch(`${service.url}/metrics/heart-rate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(readings(10, 1)[0]),
  });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ status: 503, code: 'queue_full' });
  expect(await getRows(service.url, { user_id: 'ana', ...DAY })).toEqual([]);
  await free();
  await eventually('accepting again', async () => (await postBatch(service.url, readings(20, 10))) === 202);
  await runHrm(env, 'drain', '--all');
  // The ten before and the ten after; the one that was refused is not there.
  expect(await getRows(service.url, { user_id: 'ana', ...DAY })).toHaveLength(20);
  expect(await service.end('SIGTERM')).toBe(0);
});

it('refuses files over HTTP while the disk for them is full, leaves nothing on it, and goes on', async (context) => {
  const directory = await temporaryDirectory();
  const spool = join(directory, 'spool');
  if (!(await mountDisk(spool, MIB))) context.skip('needs the right to mount a tmpfs');
  const service = await startService(environment(directory, { ...settings, HRM_SPOOL_DIR: spool }));
  const rows = readings(0, 1_000).map((reading) => JSON.stringify(reading));
  const small = Buffer.from(rows.join('\n'));
  async function importFile(body: Buffer): Promise<Response> {
    const headers = { 'content-type': 'application/octet-stream' };
    return await fetch(`${service.url}/imports?user_id=ana`, { method: 'POST', headers, body: Uint8Array.from(body) });
  }
  const large = Buffer.from(Array.from({ length: 20 }, () => small.toString()).join('\n'));
  // The one has no room as it comes; the other has, and none once it is unpacked.
  const packed = gzipSync(writeZip([{ name: 'a.ndjson', content: large, method: 0 }]));
  expect(packed.length).toBeLessThan(MIB / 4);
  const { bavail } = await statfs(spool);
  for (const body of [large, packed]) {
    const refused = await importFile(body);
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'spool_unwritable' }]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await readdir(spool)).toEqual([]);
    await eventually('all room is free again', async () => (await statfs(spool)).bavail === bavail);
  }
  expect(await postBatch(service.url, readings(0, 1))).toBe(202);
  // Not even a directory finds room.
  const free = await fillDisk(spool, 0);
  expect((await importFile(small)).status).toBe(503);
  expect(await readdir(spool)).toEqual(['filler']);
  await free();
  const taken = await importFile(small);
  expect([taken.status, await taken.json()]).toMatchObject([200, { enqueued: 1_000 }]);
  await eventually(
    'all readings',
    async () => (await getRows(service.url, { user_id: 'ana', ...DAY })).length === 1_000,
  );
  expect(await service.end('SIGTERM')).toBe(0);
});

it('leaves nothing beside the keys when there is no room for one more, whichever file it is that lacks it', async (context) => {
  const directory = await temporaryDirectory();
  const place = join(directory, 'keys');
  const env = environment(directory, { HRM_KEYS_FILE: join(place, 'keys.json') });
  if (!(await mountDisk(place, MIB))) context.skip('needs the right to mount a tmpfs');
  const create = () => runHrm(env, 'keys', 'create', '--name', 'a', '--scope', 'query');
  // A tmpfs gives pages: the lock takes one, the new file another, the mark a third.
  for (const pages of [0, 1, 2]) {
    const free = await fillDisk(place, pages * 4_096);
    await expect(create()).rejects.toThrow(/keys_(unwritable|locked)|cannot be (written|changed)/);
    expect(await readdir(place)).toEqual(['filler']);
    await free();
  }
  await create();
  expect((await readdir(place)).sort()).toEqual(['keys.json', 'keys.json.needed']);
});

it('goes on while the disk of its log is full, and tells what the log lacks when there is room', async (context) => {
  const directory = await temporaryDirectory();
  const disk = join(directory, 'log');
  if (!(await mountDisk(disk, MIB))) context.skip('needs the right to mount a tmpfs');
  const place = join(disk, 'hrm.log');
  const env = environment(directory, { ...settings, HRM_LOG_LEVEL: 'debug' });
  const words = ['serve', '--only', 'api'];
  const child = spawn(process.execPath, [HRM_BIN, ...words], { env, stdio: ['ignore', 'pipe', openSync(place, 'a')] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const [line] = await once(child.stdout ?? child, 'data');
  const url = String(line).trim();
  const free = await fillDisk(disk, 0);
  for (let i = 0; i < 200; i += 1) expect(await postBatch(url, readings(i, 1))).toBe(202);
  await eventually('health tells', async () => (await (await fetch(`${url}/health`)).text()).includes('ENOSPC'));
  await free();
  await eventually('health again', async () => (await status(url))[1] === 'healthy');
  const lines = (await readFile(place, 'utf8')).trimEnd().split('\n');
  expect(lines.find((text) => text.includes('log lines were lost'))).toMatch(/"lines":\d{2,}/);
  // One line may have been cut where the room ended; each other is whole.
  const isWhole = (text: string) => text.startsWith('{') && text.endsWith('}');
  expect(lines.filter((text) => !isWhole(text)).length).toBeLessThanOrEqual(1);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
