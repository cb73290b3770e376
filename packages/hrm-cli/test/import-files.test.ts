/** `hrm import` of files of devices and of directories. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeZip } from '../../hrm-core/test/support/zip-writer.js';
import { makeSandbox, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

function gpx(rates: readonly number[], zone = 'Z', creator = 'Watch'): string {
  const points = rates.map(
    (rate, i) => `<trkpt><time>2024-01-15T10:00:${10 + i}${zone}</time><hr>${rate}</hr></trkpt>`,
  );
  return `<gpx creator="${creator}">${points.join('')}</gpx>`;
}

async function put(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(sandbox.directory, name, '..'), { recursive: true });
    await writeFile(join(sandbox.directory, name), content);
  }
}

async function stored(user = 'ana') {
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
  return JSON.parse((await sandbox.run(queryArgs(user, '--json'))).stdout).data;
}

it('takes a directory, tells of each file, and of what is wrong with one', async () => {
  await put({
    'all/a.gpx': gpx([70, 72, 0, 300]),
    'all/b.GPX.gz': gzipSync(gpx([80], 'Z', 'Strap')),
    'all/cut.gpx': gpx([90, 91]).slice(0, -20),
    'all/notes.txt': 'nothing of a heart',
  });
  const { code, stdout, stderr } = await sandbox.run(['import', 'all', '--user', 'ana']);
  expect({ code, stderr }).toEqual({ code: 5, stderr: '' });
  expect(stdout).toMatch(/files +4\n/);
  expect(stdout).toMatch(/readings enqueued +4\n/);
  expect(stdout).toMatch(/files of no known format +1\n/);
  expect(stdout).toContain('Strap: 1 reading, 2024-01-15T10:00:10Z to 2024-01-15T10:00:10Z\n');
  expect(stdout).toContain('no_contact: 1\n  too_high: 1\n');
  expect(stdout).toMatch(/damaged:\n {2}all\/cut\.gpx: byte \d+: the file ends within its first element\n/);
  expect(await stored()).toMatchObject([{ count: 2, device_ids: ['Strap', 'Watch'] }]);
});

it('tells in a dry run what there is, and enqueues nothing', async () => {
  await put({
    'a.gpx': gpx([70, 72], ''),
    'rows.csv': 'user_id,device_id,timestamp,heart_rate\nana,w,2024-01-15T10:00:00Z,72\n',
  });
  const { code, stdout } = await sandbox.run([
    'import',
    'a.gpx',
    'rows.csv',
    '--user',
    'ana',
    '--dry-run',
    '--time-zone',
    'Europe/Madrid',
    '--json',
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    dry_run: true,
    enqueued: 0,
    files: [
      {
        file: 'a.gpx',
        format: 'gpx',
        readings: 2,
        devices: [{ device_id: 'Watch', count: 2, first: '2024-01-15T09:00:10Z', last: '2024-01-15T09:00:11Z' }],
        notes: [{ code: 'time_zone_used', count: 2 }],
      },
      { file: 'rows.csv', readings: 1, rejected: 0 },
    ],
  });
  expect(await stored()).toEqual([]);
});

it('imports the others where one cannot be, and ends with 2', async () => {
  await put({ 'a.gpx': gpx([70]), 'naive.gpx': gpx([71], ''), 'x.bin': Uint8Array.of(1, 2, 3) });
  const { code, stderr } = await sandbox.run(['import', 'a.gpx', 'naive.gpx', 'x.bin', 'gone.fit', '--user', 'ana']);
  expect(code).toBe(2);
  expect(stderr).toContain('naive.gpx: its times have no time zone, and none is assumed');
  expect(stderr).toContain('x.bin: no known format (3 bytes, binary, begins with 01 02 03)');
  expect(stderr).toContain('gone.fit: there is no such file');
  expect(stderr).toContain('3 files could not be imported; the others are');
  expect(await stored()).toMatchObject([{ count: 1 }]);
});

it('needs a user where the file has none, and takes one file from standard input', async () => {
  await put({ 'a.gpx': gpx([70]) });
  expect((await sandbox.run(['import', 'a.gpx'])).stderr).toContain('a.gpx: it does not say whose readings it has');
  const piped = await sandbox.run(['import', '-', '--user', 'ana', '--json'], { input: gpx([70, 71]) });
  expect([piped.code, JSON.parse(piped.stdout).enqueued]).toEqual([0, 2]);
});

it('passes over what the same import was done with', async () => {
  await put({ 'all/a.gpx': gpx([70]) });
  const run = async () =>
    JSON.parse((await sandbox.run(['import', 'all', '--user', 'ana', '--resume', '--json'])).stdout);
  expect((await run()).files).toMatchObject([{ outcome: 'imported', enqueued: 1 }]);
  await put({ 'all/b.gpx': gpx([71], 'Z', 'Strap') });
  expect((await run()).files).toMatchObject([{ outcome: 'passed_over' }, { outcome: 'imported' }]);
  const other = await sandbox.run(['import', 'all', '--user', 'bo', '--resume', '--json']);
  expect(JSON.parse(other.stdout)).toMatchObject({ enqueued: 2 });
});

it('reads an archive on standard input, and says how one ends that was cut', async () => {
  const zip = writeZip([
    { name: 'a.gpx', content: gpx([70, 72]) },
    { name: 'b.gpx', content: gpx([80], 'Z', 'Strap') },
  ]);
  await put({ 'cut.zip': zip.subarray(0, zip.lastIndexOf('PK\u0001\u0002')), 'end.zip': zip.subarray(0, 20) });
  const input = zip.toString('latin1');
  const piped = await sandbox.run(['import', '-', '--user', 'ana', '--json'], { input: Buffer.from(input, 'latin1') });
  expect([piped.code, JSON.parse(piped.stdout).enqueued]).toEqual([0, 3]);
  const cut = await sandbox.run(['import', 'cut.zip', '--user', 'ana']);
  expect([cut.code, cut.stderr]).toEqual([5, '']);
  expect(cut.stdout).toMatch(/damaged:\n {2}cut\.zip: it ends early/);
  expect((await sandbox.run(['import', 'end.zip', '--user', 'ana'])).code).toBe(2);
});

it('tells of one file that could not be imported without others, and of none that is refused as a device', async () => {
  await put({ 'a.gpx': gpx([300, 70]), 'we\u001b[31mird\n.gpx': gpx([70], '') });
  const refused = await sandbox.run(['import', 'a.gpx', '--user', 'ana', '--strict']);
  expect(refused.stderr).toMatch(/^hrm import: a\.gpx: it is refused .*\nhrm import: 1 file could not be imported\n$/);
  expect(refused.stdout).not.toContain('by device');
  // What a terminal would obey is shown, to a pipe too.
  const named = await sandbox.run(['import', 'we\u001b[31mird\n.gpx', 'a.gpx', '--user', 'ana']);
  expect(named.stderr).toMatch(
    /^hrm import: we\\u\{1b\}\[31mird\\u\{a\}\.gpx: its times.*\nhrm import: 1 file .*; the others are\n$/,
  );
  const gone = await sandbox.run(['import', 'go\u001bne\n.csv']);
  expect(gone.stderr).toMatch(/^hrm import: go\\u\{1b\}ne\\u\{a\}\.csv: there is no such file\n/);
});

it('refuses in a dry run what it would refuse, and tells why rows are none', async () => {
  const row = 'ana,w,2024-01-15T10:00:00Z,72\n';
  await put({ 'a.gpx': gpx([70]), 'rows.csv': `user_id,device_id,timestamp,heart_rate\n${row}ana,w,never,72\n` });
  for (const more of [[], ['--dry-run']]) {
    expect((await sandbox.run(['import', 'a.gpx', ...more])).stderr).toContain('does not say whose readings');
    const blank = await sandbox.run(['import', 'a.gpx', '--user', ' ', ...more]);
    expect([blank.code, blank.stderr]).toEqual([2, expect.stringContaining('the user must not be blank')]);
    const rows = await sandbox.run(['import', 'rows.csv', '--user', 'ana', ...more]);
    expect(rows.code).toBe(2);
    expect(rows.stderr).toMatch(/rows\.csv:3: timestamp /);
  }
  expect(await stored()).toEqual([]);
});

it('refuses what makes no sense', async () => {
  await put({ 'a.gpx': gpx([70]) });
  const refused = async (...args: string[]) => {
    const { code, stderr } = await sandbox.run(['import', 'a.gpx', '--user', 'ana', ...args]);
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refused('--received-at', 'yesterday')).toContain('--received-at must be now, or a time that is over');
  expect(await refused('--received-at', '2999-01-01T00:00:00Z')).toContain('--received-at must be now');
  expect(await refused('--time-zone', 'Europe/Nowhere')).toContain('is no time zone');
  expect(await refused('--url', 'http://127.0.0.1:1')).toContain('say --received-at now');
  expect(await refused('--format', 'csv')).toContain('leave it out');
});

it('takes the columns of a table as somebody names them', async () => {
  await put({ 'pulse.csv': 'Wann;Puls;Note\n2024-01-15T10:00:00Z;72;x\n2024-01-15T10:00:01Z;73;y\n' });
  const args = ['import', 'pulse.csv', '--user', 'ana', '--column', 'timestamp=Wann', '--column', 'heart_rate=Puls'];
  const { code, stdout } = await sandbox.run([...args, '--json']);
  expect([code, JSON.parse(stdout).enqueued]).toEqual([0, 2]);
  expect((await sandbox.run([...args, '--column', 'pulse=Puls'])).stderr).toContain('--column must be FIELD=NAME');
});

it('takes the files of an archive, and a table whose columns are named', async () => {
  const content = gpx([70, 72]);
  const zip = writeZip([
    { name: 'activities/a.gpx.gz', content: gzipSync(content) },
    { name: 'readme.txt', content: 'x' },
  ]);
  await put({ 'all.zip': zip, 'sheet.csv': 'Wann;Puls\n15.01.2024 11:00:30;80,4\n' });
  const columns = ['--column', 'timestamp=Wann', '--column', 'heart_rate=Puls'];
  const args = ['all.zip', 'sheet.csv', '--user', 'ana', '--time-zone', 'Europe/Madrid', '--json', ...columns];
  const { code, stdout } = await sandbox.run(['import', ...args]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).files).toMatchObject([
    { file: 'all.zip/activities/a.gpx.gz', outcome: 'imported', enqueued: 2 },
    { file: 'all.zip/readme.txt', outcome: 'unknown' },
    { file: 'sheet.csv', outcome: 'imported', enqueued: 1, format: 'table' },
  ]);
  expect(await stored()).toMatchObject([{ count: 3, heart_rate: 74 }]);
});
