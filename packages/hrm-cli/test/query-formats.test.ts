import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { READING_FORMS } from 'hrm-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HRM_BIN, hrmEnvironment, makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await makeSandbox();
  const input = ndjson(90) + ndjson(30, { device_id: 'ring, "b"' }) + ndjson(5, { user_id: 'bo', heart_rate: 99 });
  expect(await sandbox.run(['import', '-'], { input })).toMatchObject({ code: 0, stderr: '' });
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
});
afterAll(() => sandbox.remove());

const exportArgs = (user: string, ...more: string[]) => ['export', ...queryArgs(user, ...more).slice(1)];

const inSandbox = (name: string) => join(sandbox.directory, name);

/** The bytes that a call prints. */
async function bytesOf(args: readonly string[]): Promise<Buffer> {
  const child = spawn(process.execPath, [HRM_BIN, ...args], { env: hrmEnvironment(sandbox.directory) });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  expect(await once(child, 'close')).toEqual([0, null]);
  return Buffer.concat(pieces);
}

async function ask(sql: string) {
  const connection = await (await DuckDBInstance.create()).connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJS();
  } finally {
    connection.closeSync();
  }
}

describe('hrm query --format', () => {
  it('csv is the rows in CSV, ndjson a row a line, json the same as --json', async () => {
    const csv = await sandbox.run(queryArgs('ana', '--format', 'csv'));
    expect(csv.stdout).toBe(
      'timestamp,heart_rate,min,max,count,device_ids\r\n' +
        '2024-01-15T00:00:00Z,89.5,60,119,60,"[""ring, \\""b\\"""",""watch""]"\r\n' +
        '2024-01-15T00:01:00Z,74.5,60,89,30,"[""watch""]"\r\n',
    );
    const lines = (await sandbox.run(queryArgs('ana', '--format', 'ndjson'))).stdout.split('\n');
    expect(lines).toHaveLength(3);
    const json = await sandbox.run(queryArgs('ana', '--format', 'json'));
    expect(json).toEqual(await sandbox.run(queryArgs('ana', '--json')));
    expect(lines.slice(0, 2).map((line) => JSON.parse(line))).toEqual(JSON.parse(json.stdout).data);
    expect((await sandbox.run(queryArgs('ana', '--format', 'table'))).stdout).toMatch(/^timestamp \(UTC\) +bpm /);
  });

  it.each([
    ['a.csv', 'csv'],
    ['a.json', 'json'],
    ['a.ndjson', 'ndjson'],
    ['A.JSONL', 'ndjson'],
    ['a.txt', 'table'],
    ['constructor', 'table'],
  ])('is what the extension of %s says: %s', async (name, format) => {
    const file = inSandbox(name);
    expect((await sandbox.run(queryArgs('ana', '--output', file))).code).toBe(0);
    const { stdout } = await sandbox.run(queryArgs('ana', '--format', format));
    expect(await readFile(file, 'utf8')).toBe(stdout);
  });

  it('has the columns that --fields chooses', async () => {
    const { stdout } = await sandbox.run(queryArgs('ana', '--format', 'csv', '--fields', 'count,heart_rate'));
    expect(stdout).toMatch(/^timestamp,heart_rate,count\r\n2/);
    for (const [more, said] of [
      [['--format', 'table', '--fields', 'count'], '--fields chooses columns of json, csv and ndjson'],
      [['--json', '--fields', 'bpm'], '--fields must be names of columns'],
    ] as const) {
      const { code, stderr } = await sandbox.run(queryArgs('ana', ...more));
      expect(code).toBe(2);
      expect(stderr).toContain(said);
    }
  });

  it('has the last word over the extension', async () => {
    await sandbox.run(queryArgs('ana', '--output', inSandbox('b.csv'), '--format', 'json'));
    expect(JSON.parse(await readFile(inSandbox('b.csv'), 'utf8'))).toMatchObject({ user_id: 'ana', count: 2 });
  });

  it.each([
    [['--format', 'csv', '--json'], 'leave out one of --json and --format csv'],
    [['--format', 'xml'], '--format is "xml": it must be one of table, json, ndjson, csv, fhir, fhir-ndjson, omh'],
    [['--format', 'csv', '--start', 'x'], '--start is given 2 times'],
    [['--format', 'fhir', '--fields', 'count'], '--fields chooses columns of json, csv and ndjson'],
  ])('%j ends with 2 and says why', async (more, message) => {
    const { code, stdout, stderr } = await sandbox.run(queryArgs('ana', ...more));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('fhir is an Observation a row', async () => {
    const { stdout } = await sandbox.run(queryArgs('ana', '--format', 'fhir'));
    const rows = JSON.parse(stdout).entry.map(({ resource }: Record<string, Record<string, unknown>>) => [
      resource?.effectivePeriod,
      resource?.valueQuantity,
    ]);
    const unit = { unit: 'beats/minute', system: 'http://unitsofmeasure.org', code: '/min' };
    expect(rows).toEqual([
      [
        { start: '2024-01-15T00:00:00Z', end: '2024-01-15T00:00:59.999Z' },
        { value: 89.5, ...unit },
      ],
      [
        { start: '2024-01-15T00:01:00Z', end: '2024-01-15T00:01:59.999Z' },
        { value: 74.5, ...unit },
      ],
    ]);
  });
});

describe('hrm export', () => {
  it.each(READING_FORMS)('--format $name comes in again, where that takes it', async ({ name, extension }) => {
    const file = inSandbox(`export.${extension}`);
    expect(await sandbox.run(exportArgs('ana', '--output', file))).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await bytesOf(exportArgs('ana', '--format', name))).toEqual(await readFile(file));
    if (name === 'parquet' || name === 'json') return;
    const { code, stdout, stderr } = await sandbox.run(['import', file, '--user', 'ana', '--dry-run', '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ dry_run: true, files: [{ readings: 120 }] });
  });

  it('is NDJSON where nothing is said, and JSON with --json', async () => {
    const lines = (await sandbox.run(exportArgs('bo'))).stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    const { stdout } = await sandbox.run(exportArgs('bo', '--json'));
    expect(JSON.parse(stdout)).toEqual(lines.map((line) => JSON.parse(line)));
    const { code, stderr } = await sandbox.run(exportArgs('bo', '--format', 'xml'));
    expect(code).toBe(2);
    expect(stderr).toContain(
      '--format is "xml": it must be one of ndjson, json, csv, fhir, fhir-ndjson, omh, gpx, tcx',
    );
  });

  it('parquet is the stored readings of one user, and DuckDB reads it from file and pipe alike', async () => {
    const file = inSandbox('ana.parquet');
    expect(await sandbox.run(exportArgs('ana', '--format', 'parquet', '--output', file))).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    const described = await ask(
      `SELECT name, type, repetition_type FROM parquet_schema('${file}') WHERE type IS NOT NULL`,
    );
    expect(described).toEqual([
      ['timestamp_ms', 'INT64', 'REQUIRED'],
      ['heart_rate', 'INT32', 'REQUIRED'],
      ['device_id', 'BYTE_ARRAY', 'REQUIRED'],
      ['user_id', 'BYTE_ARRAY', 'REQUIRED'],
      ['received_minute', 'INT32', 'REQUIRED'],
    ]);
    const columns = 'timestamp_ms, heart_rate, device_id, user_id, received_minute';
    const rows = await ask(`SELECT ${columns} FROM read_parquet('${file}')`);
    expect(rows).toHaveLength(120);
    const stored = `read_parquet('${sandbox.dataDir}/*/*/*.parquet')`;
    expect(rows).toEqual(
      await ask(`SELECT ${columns} FROM ${stored} WHERE user_id = 'ana' ORDER BY device_id, timestamp_ms`),
    );
    expect(await bytesOf(exportArgs('ana', '--format', 'parquet'))).toEqual(await readFile(file));
    await sandbox.run(exportArgs('ana', '--device', 'watch', '--format=parquet', '--output', file));
    expect(await ask(`SELECT count(*), any_value(device_id) FROM '${file}'`)).toEqual([[90n, 'watch']]);
  });

  it('parquet of a user of whom nothing is stored is a file without rows', async () => {
    const file = inSandbox('nobody.parquet');
    expect((await sandbox.run(exportArgs('nobody', '--format', 'parquet', '--output', file))).code).toBe(0);
    expect(await ask(`SELECT count(*) FROM read_parquet('${file}')`)).toEqual([[0n]]);
  });

  it('parquet is not written to a terminal', async () => {
    const words = [process.execPath, HRM_BIN, ...exportArgs('ana', '--format', 'parquet')];
    const line = words.map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['-qec', line, '/dev/null'], {
      env: hrmEnvironment(sandbox.directory),
      stdio: 'pipe',
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(2);
    expect(text).toContain('--format parquet is not for a terminal');
    expect(text).not.toContain('PAR1');
  });
});

describe('hrm query --output', () => {
  it('writes what would be printed, for its owner alone, over what was there', async () => {
    const file = inSandbox('answer.csv');
    await writeFile(file, 'old', { mode: 0o644 });
    const done = await sandbox.run(queryArgs('ana', '--format', 'csv', '--output', file));
    expect(done).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await readFile(file, 'utf8')).toBe((await sandbox.run(queryArgs('ana', '--format', 'csv'))).stdout);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('leaves what was there, and nothing else, where the answer fails half way', async () => {
    const directory = inSandbox('out');
    await mkdir(directory);
    const file = join(directory, 'answer.json');
    await writeFile(file, 'old');
    const input = Array.from({ length: 300 }, (_, i) => {
      const timestamp = new Date(Date.UTC(2023, 0, 1) + i * 600_000).toISOString();
      return JSON.stringify({ user_id: 'long', device_id: 'watch', timestamp, heart_rate: 60 });
    });
    await sandbox.run(['import', '-'], { input: input.join('\n') });
    await sandbox.run(['drain', '--all']);
    const args = ['query', '--user=long', '--start=2023-01-01T00:00:00Z', '--end=2024-01-01T00:00:00Z', '--json'];
    expect((await sandbox.run(args)).stdout.length).toBeGreaterThan(20_000);
    // No file may grow over 16 KiB.
    const script = `ulimit -f 16; exec "${process.execPath}" "${HRM_BIN}" ${[...args, '--output', file].join(' ')}`;
    const child = spawn('bash', ['-c', script], { env: hrmEnvironment(sandbox.directory), stdio: 'pipe' });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      stderr += piece;
    });
    expect(await once(child, 'close')).toEqual([3, null]);
    expect(stderr).toContain('cannot be written (EFBIG)');
    expect(await readdir(directory)).toEqual(['answer.json']);
    expect(await readFile(file, 'utf8')).toBe('old');
  });

  it('refuses a place where nothing can be written, and takes - and /dev/stdout for standard output', async () => {
    const refused = await sandbox.run(queryArgs('ana', '--output', inSandbox('no/where.json')));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('cannot be written (ENOENT)');
    expect((await sandbox.run(queryArgs('ana', '--output', sandbox.directory))).stderr).toContain('is a directory');
    const printed = await sandbox.run(queryArgs('ana', '--format', 'csv'));
    expect(await sandbox.run(queryArgs('ana', '--format', 'csv', '--output', '-'))).toEqual(printed);
  });
});
