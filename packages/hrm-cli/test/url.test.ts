import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, type Sandbox } from './hrm.js';

const RANGE = ['--start', '2024-01-15T00:00:00Z', '--end', '2024-01-17T00:00:00Z'];

let sandbox: Sandbox;
let url: string;
let key: string;
let stop: () => Promise<void>;
beforeEach(async () => {
  sandbox = await makeSandbox();
  const keysFile = join(sandbox.directory, 'keys.json');
  const scopes = ['--scope', 'ingest', '--scope', 'query', '--scope', 'admin'];
  key = (await sandbox.run(['keys', 'create', '--name', 'cli', ...scopes, '--keys-file', keysFile])).stdout.trim();
  const serve = [
    'serve',
    '--port',
    '0',
    '--keys-file',
    keysFile,
    '--batch-max-age-ms',
    '50',
    '--compact-every-ms',
    '200',
  ];
  const server = sandbox.start(serve);
  url = await server.firstLine();
  stop = async () => {
    server.child.kill('SIGTERM');
    await server.finished;
  };
});
afterEach(async () => {
  await stop();
  await sandbox.remove();
});

/** A user's readings of two days, of two devices that disagree. */
function csv(): string {
  const lines = Array.from({ length: 2_000 }, (_, i) => {
    const timestamp = new Date(Date.UTC(2024, 0, 15, 12) + i * 37_000).toISOString();
    return `ana,${i % 3 === 0 ? 'band' : 'watch'},${timestamp},${50 + ((i * 7) % 120)}`;
  });
  return `user_id,device_id,timestamp,heart_rate\n${lines.join('\n')}\n`;
}

describe('hrm with the --url of no server', () => {
  it('says at once that it tries again, and ends with 3', async () => {
    const { child, finished } = sandbox.start(['simulate', '--backfill', '1', '--url', 'http://127.0.0.1:1']);
    const [text] = await once(child.stderr ?? child, 'data');
    expect(text).toBe('hrm: the server cannot be reached; trying again for up to half a minute\n');
    child.kill('SIGINT');
    expect((await finished).code).toBe(0);
  });

  it('or of another service says so, with 3 and without a stack', async () => {
    const query = ['query', '--user', 'ana', ...RANGE];
    const row = {
      timestamp: '2024-01-15T00:00:00Z',
      heart_rate: 70,
      min: 70,
      max: 70,
      count: 1,
      device_ids: ['watch'],
    };
    for (const [args, answer] of [
      [query, 'nonsense'],
      [query, JSON.stringify({ ...row, timestamp: 'soon' })],
      [query, JSON.stringify({ ...row, device_ids: null })],
      [['stats'], '{"queue":{"readings":"many"},"files":null}'],
    ] as const) {
      const server = createServer((_, response) => response.end(`${answer}\n`));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const { code, stderr } = await sandbox.run([...args, '--json', '--url', `http://127.0.0.1:${port}`]);
      server.close();
      expect(code).toBe(3);
      expect(JSON.parse(stderr).error.code).toBe('bad_answer');
    }
  });
});

describe('hrm with --url', () => {
  it('imports into a server, and gives what the files give, in every form', async () => {
    const file = join(sandbox.directory, 'readings.csv');
    await writeFile(file, csv());
    const env = { HRM_API_KEY: key };
    const imported = await sandbox.run(['import', file, '--url', url, '--json'], { env });
    expect({ code: imported.code, stderr: imported.stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(imported.stdout)).toMatchObject({ enqueued: 2_000, rejected: 0 });
    const simulate = ['simulate', '--users', '2', '--duration', '1s', '--backfill', '1', '--url', url, '--json'];
    expect(JSON.parse((await sandbox.run(simulate, { env })).stdout).enqueued).toBeGreaterThan(10_000);
    const question = ['query', '--user', 'ana', ...RANGE];
    async function stored(): Promise<number> {
      return JSON.parse((await sandbox.run([...question, '--json'])).stdout).count;
    }
    await expect.poll(stored).toBeGreaterThan(1_200);
    for (const form of [
      [],
      ['--json'],
      ['--format', 'csv'],
      ['--format', 'ndjson'],
      ['--chart'],
      ['--interval', '1h'],
    ]) {
      const [here, there] = [
        await sandbox.run([...question, ...form]),
        await sandbox.run([...question, ...form, '--url', url], { env }),
      ];
      expect({ form, code: there.code, stderr: there.stderr }).toEqual({ form, code: 0, stderr: here.stderr });
      expect(there.stdout).toBe(here.stdout);
      expect(there.stdout.length).toBeGreaterThan(500);
    }
    const copy = join(sandbox.directory, 'ana.csv');
    await sandbox.run([...question, '--format', 'csv', '--url', url, '--output', copy], { env });
    expect(await readFile(copy, 'utf8')).toBe((await sandbox.run([...question, '--format', 'csv'])).stdout);
  });

  it('tells what a server knows of files and queue, as hrm stats does of those here', async () => {
    const env = { HRM_API_KEY: key };
    await sandbox.run(['import', '-', '--url', url], { env, input: csv() });
    const here = async () => JSON.parse((await sandbox.run(['stats', '--json'])).stdout).storage?.days;
    await expect.poll(here).toBe(2);
    const { code, stdout, stderr } = await sandbox.run(['stats', '--url', url, '--json'], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { counted_at, ...storage } = JSON.parse(stdout).storage;
    expect(counted_at).toMatch(/Z$/);
    const own = JSON.parse((await sandbox.run(['stats', '--json'])).stdout).storage;
    expect(Object.keys(storage)).toEqual(Object.keys(own));
    expect(storage).toMatchObject({ days: 2, users: 1, first_date: '20240115', last_date: '20240116' });
    expect(JSON.parse(stdout).queue).toMatchObject({ claimed_readings: 0, dead_letters: 0 });
    const people = await sandbox.run(['stats', '--url', url], { env });
    expect(people.stdout).toMatch(/^days +2, 2024-01-15 to 2024-01-16\n[\s\S]*\ncounted +20.*Z\nreadings queued /);
    expect((await sandbox.run(['stats', '--url', url, '--user', 'ana'], { env })).code).toBe(2);
    expect((await sandbox.run(['stats', '--url', url])).stderr).toContain('set HRM_API_KEY');
  });

  it('lists the users of a server, as hrm users does those here, and only to whoever may see them', async () => {
    const env = { HRM_API_KEY: key };
    const input = `user_id,device_id,timestamp,heart_rate
ana,watch,2024-01-15T10:00:00Z,61
bo b,strap,2024-01-16T10:00:00Z,72
"cleo, é",watch,2024-01-16T11:00:00Z,83
`;
    await sandbox.run(['import', '-', '--format', 'csv', '--url', url], { env, input });
    const here = async () => JSON.parse((await sandbox.run(['users', '--json'])).stdout).count;
    await expect.poll(here).toBe(3);
    const ids = ['ana', 'bo b', 'cleo, é'];
    for (const [args, found] of [
      [[], ids],
      [['--search', 'B'], ids.slice(1, 2)],
      [['--since', '2024-01-16'], ids.slice(1)],
      [['--since', '2024-01-17'], []],
    ] as const) {
      const there = await sandbox.run(['users', ...args, '--json', '--url', url], { env });
      expect({ code: there.code, stderr: there.stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(there.stdout).users.map(({ user_id }: { user_id: string }) => user_id)).toEqual(found);
      expect(there).toEqual(await sandbox.run(['users', ...args, '--json']));
      expect(await sandbox.run(['users', ...args, '--url', url], { env })).toEqual(
        await sandbox.run(['users', ...args]),
      );
    }
    expect(await sandbox.run(['users', '--url', url])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('set HRM_API_KEY'),
    });
  });

  it('says what a server refuses, and exits by its kind', async () => {
    const question = ['query', '--user', 'ana', ...RANGE, '--url'];
    const keyless = await sandbox.run([...question, url]);
    expect(keyless).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('set HRM_API_KEY') });
    const wrong = await sandbox.run([...question, url], { env: { HRM_API_KEY: `${key.slice(0, -2)}xx` } });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no such API key') });
    expect(wrong.stderr).not.toContain(key.slice(20, -2));
    const env = { HRM_API_KEY: key };
    const ranged = ['export', '--user', 'ana', ...RANGE, '--url'];
    const foreign = await sandbox.run([...ranged, url], { env: { HRM_API_KEY: `${key.slice(0, -2)}xx` } });
    expect(foreign).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('there is no such API key') });
    const remote = await sandbox.run([...ranged, url, '--format', 'tcx'], { env });
    expect(remote).toEqual(await sandbox.run(['export', '--user', 'ana', ...RANGE, '--format', 'tcx']));
    expect(remote.stdout).toContain('</TrainingCenterDatabase>');
    const malformed = await sandbox.run(['query', '--user', 'ana', '--start', 'x', '--end', 'y', '--url', url], {
      env,
    });
    expect(malformed).toMatchObject({ code: 2, stderr: expect.stringContaining('start') });
    const bad = join(sandbox.directory, 'bad.csv');
    await writeFile(bad, 'user_id,device_id,timestamp,heart_rate\nana,watch,2024-01-15T00:00:00Z,7\n');
    const refused = await sandbox.run(['import', bad, '--url', url], { env });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/bad\.csv:2: heart_rate must be/) });
    expect((await sandbox.run([...question, 'ftp://x'])).code).toBe(2);
    const form = ['--url', 'http://user:secret@127.0.0.1'];
    expect((await sandbox.run(['query', '--user', 'ana', ...RANGE, ...form])).stderr).not.toContain('secret');
  });
});
