import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

const TRICKY = 'ana\u202e\u2066 "x", y\\';

/** A reading a minute for 30 days, in an answer of megabytes. */
function longHistory(): string {
  return Array.from({ length: 30 * 1_440 }, (_, i) => {
    const timestamp = new Date(Date.UTC(2023, 0, 1) + i * 60_000).toISOString();
    return `${JSON.stringify({ user_id: 'long', device_id: 'watch', timestamp, heart_rate: 60 })}\n`;
  }).join('');
}

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await makeSandbox();
  const input =
    ndjson(3) +
    ndjson(1, { timestamp: '2024-01-15T00:01:00Z', heart_rate: 72, device_id: 'ring' }) +
    ndjson(1, { timestamp: '2024-01-15T00:01:00Z', heart_rate: 90, device_id: 'watch' }) +
    ndjson(1, { timestamp: '2024-01-16T12:00:00.5Z', heart_rate: 220, device_id: TRICKY }) +
    ndjson(1, { user_id: 'two', timestamp: '2024-01-15T00:00:01Z', heart_rate: 90, device_id: 'watch' }) +
    ndjson(1, { user_id: 'two', timestamp: '2024-01-15T00:00:02Z', heart_rate: 70, device_id: 'ring' }) +
    longHistory();
  expect(await sandbox.run(['import', '-'], { input })).toMatchObject({ code: 0, stderr: '' });
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
});
afterAll(() => sandbox.remove());

describe('hrm query', () => {
  it('prints an aligned table, device ids so that no terminal is deceived', async () => {
    const { code, stdout, stderr } = await sandbox.run(queryArgs('ana'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      [
        'timestamp (UTC)          bpm  min  max   count  devices',
        '2024-01-15T00:00:00Z   61.00   60   62       3  watch',
        '2024-01-15T00:01:00Z   72.00   72   72       1  ring',
        '2024-01-16T12:00:00Z  220.00  220  220       1  "ana\\u{202e}\\u{2066} \\"x\\", y\\\\"',
        '',
      ].join('\n'),
    );
  });

  it('names a data directory that does not exist, and answers as one would that is empty', async () => {
    const env = { HRM_DATA_DIR: 'dta' };
    const { code, stdout, stderr } = await sandbox.run(queryArgs('ana', '--format=csv'), { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^timestamp,.*\r?\n$/);
    expect(stderr).toBe(`hrm: there is no data directory ${join(sandbox.directory, 'dta')}: is HRM_DATA_DIR right?\n`);
    expect((await sandbox.run(queryArgs('x'.repeat(129)))).stderr).toContain('hrm query: --user must be');
  });

  it('prints JSON in the form of the GET', async () => {
    const { code, stdout, stderr } = await sandbox.run(queryArgs('ana', '--json'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      '{"user_id":"ana","data":[' +
        '{"timestamp":"2024-01-15T00:00:00Z","heart_rate":61,"min":60,"max":62,"count":3,"device_ids":["watch"]},' +
        '{"timestamp":"2024-01-15T00:01:00Z","heart_rate":72,"min":72,"max":72,"count":1,"device_ids":["ring"]},' +
        `{"timestamp":"2024-01-16T12:00:00Z","heart_rate":220,"min":220,"max":220,"count":1,"device_ids":[${JSON.stringify(TRICKY)}]}` +
        '],"count":3}',
    );
  });

  it('takes the priority from flag, variable and file', async () => {
    const args = queryArgs('ana', '--json');
    const rate = (json: string) => JSON.parse(json).data[1].heart_rate;
    expect(rate((await sandbox.run([...args, '--device-priority', '{"watch":1}'])).stdout)).toBe(90);
    expect(rate((await sandbox.run(args, { env: { HRM_DEVICE_PRIORITY: '{"watch":1}' } })).stdout)).toBe(90);
    const config = join(sandbox.directory, 'priority.json');
    await writeFile(config, '{"devicePriority":{"watch":1}}');
    expect(rate((await sandbox.run([...args, '--config', config])).stdout)).toBe(90);
    expect(rate((await sandbox.run(args)).stdout)).toBe(72);
  });

  it('knows a device, intervals, and a user of whom nothing is stored', async () => {
    const device = await sandbox.run(queryArgs('ana', '--device', 'watch', '--interval', '1h', '--json'));
    expect(JSON.parse(device.stdout).data).toEqual([
      { timestamp: '2024-01-15T00:00:00Z', heart_rate: 68.25, min: 60, max: 90, count: 4, device_ids: ['watch'] },
    ]);
    expect((await sandbox.run(queryArgs('nobody', '--json'))).stdout).toBe('{"user_id":"nobody","data":[],"count":0}');
    expect((await sandbox.run(queryArgs('-rf', '--json'))).stdout).toBe('{"user_id":"-rf","data":[],"count":0}');
  });

  it('has each minute of one device with --resolve device', async () => {
    const args = queryArgs('two', '--device-priority={"ring":1}', '--json');
    const rows = async (...more: string[]) => JSON.parse((await sandbox.run([...args, ...more])).stdout);
    expect(await rows()).toMatchObject({ data: [{ count: 2, device_ids: ['ring', 'watch'] }] });
    expect(await rows('--resolve=device')).toMatchObject({ data: [{ count: 1, device_ids: ['ring'] }] });
    expect(await rows('--resolve=device', '--daily')).toMatchObject({ days: [{ count: 1, device_ids: ['ring'] }] });
    expect((await sandbox.run([...args, '--resolve=minute'])).code).toBe(2);
  });

  it('shows the days of a time zone, in its time', async () => {
    const zone = ['--time-zone', 'America/Argentina/Buenos_Aires'];
    const table = await sandbox.run(['query', '--user=ana', '--date', '2024-01-14', ...zone, '--interval=1h']);
    expect(table.stdout).toBe(
      [
        'timestamp (America/Argentina/Buenos_Aires)     bpm  min  max   count  devices',
        '2024-01-14T21:00:00-03:00                    63.75   60   72       4  ring, watch',
        '',
      ].join('\n'),
    );
    const days = await sandbox.run(queryArgs('ana', ...zone, '--interval=1d', '--fields=end,count', '--json'));
    expect(JSON.parse(days.stdout).data).toEqual([
      { timestamp: '2024-01-14T00:00:00-03:00', end: '2024-01-15T00:00:00-03:00', count: 4 },
      { timestamp: '2024-01-16T00:00:00-03:00', end: '2024-01-17T00:00:00-03:00', count: 1 },
    ]);
    const chart = await sandbox.run(queryArgs('ana', ...zone, '--chart'));
    expect(chart.stdout.replace('\n', ' ')).toContain('bpm, 2024-01-14 21:00 to');
    const since = ['query', '--user=ana', '--since', '2024-01-16', '--interval=1mo', '--json'];
    expect(JSON.parse((await sandbox.run(since)).stdout).data).toMatchObject([
      { timestamp: '2024-01-01T00:00:00Z', count: 1 },
    ]);
    expect(JSON.parse((await sandbox.run(['query', '--user=ana', '--last=24h', '--json'])).stdout).count).toBe(0);
    const exported = await sandbox.run(['export', '--user=ana', '--date=2024-01-14', ...zone]);
    expect(exported.stdout.match(/\n/g)).toHaveLength(5);
  });

  it.each([
    [['--date=2024-01-15', '--time-zone=Mars/Olympus'], '--time-zone must be a time zone like Europe/Madrid'],
    [['--date=2024-02-30'], '--date must be a day like'],
    [['--last=24x'], '--last must be how long before now'],
    [['--last=1h', '--date=today'], '--date cannot go together with last'],
    [['--end=2024-01-15T00:00:00Z'], '--start is missing'],
    [['--date=today', '--time-zone=UTC', '--format=fhir'], '--time-zone must be left out for fhir'],
    [['--date=today', '--interval=1w', '--format=omh'], '--interval must be at most 1d for omh'],
    [['--date=today', '--fields=end', '--format=csv'], '--fields has an end only where'],
  ])('refuses %j', async (range, message) => {
    const { code, stderr } = await sandbox.run(['query', '--user', 'ana', ...range]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`hrm query: ${message}`) });
  });

  it('tells days in figures', async () => {
    const asked = ['query', '--user=ana', '--date=2024-01-15', '--daily', '--max-heart-rate=120'];
    const { code, stdout, stderr } = await sandbox.run(asked);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const cells = stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(cells[0]?.slice(0, 5)).toEqual(['day (UTC)', 'resting', '7 d', '28 d', 'min']);
    expect(cells[1]).toEqual(
      '2024-01-15 - - - 60 63.75 72 2 1438 0 1 1 0 0 0 sparse ring,watch'
        .split(' ')
        .map((cell) => cell.replace(',', ', ')),
    );
    const json = await sandbox.run([...asked, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      user_id: 'ana',
      time_zone: 'UTC',
      days: [{ minutes: 2 }],
      count: 1,
    });
    expect((await sandbox.run([...asked, '--interval=1h'])).stderr).toContain('leave out --interval');
    expect((await sandbox.run([...asked, '--birth-year=12'])).stderr).toContain('--birth-year must be a whole number');
  });

  it('takes naive timestamps as UTC only when told to', async () => {
    const args = ['query', '--user', 'ana', '--start', '2024-01-15T00:00:00', '--end', '2024-01-15T00:01:00', '--json'];
    const refused = await sandbox.run(args);
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stderr).error.errors.map(({ path }: { path: string }) => path)).toEqual([
      '/start',
      '/end',
    ]);
    expect(JSON.parse((await sandbox.run([...args, '--naive-timestamps', 'utc'])).stdout).count).toBe(1);
  });

  it.each([
    [['--start', '2024-01-15T10:00:00 01:00', '--end', '2024-01-16T00:00:00Z'], '--start has a space'],
    [['--start', '2024-01-16T00:00:00Z', '--end', '2024-01-15T00:00:00Z'], '--start must not be after end'],
    [['--start', '1970-01-01T00:00:00Z', '--end', '2970-01-01T00:00:00Z'], '--end must be at most 3660 days'],
  ])('refuses %j', async (range, message) => {
    const { code, stdout, stderr } = await sandbox.run(['query', '--user', 'ana', ...range]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`hrm query: ${message}`);
  });

  it('refuses ids that cannot be, by the name of the flag', async () => {
    const { code, stderr } = await sandbox.run(queryArgs('x'.repeat(129), '--device', 'a\u0007'));
    expect(code).toBe(2);
    expect(stderr).toContain('--user must be a string of 1 to 128 characters');
    expect(stderr).toContain('--device must not have control characters');
  });

  it.each(['--json', '--interval=1m'])('ends quietly with 0 when its reader leaves (%s)', async (flag) => {
    const args = ['query', '--user=long', '--start', '2023-01-01T00:00:00Z', '--end', '2024-01-01T00:00:00Z', flag];
    const whole = await sandbox.run(args);
    const { child, finished } = sandbox.start(args);
    const stdout = child.stdout;
    stdout?.once('data', () => stdout.destroy());
    const { code, stdout: seen, stderr } = await finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Far more than a pipe holds was never taken, so the writer must have met the closed pipe.
    expect(whole.stdout.length - seen.length).toBeGreaterThan(1_000_000);
  });
});
