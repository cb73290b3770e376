import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const READINGS = 40_000;
const SMALL = { HRM_QUEUE_HIGH_WATER: '5000' };

async function untilSaid(said: () => string, words: string): Promise<void> {
  for (const endMs = performance.now() + 60_000; !said().includes(words); await sleep(20)) {
    if (performance.now() > endMs) throw new Error(`waited a minute in vain for "${words}", got ${said()}`);
  }
}

describe('an import that meets a full queue', () => {
  async function start(...more: string[]) {
    await writeFile(join(sandbox.directory, 'a.ndjson'), ndjson(READINGS));
    const running = sandbox.start(['import', 'a.ndjson', ...more], SMALL);
    let text = '';
    running.child.stderr?.on('data', (data: string) => {
      text += data;
    });
    return { ...running, said: () => text };
  }

  it('says so, waits, and goes on as consumers make room', async () => {
    const { child, finished, said } = await start();
    await untilSaid(said, 'waiting for a consumer');
    // It waits for a while, and neither ends nor says it again.
    await sleep(1_500);
    expect(child.exitCode).toBeNull();
    const consumer = sandbox.start(['serve', '--only', 'consumer'], { HRM_BATCH_MAX_AGE_MS: '50' });
    const { code, stdout, stderr } = await finished;
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/readings enqueued +40000\n/) });
    expect(stderr).toBe(
      'hrm import: the queue is full; waiting for a consumer to make room (hrm serve, or hrm drain --all)\n',
    );
    consumer.child.kill('SIGTERM');
    await consumer.finished;
    expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
    const { data } = JSON.parse((await sandbox.run(queryArgs('ana', '--json'))).stdout);
    expect(data.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(READINGS);
  });

  it('ends at a signal while it waits, and says how far it came', async () => {
    const { child, finished, said } = await start();
    await untilSaid(said, 'waiting for a consumer');
    child.kill('SIGINT');
    const { code, stderr } = await finished;
    expect(code).toBe(6);
    expect(stderr).toMatch(
      /[\d,]+ readings enqueued before that\. Importing again is harmless; an import with --resume/,
    );
  });
});
