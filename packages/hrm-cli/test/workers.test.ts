import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../test/support/until.js';
import { makeSandbox, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const SETTINGS = { HRM_PORT: '0', HRM_BATCH_MAX_AGE_MS: '50', HRM_LOG_LEVEL: 'info' };

interface LogLine {
  readonly pid: number;
  readonly msg: string;
  readonly parts?: readonly string[];
}

/** Whether a process runs; one that only waits for its parent to hear of its end does not. */
function isRunning(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('Z');
  } catch {
    return false;
  }
}

/** Starts `hrm serve --workers` and waits until it is ready. */
async function start(workers: number, more: readonly string[] = [], env: Record<string, string> = {}) {
  const running = sandbox.start(['serve', '--workers', String(workers), ...more], { ...SETTINGS, ...env });
  let log = '';
  running.child.stderr?.on('data', (text: string) => {
    log += text;
  });
  const line = await running.firstLine();
  function lines(): LogLine[] {
    const whole = log.slice(0, log.lastIndexOf('\n') + 1).trim();
    return whole === '' ? [] : whole.split('\n').map((text) => JSON.parse(text) as LogLine);
  }
  /** The processes that have started with these parts, in order, also those that have ended. */
  function pids(part: string): number[] {
    return lines().flatMap(({ pid, msg, parts }) => (msg === 'starting' && parts?.includes(part) ? [pid] : []));
  }
  await until(() => pids('api').length === workers, 'every worker has logged its start');
  return { ...running, line, url: line.startsWith('http') ? line : '', pids, lines };
}

/** What a worker says that cannot start. */
function failing(kind: string): string {
  const message = { type: 'failed', error: { kind, code: 'queue', message: 'it does not work', faults: [] } };
  return `process.send(${JSON.stringify(message)}, () => process.exit(1)); await new Promise(() => undefined);`;
}

/** The environment in which a program runs at the begin of the workers of these ids, which count from 1. */
async function inWorker(ids: string, program: string): Promise<Record<string, string>> {
  const path = join(sandbox.directory, 'in-worker.mjs');
  await writeFile(
    path,
    `import cluster from 'node:cluster'; if (/^(${ids})$/.test(cluster.worker?.id)) { ${program} }`,
  );
  return { NODE_OPTIONS: `--import ${pathToFileURL(path)}` };
}

/** POSTs one reading on a connection of its own. @returns the status, or the system's code of what went wrong. */
function post(url: string, second: number): Promise<number | string> {
  const body = JSON.stringify({
    user_id: 'ana',
    device_id: 'watch',
    timestamp: new Date(Date.UTC(2024, 0, 15) + second * 1_000).toISOString(),
    heart_rate: 72,
  });
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const sent = request(`${url}/metrics/heart-rate`, { method: 'POST', headers, agent: false, timeout: 60_000 });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.on('timeout', () => sent.destroy(new Error('no answer within 20 s')));
    sent.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    sent.end(body);
  });
}

const CLIENTS = 8;

/** Posts as fast as answers come, each second once, until told to stop. */
function startLoad(url: string) {
  const outcomes: (number | string)[] = [];
  let second = 0;
  let isStopped = false;
  async function client(): Promise<void> {
    while (!isStopped) {
      second += 1;
      outcomes.push(await post(url, second));
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  return {
    outcomes,
    accepted: () => outcomes.filter((outcome) => outcome === 202).length,
    async stop() {
      isStopped = true;
      await clients;
    },
  };
}

/**
 * Who connects between a server's last accept and its close is reset by the kernel, unread, also by a server of one
 * process. So each client may meet one reset, and a request that was read and cut shows as a reading that is stored without a 202.
 */
function expectNoneCut(outcomes: readonly (number | string)[]): void {
  const failed = outcomes.filter((outcome) => outcome !== 202 && outcome !== 'ECONNREFUSED');
  expect(failed.filter((outcome) => outcome !== 'ECONNRESET')).toEqual([]);
  expect(failed.length).toBeLessThanOrEqual(CLIENTS);
}

/** Readings in the answers once all that is queued is stored. */
async function stored(): Promise<number> {
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
  const { data } = JSON.parse((await sandbox.run(queryArgs('ana', '--json'))).stdout);
  return data.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
}

describe('hrm serve --workers', () => {
  it('runs the API in so many processes on one port, each of which answers, and the loops in one more', async () => {
    const { child, url, pids, finished } = await start(2);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const [one = 0, other = 0] = pids('api');
    await until(() => pids('consumer').length === 1, 'the loops run');
    expect(pids('compacter')).toEqual(pids('consumer'));
    expect(new Set([child.pid, one, other, ...pids('consumer')]).size).toBe(4);
    // While one of them stands still, the other answers all.
    for (const [i, stopped] of [one, other].entries()) {
      process.kill(stopped, 'SIGSTOP');
      for (let k = 0; k < 5; k += 1) expect(await post(url, i * 5 + k)).toBe(202);
      process.kill(stopped, 'SIGCONT');
    }
    child.kill('SIGTERM');
    expect(await finished).toMatchObject({ code: 0, stdout: `${url}\n` });
    expect(await stored()).toBe(10);
  });

  it.each([
    ['cannot start, since Redis stalls', failing('unavailable')],
    ['is killed while it starts', "process.kill(process.pid, 'SIGKILL');"],
  ])('starts a worker again that %s, since the others answer', async (_, does) => {
    const { child, url, pids, lines, finished } = await start(2, [], await inWorker('2', does));
    expect(await post(url, 0)).toBe(202);
    const isSaid = (words: string) => lines().some(({ msg }) => msg === words);
    expect(isSaid('a worker could not be started')).toBe(true);
    await until(() => isSaid('a worker was started again'), 'it is started again');
    expect(pids('api')).toHaveLength(2);
    child.kill('SIGTERM');
    expect((await finished).code).toBe(0);
    expect(await stored()).toBe(1);
  });

  it.each([
    ['none answers', ['1', '2'], 'unavailable', 3],
    ['it cannot ever start', ['2'], 'data', 5],
  ] as const)('ends where a worker cannot start and %s', async (_, ids, kind, code) => {
    const env = { ...SETTINGS, ...(await inWorker(ids.join('|'), failing(kind))) };
    const { finished } = sandbox.start(['serve', '--workers', '2'], env);
    expect(await finished).toMatchObject({ code, stdout: '', stderr: expect.stringContaining('it does not work') });
  });

  it('says its URL, parts and workers as one JSON line; only the API when that is asked for', async () => {
    const { line, child, finished, pids } = await start(1, ['--json', '--only', 'api']);
    expect(JSON.parse(line)).toEqual({ url: expect.stringMatching(/^http:/), parts: ['api'], workers: 1 });
    expect(pids('consumer')).toEqual([]);
    child.kill('SIGINT');
    expect((await finished).code).toBe(0);
  });

  it('goes on while a worker is killed, starts another, and loses nothing that was accepted', async () => {
    const { child, url, pids, lines, finished } = await start(2);
    const load = startLoad(url);
    await until(() => load.accepted() > 50, 'some are accepted');
    const [killed = 0, other = 0] = pids('api');
    process.kill(killed, 'SIGKILL');
    const then = load.accepted();
    await until(() => load.accepted() > then + 50, 'the other goes on');
    await until(() => lines().some(({ msg }) => msg === 'a worker was started again'), 'another is there');
    expect(lines()).toContainEqual(
      expect.objectContaining({
        msg: 'a worker ended; it is started again',
        worker: killed,
        signal: 'SIGKILL',
        restartMs: 100,
      }),
    );
    await load.stop();
    // The new one answers alone. Not under load: who stands still with the queue's lock in hand holds up everybody.
    process.kill(other, 'SIGSTOP');
    expect(await post(url, 80_000)).toBe(202);
    process.kill(other, 'SIGCONT');
    // What the killed one was about to answer is cut, and nothing else: it had 8 clients at most.
    expect(load.outcomes.filter((outcome) => outcome !== 202).length).toBeLessThanOrEqual(8);
    child.kill('SIGTERM');
    expect((await finished).code).toBe(0);
    expect(await stored()).toBeGreaterThanOrEqual(load.accepted() + 1);
  });

  it('comes back on the same port when all workers were killed', async () => {
    const { child, url, pids, finished } = await start(2);
    for (const pid of pids('api')) process.kill(pid, 'SIGKILL');
    await until(async () => (await post(url, 1)) === 202, 'the API answers where it was');
    child.kill('SIGTERM');
    expect((await finished).code).toBe(0);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('cuts no request at %s, and leaves no process', async (name) => {
    const { child, url, pids, finished } = await start(2);
    const load = startLoad(url);
    await until(() => load.accepted() > 50, 'some are accepted');
    child.kill(name);
    await until(() => load.outcomes.at(-1) === 'ECONNREFUSED', 'nobody listens any more');
    await load.stop();
    expect((await finished).code).toBe(0);
    expectNoneCut(load.outcomes);
    expect([...pids('api'), ...pids('consumer')].filter(isRunning)).toEqual([]);
    expect(await stored()).toBe(load.accepted());
  });

  it('is not confused by a signal to the whole group, as a terminal or a supervisor sends it', async () => {
    const { child, url, pids, finished } = await start(2);
    expect(await post(url, 1)).toBe(202);
    for (const pid of [...pids('api'), ...pids('consumer')]) process.kill(pid, 'SIGINT');
    child.kill('SIGINT');
    expect((await finished).code).toBe(0);
    expect(await stored()).toBe(1);
  });

  it('ends at once at a second signal, with all its processes', async () => {
    const { child, url, pids, finished } = await start(2);
    const { hostname, port } = new URL(url);
    // A request that never ends keeps a worker from stopping by itself for seconds.
    const sent = request({
      hostname,
      port,
      path: '/metrics/heart-rate',
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': 100 },
    });
    sent.on('error', () => undefined);
    sent.write('{');
    await sleep(300);
    child.kill('SIGTERM');
    await sleep(300);
    expect(child.exitCode).toBeNull();
    const toldMs = Date.now();
    child.kill('SIGTERM');
    await until(() => child.exitCode !== null, 'it has ended');
    expect(child.exitCode).toBe(143);
    await until(() => ![...pids('api'), ...pids('consumer')].some(isRunning), 'no process is left');
    // The request in flight would have been given 10 s.
    expect(Date.now() - toldMs).toBeLessThan(9_000);
    await finished;
  });

  it('leaves no process when it is killed, and cuts no request then either', async () => {
    const { child, url, pids } = await start(2);
    const load = startLoad(url);
    await until(() => load.accepted() > 50, 'some are accepted');
    child.kill('SIGKILL');
    await until(() => ![...pids('api'), ...pids('consumer')].some(isRunning), 'no process is left');
    await load.stop();
    expectNoneCut(load.outcomes);
    expect(await stored()).toBe(load.accepted());
  });
});

describe('hrm serve --workers that cannot start', () => {
  it('ends with 3 when its port is taken, and says so once', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const { code, stdout, stderr } = await sandbox.runProcess(['serve', '--workers', '2', '--port', String(port)]);
    holder.close();
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr.match(/is in use/g)).toHaveLength(1);
    expect(stderr).toContain(String(port));
  });

  it('ends with 2 where anybody could come in, and says why, once', async () => {
    const { code, stdout, stderr } = await sandbox.runProcess(['serve', '--workers', '2', '--host', '0.0.0.0']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('HRM_ALLOW_ANONYMOUS')).toHaveLength(2);
  });

  // These are refused before anything is started.
  it.each([
    [['--workers', '2', '--port', 'eighty'], '--port is "eighty": it must be an integer from 0 to 65535'],
    [['--workers', '0'], '--workers is "0": it must be an integer from 1 to 64'],
    [['--workers', '65'], '--workers is "65": it must be'],
    [['--workers', '1.5'], '--workers is "1.5": it must be'],
    [['--workers', '2', '--only', 'consumer'], '--workers is for the API, which --only leaves out'],
  ])('%j ends with 2 and says why, once', async (args, message) => {
    const { code, stdout, stderr } = await sandbox.run(['serve', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split(message)).toHaveLength(2);
  });

  it('is JSON with --json', async () => {
    const { code, stderr } = await sandbox.runProcess(['serve', '--workers', '2', '--host', '0.0.0.0', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stderr).error).toMatchObject({ kind: 'invalid', code: 'invalid_settings' });
  });
});
