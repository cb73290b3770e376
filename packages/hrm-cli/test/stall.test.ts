/** A process whose event loop stands still is killed, and its supervisor, or the primary, starts another. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'vitest';
import { HRM_BIN, hrmEnvironment, type Sandbox, sandboxOf } from './hrm.js';

/** Longer than a busy machine keeps a process that works from its turn, milliseconds. */
const STALL_MS = 4_000;

const SETTINGS = {
  HRM_PORT: '0',
  HRM_STALL_MS: String(STALL_MS),
  HRM_LOG_LEVEL: 'info',
  NODE_OPTIONS: `--import ${new URL('./block-loop.mjs', import.meta.url).href}`,
};

function start(sandbox: Sandbox, ...args: string[]) {
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

const cannotUnshare = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status !== 0;

/** Whether a process runs; one that only waits for its parent to hear of its end does not. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

// Together: each waits for seconds, and does nothing meanwhile.
describe.concurrent('a process whose event loop stands still', () => {
  it('is killed and says why, so that its supervisor starts it again', async (context) => {
    const { expect } = context;
    const server = start(await sandboxOf(context));
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

  it('is killed also where nobody reads what it says', async (context) => {
    const { expect } = context;
    const server = start(await sandboxOf(context));
    await server.firstLine();
    server.child.stderr?.pause();
    server.child.kill('SIGUSR2');
    const [, signal] = await once(server.child, 'exit');
    expect(signal).toBe('SIGKILL');
  });

  it('is replaced among workers, while the others go on answering', async (context) => {
    const { expect } = context;
    const server = start(await sandboxOf(context), '--workers', '2');
    const url = await server.firstLine();
    await expect.poll(() => server.pids('api').length).toBe(2);
    const [blocked = 0] = server.pids('api');
    process.kill(blocked, 'SIGUSR2');
    // Whoever has connected to the one that stands still waits with it; the next is answered by the other.
    const first = await Promise.race([askLive(url), askLive(url), askLive(url), askLive(url)]);
    expect(first).toBe(200);
    await expect.poll(() => server.pids('api').length).toBe(3);
    await expect.poll(() => server.log()).toContain('a worker was started again');
    expect(server.log()).toContain(`"pid":${blocked},"msg":"the event loop stood still`);
    expect(server.log()).toMatch(new RegExp(`"worker":${blocked},.*"signal":"SIGKILL".*"a worker ended`));
    expect(await askLive(url)).toBe(200);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });

  it('is the one of the loops, too', async (context) => {
    const { expect } = context;
    const server = start(await sandboxOf(context), '--workers', '1');
    await server.firstLine();
    await expect.poll(() => server.pids('consumer').length).toBe(1);
    process.kill(server.pids('consumer')[0] ?? 0, 'SIGUSR2');
    await expect.poll(() => server.pids('consumer').length).toBe(2);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });

  it('outlives a primary that was killed no longer than any other', async (context) => {
    const { expect } = context;
    const server = start(await sandboxOf(context), '--workers', '2');
    await server.firstLine();
    await expect.poll(() => server.pids('api').length).toBe(2);
    await expect.poll(() => server.pids('consumer').length).toBe(1);
    const workers = [...server.pids('api'), ...server.pids('consumer')];
    process.kill(workers[0] ?? 0, 'SIGUSR2');
    server.child.kill('SIGKILL');
    await expect.poll(() => workers.filter(isRunning)).toEqual([]);
  });

  it.skipIf(cannotUnshare)(
    'is ended also as the first process of a container, which its own SIGKILL spares',
    async (context) => {
      const { expect, onTestFinished } = context;
      const sandbox = await sandboxOf(context);
      const env = hrmEnvironment(sandbox.directory, SETTINGS);
      const args = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, HRM_BIN, 'serve'];
      const container = spawn('unshare', args, { env, cwd: sandbox.directory, stdio: ['ignore', 'pipe', 'ignore'] });
      onTestFinished(() => {
        container.kill('SIGKILL');
      });
      await once(container.stdout, 'data');
      const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(container.pid)], { encoding: 'utf8' });
      process.kill(Number(stdout), 'SIGUSR2');
      expect(await once(container, 'exit')).toEqual([137, null]);
    },
  );

  it('no longer tells systemd that it is well, once it stands still', async (context) => {
    const { expect } = context;
    const sandbox = await sandboxOf(context);
    // In place of systemd's own program: it says when it was called, and with what.
    const program = join(sandbox.directory, 'systemd-notify');
    const told = join(sandbox.directory, 'told');
    await writeFile(program, `#!/bin/sh\necho "$@" >> ${told}\n`, { mode: 0o755 });
    const server = sandbox.start(['serve'], {
      ...SETTINGS,
      HRM_STALL_MS: '0',
      PATH: `${sandbox.directory}:${process.env.PATH}`,
      NOTIFY_SOCKET: '/run/nowhere',
      WATCHDOG_USEC: '600000',
    });
    await server.firstLine();
    const lines = async () => (await readFile(told, 'utf8').catch(() => '')).split('\n').length - 1;
    await expect.poll(lines).toBeGreaterThan(3);
    expect(await readFile(told, 'utf8')).toMatch(/^(WATCHDOG=1\n)+$/);
    server.child.kill('SIGUSR2');
    // One may be under way.
    await sleep(1_000);
    const then = await lines();
    await sleep(2_000);
    expect(await lines()).toBe(then);
  });

  it('is not one that was stopped as a whole for longer, as by a suspended machine', async (context) => {
    const { expect } = context;
    const server = start(await sandboxOf(context));
    const url = await server.firstLine();
    server.child.kill('SIGSTOP');
    await sleep(STALL_MS + 1_000);
    server.child.kill('SIGCONT');
    expect(await askLive(url)).toBe(200);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });
});
