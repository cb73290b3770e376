/** A process whose event loop stands still is killed, and its supervisor, or the primary, starts another. */
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

/** Longer than a busy machine keeps a process that works from its turn, milliseconds. */
const STALL_MS = 4_000;

const SETTINGS = {
  HRM_PORT: '0',
  HRM_STALL_MS: String(STALL_MS),
  HRM_LOG_LEVEL: 'info',
  NODE_OPTIONS: `--import ${new URL('./block-loop.mjs', import.meta.url).href}`,
};

function start(...args: string[]) {
  const running = sandbox.start(['serve', ...args], SETTINGS);
  let log = '';
  running.child.stderr?.on('data', (text: string) => {
    log += text;
  });
  /** The processes that have started with these parts, in order, also those that have ended. */
  function pids(part: string): number[] {
    const lines = log.split('\n').filter((line) => line.includes('"msg":"starting"'));
    return lines.map((line) => JSON.parse(line)).flatMap(({ pid, parts }) => (parts.includes(part) ? [pid] : []));
  }
  return { ...running, pids, log: () => log };
}

/** GET /health/live on a connection of its own. @returns the status, or the system's code of what went wrong. */
function askLive(url: string): Promise<number | string> {
  return new Promise((resolve) => {
    const sent = request(`${url}/health/live`, { agent: false, timeout: 30_000 }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.end();
  });
}

describe('a process whose event loop stands still', () => {
  it('is killed and says why, so that its supervisor starts it again', async () => {
    const server = start();
    await server.firstLine();
    server.child.kill('SIGUSR2');
    // It hears nothing any more.
    server.child.kill('SIGTERM');
    const [code, signal] = await once(server.child, 'exit');
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
    const { stderr } = await server.finished;
    expect(stderr).toMatch(
      new RegExp(`^\\{"level":60,.*"pid":${server.child.pid},"msg":"the event loop stood still for 4 s`, 'm'),
    );
  });

  it('is killed also where nobody reads what it says', async () => {
    const server = start();
    await server.firstLine();
    server.child.stderr?.pause();
    server.child.kill('SIGUSR2');
    const [, signal] = await once(server.child, 'exit');
    expect(signal).toBe('SIGKILL');
  });

  it('is replaced among workers, while the others go on answering', async () => {
    const server = start('--workers', '2');
    const url = await server.firstLine();
    await expect.poll(() => server.pids('api').length).toBe(2);
    const [blocked = 0] = server.pids('api');
    process.kill(blocked, 'SIGUSR2');
    // Whoever has connected to the one that stands still waits with it; the next is answered by the other.
    const first = await Promise.race([askLive(url), askLive(url), askLive(url), askLive(url)]);
    expect(first).toBe(200);
    await expect.poll(() => server.pids('api').length, { timeout: 60_000 }).toBe(3);
    await expect.poll(() => server.log(), { timeout: 60_000 }).toContain('a worker was started again');
    expect(server.log()).toContain(`"pid":${blocked},"msg":"the event loop stood still`);
    expect(server.log()).toMatch(new RegExp(`"worker":${blocked},.*"signal":"SIGKILL".*"a worker ended`));
    expect(await askLive(url)).toBe(200);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });

  it('is the one of the loops, too', async () => {
    const server = start('--workers', '1');
    await server.firstLine();
    await expect.poll(() => server.pids('consumer').length).toBe(1);
    process.kill(server.pids('consumer')[0] ?? 0, 'SIGUSR2');
    await expect.poll(() => server.pids('consumer').length, { timeout: 60_000 }).toBe(2);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });

  it('is not one that was stopped as a whole for longer, as by a suspended machine', async () => {
    const server = start();
    const url = await server.firstLine();
    server.child.kill('SIGSTOP');
    await sleep(STALL_MS + 1_000);
    server.child.kill('SIGCONT');
    expect(await askLive(url)).toBe(200);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });
});
