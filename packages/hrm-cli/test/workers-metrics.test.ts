/** One scrape of `hrm serve --workers` speaks for all its processes, whichever of them is asked. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../test/support/until.js';
import { parseScrape, type Scrape } from '../../hrm-server/test/scrape.js';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const SETTINGS = { HRM_PORT: '0', HRM_BATCH_MAX_AGE_MS: '50', HRM_COMPACT_EVERY_MS: '50', HRM_LOG_LEVEL: 'info' };
const ACCEPTED = 'hrm_readings_accepted_total';
const POSTED = 'hrm_requests_total{method="POST",route="/metrics/heart-rate",status="202"}';

/** One request on a connection of its own, so that any worker may take it. */
function ask(url: string, path: string, body?: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const options = { method: body === undefined ? 'GET' : 'POST', headers, agent: new Agent(), timeout: 60_000 };
    const sent = request(url + path, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).on('timeout', () => sent.destroy(new Error('no answer within 20 s')));
    sent.end(body);
  });
}

async function scrape(url: string): Promise<Scrape> {
  const { status, text } = await ask(url, '/metrics');
  expect(status).toBe(200);
  return parseScrape(text);
}

let seconds = 0;

/** Posts readings of a second each that none had before. */
async function post(url: string, count: number): Promise<void> {
  const bodies = Array.from({ length: count }, () => {
    seconds += 1;
    const timestamp = new Date(Date.UTC(2024, 0, 15) + seconds * 1_000).toISOString();
    return JSON.stringify({ user_id: 'ana', device_id: 'watch', timestamp, heart_rate: 72 });
  });
  const answers = await Promise.all(bodies.map((body) => ask(url, '/metrics/heart-rate', body)));
  expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 202));
}

/** Starts two workers and the loops. */
async function start() {
  const running = sandbox.start(['serve', '--workers', '2'], SETTINGS);
  let log = '';
  running.child.stderr?.on('data', (text: string) => {
    log += text;
  });
  const url = await running.firstLine();
  function pids(part: string): number[] {
    const lines = log
      .slice(0, log.lastIndexOf('\n') + 1)
      .trim()
      .split('\n');
    const parsed = lines.flatMap((line) =>
      line === '' ? [] : [JSON.parse(line) as { msg: string; pid: number; parts?: string[] }],
    );
    return parsed.flatMap(({ msg, pid, parts }) => (msg === 'starting' && parts?.includes(part) ? [pid] : []));
  }
  await until(() => pids('api').length === 2 && pids('consumer').length === 1, 'all have logged their start');
  return { ...running, url, pids, log: () => log };
}

describe('a scrape of hrm serve --workers', () => {
  it('has the sums of all processes, whoever answers it', async () => {
    const { child, url, pids, finished } = await start();
    // Each worker takes some: while one stands still the other takes all.
    for (const [i, pid] of pids('api').entries()) {
      process.kill(pid, 'SIGSTOP');
      await post(url, 10 + i);
      process.kill(pid, 'SIGCONT');
    }
    // Each process has looked at the queue a moment ago, and not all of them since it is empty.
    await until(async () => {
      const { value } = await scrape(url);
      return value('hrm_readings_stored_total') === 21 && value('hrm_queue_readings{state="waiting"}') === 0;
    }, 'the loops have stored them');
    const seen = await Promise.all(Array.from({ length: 10 }, () => scrape(url)));
    for (const { value } of seen) {
      expect(value(ACCEPTED)).toBe(21);
      expect(value(POSTED)).toBe(21);
      expect(value('hrm_request_duration_seconds_count{method="POST",route="/metrics/heart-rate"}')).toBe(21);
      expect(value('hrm_batch_readings_sum')).toBe(21);
      // What all see is no sum.
      expect(value('hrm_queue_high_water_readings')).toBe(5_000_000);
      expect(value('hrm_queue_readings{state="waiting"}')).toBe(0);
      expect(value('hrm_health_status{check="queue",status="healthy"}')).toBe(1);
      expect(value('hrm_compaction_duration_seconds_count')).toBeGreaterThan(0);
    }
    child.kill('SIGTERM');
    expect((await finished).code).toBe(0);
  });

  it('has what workers had counted that nobody had asked when they were killed', async () => {
    const { child, url, pids, finished } = await start();
    await post(url, 200);
    // Nothing shows from outside that they have told it: a scrape would ask them.
    await sleep(3_000);
    for (const pid of pids('api')) process.kill(pid, 'SIGKILL');
    await until(() => pids('api').length === 4, 'both are started again');
    await until(
      () =>
        ask(url, '/health/live')
          .then(() => true)
          .catch(() => false),
      'they listen',
    );
    const { value } = await scrape(url);
    expect(value(ACCEPTED)).toBe(200);
    expect(value(POSTED)).toBe(200);
    expect(value('hrm_request_duration_seconds_count{method="POST",route="/metrics/heart-rate"}')).toBe(200);
    child.kill('SIGTERM');
    expect((await finished).code).toBe(0);
  });

  it('never goes back: not when a worker is killed, nor while one stands still', async () => {
    const { child, url, pids, finished, log } = await start();
    await post(url, 40);
    await until(async () => (await scrape(url)).value(ACCEPTED) === 40, 'all are counted');
    const [killed = 0, other = 0] = pids('api');
    process.kill(killed, 'SIGKILL');
    await until(() => log().includes('a worker was started again'), 'another is there');
    expect((await scrape(url)).value(ACCEPTED)).toBe(40);
    await post(url, 5);
    await until(async () => (await scrape(url)).value(ACCEPTED) === 45, 'what came since is added');
    process.kill(other, 'SIGSTOP');
    expect((await scrape(url)).value(ACCEPTED)).toBe(45);
    process.kill(other, 'SIGCONT');
    const [loops = 0] = pids('consumer');
    await until(async () => (await scrape(url)).value('hrm_readings_stored_total') !== 0, 'they are stored');
    const before = Number((await scrape(url)).value('hrm_readings_stored_total'));
    process.kill(loops, 'SIGKILL');
    await until(() => pids('consumer').length === 2, 'the loops are there again');
    expect(Number((await scrape(url)).value('hrm_readings_stored_total'))).toBeGreaterThanOrEqual(before);
    child.kill('SIGTERM');
    expect((await finished).code).toBe(0);
  });
});
