/** `hrm export --all`: one ZIP file of everything about a person, read by a program that has no line of ours. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { READING_FORMS } from 'hrm-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as yauzl from 'yauzl';
import { alertUserKey } from '../../hrm-core/src/pure/alerts/message.js';
import { makeSandbox, ndjson, type Sandbox } from './hrm.js';

const TELL_MEMORY = new URL('./tell-memory.mjs', import.meta.url).href;

let sandbox: Sandbox;
let env: Record<string, string>;
beforeEach(async () => {
  sandbox = await makeSandbox();
  env = {};
});
afterEach(() => sandbox.remove());

const hrm = (...args: string[]) => sandbox.run(args, { env });
const inSandbox = (name: string) => join(sandbox.directory, name);

async function store(text: string): Promise<void> {
  expect(await sandbox.run(['import', '-'], { input: text, env })).toMatchObject({ code: 0, stderr: '' });
  expect((await hrm('drain', '--all')).code).toBe(0);
}

/** The files of an archive, by their names. */
async function unzip(path: string): Promise<Map<string, Buffer>> {
  const zip = await new Promise<yauzl.ZipFile>((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: true }, (error, opened) =>
      error === null ? resolve(opened) : reject(error),
    );
  });
  const files = new Map<string, Buffer>();
  await new Promise<void>((resolve, reject) => {
    zip.on('error', reject).on('end', resolve);
    zip.on('entry', (entry: yauzl.Entry) => {
      zip.openReadStream(entry, async (error, stream) => {
        if (error !== null) return reject(error);
        const pieces: Buffer[] = [];
        for await (const piece of stream) pieces.push(piece as Buffer);
        files.set(entry.fileName, Buffer.concat(pieces));
        zip.readEntry();
      });
    });
    zip.readEntry();
  });
  return files;
}

async function archiveOf(user: string, ...more: string[]): Promise<Map<string, Buffer>> {
  const { code, stderr } = await hrm('export', '--user', user, '--all', '--output', 'all.zip', ...more);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return await unzip(inSandbox('all.zip'));
}

const jsonOf = (files: Map<string, Buffer>, name: string) => JSON.parse(String(files.get(name)));
const linesOf = (files: Map<string, Buffer>, name: string) =>
  String(files.get(name))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Two years, two devices, and somebody else on the same dates. */
const TWO_YEARS =
  ndjson(200) +
  ndjson(100, { device_id: 'ring, "b"' }) +
  ndjson(1, { timestamp: '2022-12-31T23:59:59.999Z' }) +
  ndjson(1, { timestamp: '2023-01-01T00:00:00Z' }) +
  ndjson(50, { user_id: 'zoe-b', heart_rate: 99 });

describe('an archive of a person', () => {
  it.each(READING_FORMS.map(({ name, extension }) => [name, extension] as const))(
    'has the readings as %s, a file a year, as hrm export has them',
    async (format, extension) => {
      await store(TWO_YEARS);
      const files = await archiveOf('ana', '--format', format);
      const years = [...files.keys()].filter((name) => name.startsWith('readings/'));
      expect(years).toEqual([2022, 2023, 2024].map((year) => `readings/${year}.${extension}`));
      for (const [i, name] of years.entries()) {
        const range = ['--start', `${2022 + i}-01-01T00:00:00Z`, '--end', `${2023 + i}-01-01T00:00:00Z`];
        const file = inSandbox(`alone.${extension}`);
        await hrm('export', '--user', 'ana', ...range, '--format', format, '--output', file);
        const sha256 = (bytes: Uint8Array | undefined) =>
          createHash('sha256')
            .update(bytes ?? '')
            .digest('hex');
        expect(sha256(files.get(name))).toBe(sha256(await readFile(file)));
      }
      expect(String(files.get('README.txt'))).toContain('302 readings of heart rate');
    },
  );

  it('is Parquet by default, which another program reads: each reading once, and nobody else’s', async () => {
    await store(TWO_YEARS);
    const files = await archiveOf('ana');
    await mkdir(inSandbox('readings'));
    for (const [name, bytes] of files) if (name.endsWith('.parquet')) await writeFile(inSandbox(name), bytes);
    const connection = await (await DuckDBInstance.create()).connect();
    const sql = `SELECT count(*)::INT AS n, count(DISTINCT user_id)::INT AS users, count(DISTINCT (device_id, timestamp_ms))::INT AS found,
      sum(heart_rate)::INT AS sum FROM '${inSandbox('readings')}/*.parquet'`;
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJS();
    connection.closeSync();
    const own = TWO_YEARS.split('\n')
      .filter((line) => line.includes('"ana"'))
      .map((line) => JSON.parse(line).heart_rate as number);
    expect(rows).toEqual([{ n: 302, users: 1, found: 302, sum: own.reduce((sum, rate) => sum + rate, 0) }]);
  });

  it('has devices, settings, alerts and erasures, as their commands tell them, and explains each file', async () => {
    await store(TWO_YEARS);
    await hrm('user-settings', '--user', 'ana', '--set', '{"birth_year":1986}');
    const erased = await hrm('erase', '--user', 'ana', '--device', 'watch', '--to', '2023-01-01T00:00:00Z', '--json');
    await hrm('erase', '--user', 'zoe-b', '--from', '2024-01-15T00:00:30Z');
    const place = join(sandbox.dataDir, '.alerts/users', alertUserKey('ana'));
    await mkdir(place, { recursive: true });
    const data = {
      id: 'a'.repeat(32),
      number: 1,
      rule: 'fast',
      user_id: 'ana',
      kind: 'above',
      start: '2024-01-15T00:00:00Z',
    };
    const message = {
      type: 'alert.opened',
      timestamp: '2024-01-15T00:05:00Z',
      data: { ...data, end: null, bpm: 120, baseline_bpm: null },
    };
    await writeFile(join(place, 'fast.000000001.opened.json'), JSON.stringify(message));
    const files = await archiveOf('ana');
    expect([...files.keys()]).toEqual([
      ...[2023, 2024].map((year) => `readings/${year}.parquet`),
      ...['devices.json', 'settings.json', 'alerts.json', 'erasures.json', 'README.txt'],
    ]);
    expect(jsonOf(files, 'settings.json')).toEqual({ user_id: 'ana', settings: { birth_year: 1986 } });
    expect(jsonOf(files, 'devices.json').devices).toEqual([
      {
        device_id: 'ring, "b"',
        first: { timestamp: '2024-01-15T00:00:00Z', heart_rate: 60 },
        last: { timestamp: '2024-01-15T00:01:39Z', heart_rate: 99 },
      },
      {
        device_id: 'watch',
        first: { timestamp: '2023-01-01T00:00:00Z', heart_rate: 60 },
        last: { timestamp: '2024-01-15T00:03:19Z', heart_rate: 79 },
      },
    ]);
    const listed = JSON.parse((await hrm('alerts', 'list', '--user', 'ana', '--json')).stdout);
    expect(listed.count).toBe(1);
    expect(jsonOf(files, 'alerts.json')).toEqual(listed);
    const [own] = JSON.parse(erased.stdout).erasures;
    expect(jsonOf(files, 'erasures.json')).toEqual({
      erasures: [
        {
          ...own,
          of: 'one device',
          start: null,
          end: '2023-01-01T00:00:00Z',
          accepted_until: own.report.accepted_until,
        },
      ],
      count: 1,
    });
    const readme = String(files.get('README.txt'));
    for (const name of files.keys()) expect(readme).toContain(name === 'README.txt' ? '' : name);
    expect(readme).toContain('no audit log was named');
  });

  it('has what the audit log says about the person, and no word about others', async () => {
    env.HRM_AUDIT_LOG = inSandbox('audit.log');
    await store(TWO_YEARS);
    await hrm('query', '--user', 'ana', '--date', '2024-01-15');
    await hrm('query', '--user', 'zoe-b', '--date', '2024-01-15');
    await hrm('users');
    const writer = { v: 1, time: '2026-01-01T00:00:00.000Z', writer: '0'.repeat(16) };
    const event = { key: 'aaaabbbbcccc', account: null, from: '192.0.2.7', request: 'r', status: 202 };
    for (const [seq, more] of [
      {
        action: 'ingest',
        call: 'ingest',
        outcome: 'done',
        users: ['ana', 'zoe-b'],
        devices: ['w', 'zoe-b-watch'],
        readings: 9,
      },
      { action: 'ingest', call: 'ingest', outcome: 'done', users: ['ana'], devices: ['w'], readings: 3 },
      { action: 'read', call: 'query', outcome: 'refused', users: null },
      { action: 'keys', call: 'hrm keys create', outcome: 'done', users: null },
      { action: 'read', call: 'query', outcome: 'refused', users: ['ana'] },
    ].entries())
      await appendFile(env.HRM_AUDIT_LOG, `${JSON.stringify({ ...writer, seq, ...event, ...more })}\n`);
    const files = await archiveOf('ana');
    const entries = linesOf(files, 'audit.ndjson');
    const told = entries.map(({ call, users, other_users, devices, readings }) => [
      ...[call, users, other_users, devices, readings],
    ]);
    expect(told).toEqual([
      ['hrm import', null, undefined, undefined, undefined],
      ['hrm query', ['ana'], undefined, undefined, undefined],
      ['hrm users', null, undefined, undefined, undefined],
      ['ingest', ['ana'], 1, undefined, undefined],
      ['ingest', ['ana'], undefined, ['w'], 3],
      ['query', ['ana'], undefined, undefined, undefined],
    ]);
    expect(entries[4]).toMatchObject({ key: 'aaaabbbbcccc', from: '192.0.2.7', outcome: 'done', status: 202 });
    for (const [name, bytes] of files) expect([name, bytes.includes('zoe')]).toEqual([name, false]);
    const { items } = JSON.parse((await hrm('audit', 'list', '--user', 'ana', '--json')).stdout);
    expect(items.at(-1)).toMatchObject({ action: 'export', call: 'hrm export', outcome: 'done', users: ['ana'] });
  });

  it('is counted: in words, and as JSON', async () => {
    await store(TWO_YEARS);
    const args = ['export', '--user', 'ana', '--all', '--output', 'a.zip'];
    expect((await hrm(...args)).stdout).toBe('302 readings, 2 devices, 0 alerts, 0 erasures, no audit log\n');
    expect(JSON.parse((await hrm(...args, '--json')).stdout)).toMatchObject({
      user_id: 'ana',
      format: 'parquet',
      readings: 302,
      devices: 2,
      audit_entries: null,
      damaged_files: 0,
      files: expect.arrayContaining(['readings/2024.parquet', 'erasures.json']),
    });
  });

  it('says how many damaged files it was made without', async () => {
    await store(TWO_YEARS);
    const directory = join(sandbox.dataDir, '20221231/ana');
    for (const name of await readdir(directory)) await writeFile(join(directory, name), 'x'.repeat(200));
    const { code, stderr } = await hrm('export', '--user', 'ana', '--all', '--output', 'all.zip');
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('warning') });
    expect(String((await unzip(inSandbox('all.zip'))).get('README.txt'))).toContain('Readings of 1 damaged file');
  });
});

describe('an archive that cannot be made', () => {
  it('of somebody unknown is none, also when it is asked for again, and of somebody erased is one', async () => {
    env.HRM_AUDIT_LOG = inSandbox('audit.log');
    await store(TWO_YEARS);
    for (let again = 0; again < 2; again += 1) {
      const { code, stderr } = await hrm('export', '--user', 'anna', '--all', '--output', 'anna.zip', '--json');
      expect([code, JSON.parse(stderr).error]).toMatchObject([2, { code: 'unknown_user' }]);
    }
    expect((await readdir(sandbox.directory)).filter((name) => name.includes('anna'))).toEqual([]);
    await hrm('erase', '--user', 'ana');
    const files = await archiveOf('ana');
    expect([...files.keys()].filter((name) => name.startsWith('readings/'))).toEqual([]);
    expect(jsonOf(files, 'erasures.json').erasures).toMatchObject([{ of: 'all devices', state: 'finished' }]);
    expect(String(files.get('README.txt'))).toContain('None are stored.');
  });

  it.each([
    [['--all', '--start', '2024-01-01T00:00:00Z'], 'leave out --start'],
    [['--all', '--device', 'watch'], 'leave out --device'],
    [['--all', '--url', 'http://127.0.0.1:1'], 'leave out --url'],
  ])('with %j is no archive', async (args, said) => {
    const { code, stderr } = await hrm('export', '--user', 'ana', ...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(said) });
  });

  it('leaves the older one as it was, and nothing beside it, where the disk is full or the target is no place', async () => {
    await store(TWO_YEARS);
    await archiveOf('ana');
    const before = await readFile(inSandbox('all.zip'));
    const full = await sandbox.runInShell('>/dev/full', ['export', '--user', 'ana', '--all']);
    expect(full).toMatchObject({ code: 3, stderr: expect.stringContaining('its disk is full') });
    for (const [output, code, said] of [
      ['/dev/full', 3, 'cannot be written (ENOSPC)'],
      ['data', 2, 'is a directory'],
      ['nowhere/all.zip', 2, 'cannot be written (ENOENT)'],
    ] as const) {
      const { stderr, ...ended } = await hrm('export', '--user', 'ana', '--all', '--output', output);
      expect([ended.code, stderr]).toEqual([code, expect.stringContaining(said)]);
    }
    expect((await readFile(inSandbox('all.zip'))).equals(before)).toBe(true);
    expect((await readdir(sandbox.directory)).sort()).toEqual(['all.zip', 'data', 'queue']);
  });

  it('is not printed to a terminal, and piped is the same', async () => {
    await store(TWO_YEARS);
    expect(await sandbox.runInShell('| head -c 4 | od -An -c', ['export', '--user', 'ana', '--all'])).toMatchObject({
      stdout: expect.stringMatching(/P +K/),
    });
  });
});

describe('an archive of a million readings', () => {
  const COUNT = 1_000_000;
  const series = Array.from({ length: COUNT / 100_000 }, (_, i) => ({
    user_id: 'ana',
    device_id: 'watch',
    start: new Date(Date.UTC(2023, 11, 28) + i * 100_000_000).toISOString(),
    interval_ms: 1_000,
    heart_rates: Array.from({ length: 100_000 }, (_, at) => 60 + ((at * 7) % 90)),
  }));

  it('takes bounded memory, and killed in the middle leaves nothing under its name', async () => {
    await store(series.map((one) => `${JSON.stringify(one)}\n`).join(''));
    const args = ['export', '--user', 'ana', '--all', '--format', 'ndjson', '--output', 'all.zip'];
    const measured = await sandbox.runProcess(args, { env: { NODE_OPTIONS: `--import=${TELL_MEMORY}` } });
    expect(measured).toMatchObject({ code: 0, stdout: expect.stringContaining('1,000,000 readings') });
    const files = await unzip(inSandbox('all.zip'));
    const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    const lines = ['readings/2023.ndjson', 'readings/2024.ndjson'].map((name) => String(files.get(name)).split('\n'));
    expect(lines.flat().filter((line) => line !== '')).toHaveLength(COUNT);
    // Of what it writes it holds a small piece; the rest is Node.js.
    expect(Number(measured.stderr)).toBeLessThan(MOST_BYTES);
    expect(bytes).toBeGreaterThan(80_000_000);

    const { child, finished } = sandbox.start([...args.slice(0, -1), 'killed.zip']);
    const partial = async () => (await readdir(sandbox.directory)).find((name) => name.startsWith('killed.zip.'));
    const written = async () => {
      const name = await partial();
      return name === undefined ? 0 : (await stat(inSandbox(name))).size;
    };
    await expect.poll(written, { interval: 5 }).toBeGreaterThan(100_000);
    child.kill('SIGKILL');
    expect((await finished).code).toBeNull();
    expect(existsSync(inSandbox('killed.zip'))).toBe(false);
    expect(await partial()).toMatch(/^killed\.zip\.[0-9a-f]{12}\.partial$/);
    expect((await hrm(...args.slice(0, -1), 'killed.zip')).code).toBe(0);
    expect(
      (await unzip(inSandbox('killed.zip')))
        .get('readings/2024.ndjson')
        ?.equals(files.get('readings/2024.ndjson') ?? Buffer.alloc(0)),
    ).toBe(true);
  });
});

/** Resident, of the process. The same with a thousand readings takes about 110 MB. */
const MOST_BYTES = 260_000_000;
