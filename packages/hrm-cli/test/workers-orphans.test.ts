import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis } from '../../../test/support/redis-server.js';
import { hrmEnvironment, makeSandbox, type Sandbox } from './hrm.js';

const PRIMARY = fileURLToPath(new URL('./dying-primary.mjs', import.meta.url));

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

/** Starts a worker whose primary dies in the middle of its start. @returns what they have written, once both have ended. */
async function startOrphan(parts: readonly string[], settings: Record<string, string>): Promise<string> {
  const env = hrmEnvironment(sandbox.directory, { HRM_PORT: '0', HRM_LOG_LEVEL: 'info', ...settings });
  const primary = spawn(process.execPath, [PRIMARY, ...parts], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [pid, log] = ['', ''];
  primary.stdout.on('data', (text) => {
    pid += text;
  });
  primary.stderr.on('data', (text) => {
    log += text;
  });
  // Its pipes are the worker's too, so they close when the last of both has ended.
  const closed = once(primary, 'close').then(() => true);
  try {
    await once(primary, 'exit');
    let timer: NodeJS.Timeout | undefined;
    const isLate = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, 30_000, false);
    });
    expect(await Promise.race([closed, isLate]), `the worker has not ended: ${log}`).toBe(true);
    clearTimeout(timer);
    return log;
  } finally {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It is gone, as it should be.
    }
  }
}

describe('a worker whose primary dies while it starts', () => {
  it.each([
    { what: 'the API', parts: ['api'], settings: {} },
    {
      what: 'loops that listen for metrics',
      parts: ['consumer', 'compacter'],
      settings: { HRM_METRICS_PORT: '18219' },
    },
    { what: 'loops alone', parts: ['consumer', 'compacter'], settings: {} },
  ])('ends, though its connection to Redis would keep it alive: $what', async ({ parts, settings }) => {
    const redis = await startRedis();
    // It had begun: what it waited for was the primary's word.
    expect(await startOrphan(parts, { ...settings, REDIS_URL: redis.url })).toContain('"msg":"starting"');
  });

  it('ends with the embedded queue, too', async () => {
    expect(await startOrphan(['api'], {})).toContain('"msg":"starting"');
  });
});
