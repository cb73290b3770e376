/** Whatever becomes of its log, `hrm serve` takes readings, answers, tells what it lost, and stops cleanly. */
import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { HRM_BIN, hrmEnvironment, makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

/** A line for every request, so that there is something to lose. */
const SETTINGS = {
  HRM_PORT: '0',
  HRM_LOG_LEVEL: 'debug',
  NODE_OPTIONS: `--import ${new URL('./warn-on-signal.mjs', import.meta.url).href}`,
};

/** Requests whose lines are more than what a pipe, a terminal and the buffer of the log take together; so many at most. */
const MANY = 8_000;
/** Requests between two questions whether lines are lost. */
const SOME = 500;

interface Answer {
  readonly status: number;
  readonly text: string;
}

function ask(agent: Agent, url: string, path: string, reading?: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'x-request-id': 'x'.repeat(64) };
  const method = reading === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { agent, method, headers, timeout: 60_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).on('timeout', () => sent.destroy(new Error(`no answer to ${path}`)));
    sent.end(reading === undefined ? undefined : JSON.stringify(reading));
  });
}

/** Asks often, and then whether the service still does its work. @returns how many log lines it says that it lost. */
async function useService(url: string, requests: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  onTestFinished(() => agent.destroy());
  let left = requests;
  async function client(): Promise<void> {
    for (; left > 0; left -= 1) expect((await ask(agent, url, '/health/live')).status).toBe(200);
  }
  await Promise.all(Array.from({ length: 16 }, client));
  const reading = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };
  expect((await ask(agent, url, '/metrics/heart-rate', reading)).status).toBe(202);
  const { text } = await ask(agent, url, '/metrics');
  return Number(/^hrm_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
}

/** The same until lines are lost. */
async function useUntilLost(url: string): Promise<number> {
  let lost = 0;
  for (let asked = 0; asked < MANY && lost === 0; asked += SOME) lost = await useService(url, SOME);
  return lost;
}

async function health(
  url: string,
): Promise<{ readonly status: string; readonly checks: { readonly service: string } }> {
  return JSON.parse((await ask(new Agent(), url, '/health')).text);
}

/** Waits for the line with the URL in a stream. */
async function readUrl(child: ChildProcess): Promise<string> {
  const [line] = await once(child.stdout ?? child, 'data');
  return String(line).trim();
}

/** Starts `hrm serve` with outputs of its own. */
function start(stderr: number | 'pipe', stdout: number | 'pipe' = 'pipe', args: readonly string[] = []): ChildProcess {
  const { directory } = sandbox;
  const stdio: StdioOptions = ['ignore', stdout, stderr];
  const env = hrmEnvironment(directory, SETTINGS);
  const child = spawn(process.execPath, [HRM_BIN, 'serve', ...args], { cwd: directory, env, stdio });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** The same, ready. */
async function startWith(stderr: number | 'pipe', args: readonly string[] = []) {
  const child = start(stderr, 'pipe', args);
  return { child, url: await readUrl(child) };
}

async function expectCleanStop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  const [code, signal] = await once(child, 'exit');
  expect({ code, signal }).toEqual({ code: 0, signal: null });
}

describe('hrm serve whose log cannot be written', () => {
  it.runIf(process.platform === 'linux').each([
    [[], 900],
    [['--workers', '2'], 500],
  ])('%j goes on where the disk of the log is full', async (args, least) => {
    const { child, url } = await startWith(openSync('/dev/full', 'w'), args);
    expect(await useService(url, 1_000)).toBeGreaterThan(least);
    expect(await health(url)).toMatchObject({
      status: 'degraded',
      checks: { service: 'log lines are lost, since the log cannot be written (ENOSPC); nothing else is' },
    });
    await expectCleanStop(child);
  });

  it('goes on where the reader of the log is gone', async () => {
    const { child, url } = await startWith('pipe');
    child.stderr?.destroy();
    expect(await useService(url, 1_000)).toBeGreaterThan(500);
    expect((await health(url)).checks.service).toContain('(EPIPE)');
    await expectCleanStop(child);
  });

  it('goes on where nobody reads the log, and says what was lost to who reads again', async () => {
    const fifo = join(sandbox.directory, 'log');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const { child, url } = await startWith(openSync(fifo, 'w'));
    const lost = await useUntilLost(url);
    expect(lost).toBeGreaterThan(0);
    expect((await health(url)).checks.service).toContain('(nobody reads it)');
    let log = '';
    await expect
      .poll(() => {
        log += readWhatIsThere(reader);
        return log.includes('log lines were lost');
      })
      .toBe(true);
    const lines = log.slice(0, log.lastIndexOf('\n')).split('\n');
    expect(lines.map((line) => JSON.parse(line)).find(({ lines: count }) => count > 0).lines).toBeGreaterThanOrEqual(
      lost,
    );
    await expect
      .poll(async () => {
        readWhatIsThere(reader);
        return (await health(url)).status;
      })
      .toBe('healthy');
    await expectCleanStop(child);
  });

  it('goes on, and stops, where its supervisor reads nothing', async () => {
    const { child, url } = await startWith('pipe');
    child.stderr?.pause();
    expect(await useUntilLost(url)).toBeGreaterThan(0);
    // Node writes warnings itself, past the log.
    for (let i = 0; i < 20; i += 1) child.kill('SIGUSR2');
    expect(await useService(url, 100)).toBeGreaterThan(0);
    await expectCleanStop(child);
  });

  it.runIf(process.platform === 'linux')('goes on where standard output cannot be written', async () => {
    const child = start('pipe', openSync('/dev/full', 'w'));
    let log = '';
    child.stderr?.on('data', (text: Buffer) => {
      log += text.toString();
    });
    await expect.poll(() => log).toContain('the line with the URL could not be written');
    await expectCleanStop(child);
  });
});

/** What a pipe holds now. */
function readWhatIsThere(fd: number): string {
  const buffer = Buffer.alloc(1024 * 1024);
  let text = '';
  try {
    for (let count = 1; count > 0; ) {
      count = readSync(fd, buffer);
      text += buffer.toString('utf8', 0, count);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  return text;
}

describe.runIf(process.platform === 'linux')('hrm serve on a terminal', () => {
  /** Runs a shell's words on a terminal of their own. */
  function onTerminal(words: string): ChildProcess {
    const env = hrmEnvironment(sandbox.directory, { ...SETTINGS, NODE: process.execPath, HRM: HRM_BIN });
    const child = spawn('script', ['-qec', words, '/dev/null'], { cwd: sandbox.directory, env, stdio: 'pipe' });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    return child;
  }
  function fileText(name: string): string {
    try {
      return readFileSync(join(sandbox.directory, name), 'utf8');
    } catch {
      return '';
    }
  }
  async function urlInFile(): Promise<string> {
    await expect.poll(() => fileText('url')).toContain('\n');
    return fileText('url').trim();
  }

  it('writes lines for people, and JSON where that is asked for', async () => {
    for (const [format, pattern] of [
      ['auto', /\d\d:\d\d:\d\d\.\d\d\d .*INFO.* starting {2}parts=/],
      ['json', /\{"level":30,.*"msg":"starting"\}/],
    ] as const) {
      const terminal = onTerminal(`HRM_LOG_FORMAT=${format} exec "$NODE" "$HRM" serve > url`);
      let log = '';
      terminal.stdout?.on('data', (text: Buffer) => {
        log += text.toString();
      });
      await expect.poll(() => log).toMatch(pattern);
      terminal.kill('SIGKILL');
      writeFileSync(join(sandbox.directory, 'url'), '');
    }
  });

  it('goes on while the terminal takes nothing', async () => {
    const terminal = onTerminal('exec "$NODE" "$HRM" serve > url');
    terminal.stdout?.pause();
    expect(await useUntilLost(await urlInFile())).toBeGreaterThan(0);
  });

  it('goes on when the terminal is gone, and stops cleanly then', async () => {
    const inSession = 'echo $$ > pid; "$NODE" "$HRM" serve > url & echo $! > pid; wait $!; echo $? > code';
    const terminal = onTerminal(`exec setsid -w sh -c '${inSession}'`);
    const url = await urlInFile();
    terminal.kill('SIGKILL');
    await once(terminal, 'exit');
    await expect.poll(async () => await useService(url, 100)).toBeGreaterThan(0);
    expect((await health(url)).checks.service).toContain('(EIO)');
    process.kill(Number(fileText('pid')), 'SIGTERM');
    await expect.poll(() => fileText('code')).toBe('0\n');
  });
});
