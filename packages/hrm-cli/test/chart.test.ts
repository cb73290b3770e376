import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeTerminal } from '../src/output/terminal.js';
import { HRM_BIN, hrmEnvironment, makeSandbox, ndjson, type Sandbox } from './hrm.js';

const START_MS = Date.UTC(2024, 0, 15);
const UTF8 = { LANG: 'en_US.UTF-8' };

/** A day of a reading every ten seconds: 60 bpm, an hour of 120 to 140 from noon, nothing from 6 to 9. */
function day(): string {
  return Array.from({ length: 8_640 }, (_, i) => {
    const hour = i / 360;
    if (hour >= 6 && hour < 9) return '';
    const heart_rate = hour >= 12 && hour < 13 ? 120 + 20 * (i % 2) : 60;
    const timestamp = new Date(START_MS + i * 10_000).toISOString();
    return `${JSON.stringify({ user_id: 'ana', device_id: 'watch', timestamp, heart_rate })}\n`;
  }).join('');
}

const DAY = ['query', '--user=ana', '--start=2024-01-15T00:00:00Z', '--end=2024-01-16T00:00:00Z', '--chart'];

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await makeSandbox();
  expect((await sandbox.run(['import', '-'], { input: day() })).code).toBe(0);
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
});
afterAll(() => sandbox.remove());

async function chart(env: Record<string, string>, ...more: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await sandbox.run([...DAY, ...more], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').slice(0, -1);
}

/** What a person at a terminal of so many columns sees. */
async function onTerminal(columns: number, env: Record<string, string>): Promise<string> {
  const words = [process.execPath, HRM_BIN, ...DAY].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', `stty cols ${columns} rows 30; ${words}`, '/dev/null'], {
    cwd: sandbox.directory,
    env: hrmEnvironment(sandbox.directory, { TERM: 'xterm', ...UTF8, ...env }),
    stdio: 'pipe',
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  expect(await once(child, 'close')).toEqual([0, null]);
  return text.replaceAll('\r\n', '\n');
}

/** Of each column of the plot, what is in it from the top. */
function plotColumns(lines: readonly string[]): string[] {
  const plot = lines
    .filter((line) => /^(?: {4}[│|]| *\d+ [┤+])/.test(line))
    .map((line) => [...line.padEnd(80)].slice(5));
  return Array.from({ length: 75 }, (_, column) => plot.map((line) => line[column] ?? '').join(''));
}

describe('hrm query --chart', () => {
  it('draws mean and band over axes of time and bpm, 80 columns wide where it is piped', async () => {
    const lines = await chart(UTF8);
    expect(lines[0]).toBe('bpm, 2024-01-15 00:00 to 2024-01-16 00:00 UTC');
    expect(Math.max(...lines.map((line) => [...line].length))).toBe(80);
    expect(lines.at(-2)).toBe('     01-15    03:00    06:00     09:00    12:00    15:00     18:00    21:00');
    expect(lines.at(-1)).toMatch(
      /^min 60 {2}mean 63\.33 {2}max 140 {2}7,560 readings in \d+ rows .*mean .*min to max$/,
    );
    expect(lines.join('\n')).toMatch(/\n140 ┤.*\n/);
    expect(lines.join('\n')).toMatch(/\n 60 ┤.*\n/);
    const columns = plotColumns(lines);
    // Noon: the line at 130, in the middle of a band to 120 and 140. One column is 19 minutes.
    expect(columns[39]).toMatch(/^░+[\u2801-\u28ff]+░+ +$/u);
    // At rest the line alone.
    expect(columns[60]).toMatch(/^ +[\u2801-\u28ff]$/u);
  });

  it('leaves gaps where there are no readings, and nowhere else', async () => {
    for (const env of [UTF8, { LANG: 'C' }]) {
      const empty = plotColumns(await chart(env)).flatMap((column, i) => (column.trim() === '' ? [i] : []));
      // 6 to 9 of 24 hours, without the columns that are partly in it.
      expect(empty).toEqual(Array.from({ length: 9 }, (_, i) => 19 + i));
    }
  });

  it.each([[{ LANG: 'C' }], [{ TERM: 'dumb', ...UTF8 }], [{ LC_ALL: 'POSIX', ...UTF8 }], [{}]])(
    'is ASCII with %j',
    async (env) => {
      const text = (await chart(env as Record<string, string>)).join('\n');
      expect(text).toMatch(/^[\x20-\x7e\n]*$/);
      expect(text).toMatch(/\n140 \+ +:/);
      expect(text).toContain('*****');
    },
  );

  it('is as wide as the terminal, with colours there, and not with NO_COLOR or where it is piped', async () => {
    const colored = await onTerminal(120, {});
    expect(colored).toContain('\u001b[31m');
    expect(colored).toContain('\u001b[2m░');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: so colours begin.
    const plain = colored.replace(/\u001b\[\d+m/g, '');
    expect(Math.max(...plain.split('\n').map((line) => [...line].length))).toBe(120);
    expect(await onTerminal(120, { NO_COLOR: '1' })).toBe(plain);
    expect((await chart(UTF8)).join('\n')).not.toContain('\u001b');
  });

  it('breaks no line of a narrow terminal, nor counts one as many', async () => {
    const narrow = (await onTerminal(40, { NO_COLOR: '1' })).trimEnd().split('\n');
    expect(Math.max(...narrow.map((line) => [...line].length))).toBe(40);
    expect(narrow.slice(0, 2)).toEqual(['bpm, 2024-01-15 00:00 to', '2024-01-16 00:00 UTC']);
    expect(narrow.slice(-3).join(' ')).toMatch(/min 60 .* max 140 .* rows .*mean .*min to max/);
    await sandbox.run(['import', '-'], { input: ndjson(1, { user_id: 'one' }) });
    await sandbox.run(['drain', '--all']);
    const { stdout } = await sandbox.run(DAY.map((arg) => arg.replace('=ana', '=one')));
    expect(stdout).toContain('  1 reading in 1 row  ');
  });

  it('goes by --interval, and into a file', async () => {
    expect((await chart(UTF8)).at(-1)).toContain('readings in 252 rows');
    expect((await chart(UTF8, '--interval', '1h')).at(-1)).toContain('readings in 21 rows');
    expect(await chart(UTF8, '--output', 'chart.txt')).toEqual([]);
  });

  it('of nobody is an empty frame that says so', async () => {
    const { code, stdout } = await sandbox.run(DAY.map((arg) => arg.replace('=ana', '=bo')));
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nno readings of this user in this range\n$/);
    expect(plotColumns(stdout.split('\n')).join('').trim()).toBe('');
  });

  it('is refused with what contradicts it, and for a range that is none', async () => {
    for (const flag of ['--json', '--format=csv']) {
      const { code, stdout } = await sandbox.run([...DAY, flag]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    }
    const { code, stderr } = await sandbox.run(['query', '--user=a', '--start=x', '--end=y', '--chart']);
    expect(code).toBe(2);
    expect(stderr).toContain('--start must have the form');
  });
});

describe('a terminal', () => {
  it.each([
    [{ isTTY: true, columns: 1_000_000, rows: 5 }, 400],
    [{ isTTY: true, columns: 0 }, 80],
    [{ isTTY: true, columns: 10 }, 40],
    [{ isTTY: false, columns: 200 }, 80],
  ])('%j has %i columns', (stream, width) => {
    expect(describeTerminal(stream, {}).width).toBe(width);
  });
});
