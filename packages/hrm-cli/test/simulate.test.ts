import { openEmbeddedQueue } from 'hrm-core/embedded';
import { createPerson, heartRateAt } from 'hrm-core/simulate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, queryArgs, type Sandbox } from './hrm.js';

const START = '2024-01-15T08:00:00Z';
const HOUR_MS = 3_600_000;

interface Line {
  readonly user_id: string;
  readonly device_id: string;
  readonly timestamp: string;
  readonly heart_rate: number;
}

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

async function dryRun(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sandbox.run(['simulate', '--dry-run', '--start', START, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const parse = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Readings that the queue holds. */
async function queued(): Promise<number> {
  const queue = await openEmbeddedQueue({ directory: sandbox.queueDir });
  try {
    return (await queue.depth()).readings;
  } finally {
    await queue.close();
  }
}

describe('hrm simulate --dry-run', () => {
  it('is the same under one seed and start, and another under another', async () => {
    const args = ['--users', '3', '--devices', '3', '--duration', '20m', '--seed', '7'];
    const text = await dryRun(...args);
    expect(await dryRun(...args)).toBe(text);
    expect(await dryRun(...args.slice(0, -1), '8')).not.toBe(text);
    const lines = parse(text);
    expect(new Set(lines.map(({ user_id }) => user_id))).toEqual(new Set(['sim-0001', 'sim-0002', 'sim-0003']));
    expect(new Set(lines.map(({ device_id }) => device_id))).toEqual(new Set(['watch', 'strap', 'ring']));
    // One a second of nine devices, some of which are not worn now and then.
    expect(lines.length).toBeGreaterThan(0.75 * 9 * 1_200);
    expect(lines.length).toBeLessThan(1.05 * 9 * 1_200);
  });

  it('is out of order, has readings twice, and bursts of what was uploaded late; each is a valid reading', async () => {
    const text = await dryRun('--users', '4', '--duration', '3h', '--rate', '2');
    const lines = parse(text);
    const times = lines.map(({ timestamp }) => Date.parse(timestamp));
    const [fromMs, toMs] = [Date.parse(START), Date.parse(START) + 3 * HOUR_MS];
    expect(Math.min(...times)).toBeGreaterThanOrEqual(fromMs);
    expect(Math.max(...times)).toBeLessThan(toMs);
    let latestMs = 0;
    const behindMs = times.map((ms) => {
      latestMs = Math.max(latestMs, ms);
      return latestMs - ms;
    });
    const seconds = behindMs.filter((ms) => ms > 500 && ms < 10_000).length;
    const minutes = behindMs.filter((ms) => ms > 60_000).length;
    expect(seconds).toBeGreaterThan(lines.length / 100);
    expect(minutes).toBeGreaterThan(lines.length / 100);
    expect(seconds + minutes).toBeLessThan(lines.length / 2);
    const distinct = new Set(text.split('\n').filter((line) => line !== '')).size;
    expect(lines.length - distinct).toBeGreaterThan(lines.length / 500);
    expect(lines.length - distinct).toBeLessThan(lines.length / 30);
    const imported = await sandbox.run(['import', '-', '--json'], { input: text });
    expect(JSON.parse(imported.stdout)).toEqual({ files: 1, enqueued: lines.length, rejected: 0 });
  });

  it('begins with the history that --backfill asks for', async () => {
    const lines = parse(await dryRun('--users', '1', '--devices', '1', '--backfill', '2'));
    const times = lines.map(({ timestamp }) => Date.parse(timestamp));
    expect(Math.min(...times)).toBeLessThan(Date.parse(START) - 47 * HOUR_MS);
    expect(Math.max(...times)).toBeLessThan(Date.parse(START));
    expect(lines.length).toBeGreaterThan(0.9 * 2 * 5_760);
    expect(lines.length).toBeLessThan(1.02 * 2 * 5_760);
  });

  it('ends quietly when its reader leaves', async () => {
    const { child, finished } = sandbox.start(['simulate', '--dry-run', '--users', '50', '--backfill', '3000']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect(await finished).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('hrm simulate', () => {
  it('feeds the queue in real time, tells what it did, and its people can be asked about', async () => {
    const { code, stdout, stderr } = await sandbox.run([
      'simulate',
      '--users=2',
      '--rate=200',
      '--duration=2s',
      '--backfill=1',
      `--start=${START}`,
      '--json',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { enqueued, elapsed_ms, ...rest } = JSON.parse(stdout);
    expect(rest).toMatchObject({ users: 2, devices: 4, seed: 1, stopped: false, late: expect.any(Number) });
    expect(elapsed_ms).toBeGreaterThanOrEqual(2_000);
    expect(enqueued).toBe(await queued());
    expect(enqueued).toBe(parse(await dryRun('--users=2', '--rate=200', '--duration=2s', '--backfill=1')).length);
    await sandbox.run(['drain', '--all']);
    const answer = await sandbox.run(queryArgs('sim-0002', '--interval=1h', '--json'));
    expect(JSON.parse(answer.stdout).count).toBe(9);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends on %s with 0, and what it says is queued is', async (name) => {
    const { child, finished } = sandbox.start(['simulate', '--rate=1000', '--users=500', '--duration=1h', '--json']);
    // As soon as something is there.
    for (let tries = 0; tries < 100 && (await queued()) === 0; tries += 1) await new Promise((r) => setTimeout(r, 100));
    child.kill(name);
    const { code, stdout, stderr } = await finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { enqueued, stopped } = JSON.parse(stdout);
    expect(stopped).toBe(true);
    expect(enqueued).toBeGreaterThan(0);
    expect(enqueued).toBe(await queued());
  });

  it.each([
    [['--users', '0'], '--users is "0": it must be an integer from 1 to 100000'],
    [['--devices', '9'], '--devices is "9": it must be an integer from 1 to 8'],
    [['--users', '1', '--rate', '5000'], 'take more users or devices, or --rate 1000'],
    [['--duration', 'long'], '--duration is "long": it must be like 90, 90s, 10m, 2h or 1d'],
    [['--duration', '0'], 'there is nothing to simulate without --backfill'],
    [['--start', 'yesterday'], '--start is "yesterday": it must be like'],
    [['--start', '1970-01-02T00:00:00Z', '--backfill', '2'], '--backfill goes back to before 1970'],
    [['--seed', '-1'], '--seed is "-1": it must be an integer from 0'],
    [['--start', '2099-01-01T00:00:00Z', '--duration', '1s'], '\ntimestamp lies too far in the future'],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await sandbox.run(['simulate', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

describe('a simulated heart', () => {
  it('sleeps, works and exercises within what a person can', () => {
    const dayMs = Date.UTC(2024, 0, 15);
    const restingBpm: number[] = [];
    let bouts = 0;
    for (let index = 0; index < 40; index += 1) {
      const person = createPerson(3, index);
      const at = (hour: number) => heartRateAt(person, dayMs + person.shiftMs + hour * HOUR_MS);
      const between = (from: number, to: number) =>
        Array.from({ length: 200 }, (_, i) => at(from + ((to - from) * i) / 200));
      const mean = (rates: number[]) => rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
      const [asleep, awake] = [between(1, 5), between(9, 11)];
      expect(mean(asleep)).toBeLessThan(mean(awake) - 5);
      expect(Math.max(...asleep)).toBeLessThan(90);
      const whole = between(0, 24);
      expect(Math.min(...whole)).toBeGreaterThanOrEqual(38);
      expect(Math.max(...whole)).toBeLessThanOrEqual(200);
      bouts += Math.max(...whole) > 125 ? 1 : 0;
      restingBpm.push(Math.round(person.restingBpm));
    }
    expect(new Set(restingBpm).size).toBeGreaterThan(8);
    expect(bouts).toBeGreaterThan(8);
    expect(bouts).toBeLessThan(36);
  });
});
