import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HrmError, type HrmErrorKind } from 'hrm-core';
import { SETTINGS } from 'hrm-core/settings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../src/exit-codes.js';
import { describeFailure } from '../src/failure.js';
import { HRM_BIN, hrmEnvironment, makeSandbox, queryArgs, type Sandbox } from './hrm.js';

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  serve: ['--only', '--workers'],
  drain: ['--all'],
  compact: ['--user', '--date', '--all'],
  query: ['--user', '--start', '--end', '--device', '--interval', '--format', '--chart', '--output'],
  import: ['--format', '--resume', '--checkpoint', '--skip-invalid', 'FILE'],
  stats: ['--user', '--url'],
  simulate: ['--users', '--devices', '--rate', '--duration', '--seed', '--start', '--backfill', '--dry-run'],
  health: ['--url'],
  doctor: [],
  completion: ['SHELL'],
  'queue peek': ['--limit'],
  'dlq list': [],
  'dlq show': ['ID'],
  'dlq redrive': ['--all', 'ID'],
  'dlq purge': ['--all', 'ID'],
};

const HEADINGS = ['NAME', 'USAGE', 'DESCRIPTION', 'OPTIONS', 'EXAMPLES', 'EXIT STATUS', 'SEE ALSO'];

const unwrapped = (text: string) => text.replace(/\s+/g, ' ');

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await makeSandbox();
});
afterAll(() => sandbox.remove());

describe('help', () => {
  it.each(Object.entries(COMMANDS))(
    'of hrm %s has its options, the exit codes and an example',
    async (name, options) => {
      const { code, stdout, stderr } = await sandbox.run([...name.split(' '), '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^NAME\n {2}hrm ${name} - .+\n\nUSAGE\n {2}hrm ${name} `));
      const headings = stdout.match(/^[A-Z][A-Z ]+$/gm);
      const settings = name === 'completion' ? [] : ['SETTINGS'];
      expect(headings?.filter((heading) => heading !== 'SETTINGS')).toEqual(HEADINGS);
      expect(headings).toEqual(expect.arrayContaining(settings));
      for (const option of [...options, '--json', '--config', '--help']) expect(stdout).toContain(option);
      for (const exit of EXIT_CODES) expect(unwrapped(stdout)).toContain(` ${exit.code} ${exit.meaning} `);
      for (const code of [130, 143, 137]) expect(stdout).toMatch(new RegExp(`\n {2}(?:\\d+, )?${code}\\b`));
      // Paragraphs are as full as the width lets them be.
      for (const paragraph of (/DESCRIPTION\n([\s\S]*?)\n\n[A-Z]/.exec(stdout)?.[1] ?? '').split('\n\n')) {
        const broken = paragraph.split('\n').map((line) => line.trim());
        for (const [i, line] of broken.slice(0, -1).entries())
          expect(line.length + 3 + (broken[i + 1]?.split(' ')[0]?.length ?? 0)).toBeGreaterThan(80);
      }
      expect(stdout).toMatch(new RegExp(`\nEXAMPLES\n {2}.*hrm ${name}`));
      // Examples are not broken: they are there to be copied.
      const lines = stdout.split('\n').filter((line) => !line.startsWith('  hrm ') && !/ hrm |\| hrm/.test(line));
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
      expect(stdout).not.toContain('\u001b');
      expect(stdout).not.toMatch(/ $/m);
    },
  );

  it('of hrm serve has every setting with its variable and default, each a sentence of its own', async () => {
    const { stdout } = await sandbox.run(['serve', '--help']);
    for (const { about } of SETTINGS) expect(about).toMatch(/^[A-Z].*\.$/);
    for (const { flag, variable, fallback } of SETTINGS) {
      expect(stdout).toContain(`--${flag} VALUE`);
      expect(unwrapped(stdout)).toContain(`${variable}, default ${fallback}`);
    }
  });

  it.each([[[]], [['--help']], [['-h']]])('is what hrm %j prints, with every command', async (args) => {
    const { code, stdout, stderr } = await sandbox.run(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of Object.keys(COMMANDS)) expect(stdout).toContain(`  ${name}`);
  });

  it('is bold and as wide as the terminal on one, plain with NO_COLOR, and ends quietly when its reader leaves', async () => {
    async function onTerminal(env: Record<string, string>): Promise<string> {
      const command = `stty cols 60; '${process.execPath}' '${HRM_BIN}' query --help`;
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        env: hrmEnvironment(sandbox.directory, { TERM: 'xterm', ...env }),
        stdio: 'pipe',
      });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      expect(await once(child, 'close')).toEqual([0, null]);
      return text.replaceAll('\r\n', '\n');
    }
    const text = await onTerminal({});
    expect(text.startsWith('\u001b[1mNAME\u001b[0m\n')).toBe(true);
    const plain = await onTerminal({ NO_COLOR: '1' });
    expect(plain).toMatch(/^NAME\n/);
    expect(plain).not.toContain('\u001b');
    const [, description = ''] = /DESCRIPTION\n([\s\S]*?)\n\n/.exec(plain) ?? [];
    expect(Math.max(...description.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60);
    for (const args of [['--help'], ['serve', '--help']]) {
      const { child, finished } = sandbox.start(args);
      child.stdout?.destroy();
      expect(await finished).toMatchObject({ code: 0, stderr: '' });
    }
  });

  it('of the group dlq has its commands and no others', async () => {
    const { code, stdout } = await sandbox.run(['dlq', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('dlq redrive');
    expect(stdout).not.toContain('  serve');
  });

  it('is printed whatever else is wrong', async () => {
    const { code, stdout } = await sandbox.run(['query', '--nonsense', '--help'], { env: { HRM_PORT: 'x' } });
    expect(code).toBe(0);
    expect(stdout).toContain('USAGE\n  hrm query');
  });

  it('loads neither the queue, nor the server, nor the Parquet library', async () => {
    const NAMES = ['lmdb', 'hono', 'pino', 'hyparquet', 'valibot'];
    /** The packages of `NAMES` that a call loads, by the trace of Node's own loader. */
    async function loaded(...args: string[]): Promise<string[]> {
      const { code, stderr } = await sandbox.runProcess(args, { env: { NODE_DEBUG: 'esm,module' } });
      expect(code).toBe(0);
      return NAMES.filter((name) => stderr.includes(`node_modules/${name}/`));
    }
    expect(await loaded('--help')).toEqual(['valibot']);
    // Where they are needed, the same trace shows them.
    expect(await loaded('drain')).toEqual(['lmdb', 'hyparquet', 'valibot']);
  });
});

describe('the version', () => {
  it('is the package’s', async () => {
    expect(await sandbox.run(['--version'])).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
    expect((await sandbox.run(['--version', '--json'])).stdout).toBe('{"version":"0.1.0"}\n');
  });
});

describe('wrong use', () => {
  it.each([
    [['qurey'], 'unknown command "qurey": did you mean query?'],
    [['imp'], 'unknown command "imp": did you mean import?'],
    [['frobnicate'], 'unknown command "frobnicate"\n'],
    [['dlq', 'lsit'], 'unknown command "dlq lsit": did you mean dlq list?'],
    [['--verion'], 'unknown option --verion: did you mean --version?'],
    [['constructor'], 'unknown command "constructor"'],
    [['drain', '--al'], 'unknown option --al: did you mean --all?'],
    [['drain', '-x'], 'unknown option -x'],
    [['drain', '--all=yes'], '--all takes no value'],
    [['drain', 'now'], 'unexpected argument "now": hrm drain takes only options'],
    [['dlq', 'show', 'a', 'b'], 'unexpected argument "b": hrm dlq show takes one ID'],
    [['dlq', 'show'], 'ID is missing'],
    [['import'], 'FILE… is missing'],
    [['import', 'x', '--format', 'xml'], '--format is "xml": it must be one of csv, ndjson'],
    [['serve', '--only', 'nothing'], '--only is "nothing": it must be one of api, consumer, compacter'],
    [['query', '--user', '--start', 'b'], '--user U has no value; one that begins with a dash is written --user=-…'],
    [['query', '--user'], '--user U has no value'],
    [['--data-dir', './d', 'statz'], 'unknown command "statz": did you mean stats?'],
    [['compact', '--user', ''], '--user must not be empty'],
    [['compact', '--user', 'a', '--user', 'b'], '--user is given 2 times: give it once'],
    [['drain', '--lease-ms', '100', '--lease-ms', '200'], '--lease-ms is given 2 times'],
    [queryArgs('ana', '--interval', '2m'), '--interval is "2m": it must be one of 1m, 5m, 15m, 1h, 1d'],
  ])('%j ends with 2 and says what would be right', async (args, message) => {
    const { code, stdout, stderr } = await sandbox.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/See: hrm .*--help\n$/);
  });

  it('is JSON with --json, which may stand anywhere', async () => {
    for (const args of [
      ['--json', 'qurey'],
      ['qurey', '--json'],
    ]) {
      const { code, stdout, stderr } = await sandbox.run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(JSON.parse(stderr)).toEqual({
        error: {
          kind: 'invalid',
          code: 'invalid_usage',
          message: 'unknown command "qurey": did you mean query?',
          errors: [],
        },
      });
    }
  });
});

describe('settings', () => {
  /** Which lease `hrm` sees is told by refusing it: every source gives a wrong value. */
  async function refusal(args: string[], env: Record<string, string> = {}): Promise<string> {
    const { code, stderr } = await sandbox.run(['drain', ...args], { env });
    expect(code).toBe(2);
    return stderr;
  }

  it('come from the flag, then the variable, then the file, then the default', async () => {
    const config = join(sandbox.directory, 'hrm.config.json');
    await writeFile(config, '{"leaseMs": 3}');
    try {
      expect(await refusal(['--lease-ms', '1'], { HRM_LEASE_MS: '2' })).toContain('--lease-ms is "1": it must be mill');
      expect(await refusal([], { HRM_LEASE_MS: '2' })).toContain('HRM_LEASE_MS is "2"');
      expect(await refusal([])).toContain('leaseMs in ./hrm.config.json is 3');
    } finally {
      await writeFile(config, '{}');
    }
    expect((await sandbox.run(['drain'])).code).toBe(0);
  });

  it('are read from the file that --config names, before or after the command', async () => {
    const path = join(sandbox.directory, 'other.json');
    await writeFile(path, '{"leaseMs": 4}');
    expect(await refusal(['--config', path])).toContain(`leaseMs in ${path} is 4`);
    expect((await sandbox.run(['--config', path, 'drain'])).stderr).toContain(`leaseMs in ${path} is 4`);
  });

  it('say when a config file is missing, unreadable, no JSON or knows a name that is none', async () => {
    expect(await refusal(['--config', 'absent.json'])).toContain('the config file absent.json does not exist');
    await mkdir(join(sandbox.directory, 'folder'));
    expect(await refusal(['--config', 'folder'])).toContain('folder is neither a file nor a pipe');
    await writeFile(join(sandbox.directory, 'bad.json'), '{leaseMs: 1}');
    expect(await refusal(['--config', 'bad.json'])).toContain('bad.json must hold a JSON object');
    await writeFile(join(sandbox.directory, 'unknown.json'), '{"leese": 1}');
    expect(await refusal(['--config', 'unknown.json'])).toContain('"leese", which is no setting');
  });

  it('that are wrong are all named, with --json as faults', async () => {
    const { code, stderr } = await sandbox.runProcess([
      'serve',
      '--json',
      '--port',
      '65536',
      '--device-priority',
      '{"a":0}',
    ]);
    expect(code).toBe(2);
    const { error } = JSON.parse(stderr);
    expect(error).toMatchObject({ kind: 'invalid', code: 'invalid_settings' });
    expect(error.errors).toEqual([
      { path: '/port', message: '--port is "65536": it must be an integer from 0 to 65535' },
      expect.objectContaining({ path: '/devicePriority' }),
    ]);
  });

  it('are taken by every command as flags, the ones it does not use too, also before it', async () => {
    const { code } = await sandbox.run(['drain', '--port', '9', '--data-dir', sandbox.dataDir]);
    expect(code).toBe(0);
    for (const before of [
      ['--data-dir', 'nowhere'],
      ['--data-dir=nowhere'],
      ['--allow-anonymous', '--data-dir=nowhere'],
    ]) {
      const { stderr } = await sandbox.run([...before, 'query', ...queryArgs('ana').slice(1)]);
      expect(stderr).toMatch(/^hrm: there is no data directory .*nowhere: is HRM_DATA_DIR right/);
    }
  });

  it('that are numbers below none are refused in our words', async () => {
    const { code, stderr } = await sandbox.run(['compact', '--sweep-after-ms', '-1']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--sweep-after-ms is "-1": it must') });
  });
});

describe('exit codes', () => {
  const kinds: HrmErrorKind[] = ['internal', 'invalid', 'unavailable', 'conflict', 'data', 'closed'];
  it.each(kinds.map((kind, i) => [kind, i + 1] as const))('of kind %s is %i', (kind, exitCode) => {
    const error = new HrmError('words', { kind, code: 'some_code', faults: [{ path: '/x', message: 'm' }] });
    const json = describeFailure(error, { command: 'hrm x', json: true });
    expect(json.exitCode).toBe(exitCode);
    expect(JSON.parse(json.text)).toEqual({
      error: { kind, code: 'some_code', message: 'words', errors: [{ path: '/x', message: 'm' }] },
    });
  });

  it('of an error that nobody expected is 1, with its stack for people', () => {
    const error = new TypeError('odd');
    expect(describeFailure(error, { command: 'hrm x', json: false })).toEqual({
      exitCode: 1,
      text: expect.stringMatching(/^hrm x: odd\nTypeError: odd\n {4}at /),
    });
    expect(JSON.parse(describeFailure(error, { command: 'hrm x', json: true }).text).error).toEqual({
      kind: 'internal',
      code: 'internal',
      message: 'odd',
      errors: [],
    });
  });

  it.runIf(process.platform === 'linux')('is 3 when standard output is full, in clear words', async () => {
    for (const args of [['--help'], ['query', '--help'], queryArgs('ana'), ['doctor']]) {
      const { code, stderr } = await sandbox.runInShell('> /dev/full', args);
      expect(code).toBe(3);
      expect(stderr).toMatch(/^hrm.*: standard output cannot be written: its disk is full/m);
      expect(stderr).not.toContain('    at ');
    }
  });

  it('is 3 when the queue cannot be opened', async () => {
    const file = join(sandbox.directory, 'a-file');
    await writeFile(file, '');
    const { code, stderr } = await sandbox.run(['drain', '--json'], { env: { HRM_QUEUE_DIR: join(file, 'queue') } });
    expect(code).toBe(3);
    expect(JSON.parse(stderr).error.kind).toBe('unavailable');
  });
});
