/** The clocks that tests set are those that the processes go by. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { createFakeClock } from './support/fake-clock.js';
import { temporaryDirectory } from './support/hrm.js';
import { startRedis } from './support/redis-server.js';

const HOUR_MS = 3_600_000;

it.runIf(process.platform === 'linux')('lets the clocks of redis-server and Node jump, and no timer', async () => {
  const clock = await createFakeClock(await temporaryDirectory(), 'test');
  const redis = await startRedis({ env: clock.env });
  const program = 'process.stdin.on("data", () => console.log(Date.now(), performance.now())); console.log("ready")';
  const node = spawn(process.execPath, ['-e', program], {
    env: { ...process.env, ...clock.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(node.stdout)[Symbol.asyncIterator]();
  await lines.next();
  async function ahead(): Promise<{ redisMs: number; nodeMs: number; runningMs: number }> {
    const redisMs = 1000 * Number(await redis.cli('EVAL', 'return redis.call("TIME")[1]', '0')) - Date.now();
    node.stdin.write('\n');
    const [nowMs, runningMs] = String((await lines.next()).value)
      .split(' ')
      .map(Number) as [number, number];
    return { redisMs, nodeMs: nowMs - Date.now(), runningMs };
  }
  for (const offsetMs of [0, HOUR_MS, -HOUR_MS]) {
    await clock.setAhead(offsetMs);
    const { redisMs, nodeMs, runningMs } = await ahead();
    // Within a minute: an hour is what is told apart here.
    expect(Math.abs(redisMs - offsetMs)).toBeLessThan(60_000);
    expect(Math.abs(nodeMs - offsetMs)).toBeLessThan(60_000);
    expect(runningMs).toBeLessThan(60_000);
  }
  node.stdin.end();
});
