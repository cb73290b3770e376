import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { it, onTestFinished } from 'vitest';
import { startSqs } from '../../../../test/support/sqs-server.js';
import { openDeadLetterDirectory } from '../../src/drivers/letters/directory.js';
import { openSqsQueue } from '../../src/drivers/queue/sqs/sqs.js';
import { pause } from '../../src/waits.js';
import { randomFrom, testSeed } from '../support/random.js';
import { LIMITS, numbered, numbersOf } from '../support/redis-queue.js';

const WORKER = fileURLToPath(new URL('./sqs-worker.mjs', import.meta.url));
const ROUNDS = Math.min(6, Number(process.env.HRM_CRASH_ROUNDS ?? 6));
const ROUND_READINGS = 100;

it('loses nothing that was accepted, and invents nothing, while consumers are killed', async () => {
  const random = randomFrom(testSeed());
  const sqs = await startSqs();
  onTestFinished(() => sqs.stop());
  const directory = mkdtempSync(join(tmpdir(), 'hrm-sqs-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const url = sqs.create('readings');
  const deadLetters = openDeadLetterDirectory(directory);
  const queue = await openSqsQueue({ url, deadLetters, env: sqs.env, leaseMs: 2_000, waitSeconds: 1 });
  onTestFinished(() => queue.close());
  const stored = new Set<number>();
  const workers = new Set<ChildProcess>();
  onTestFinished(() => {
    for (const worker of workers) worker.kill('SIGKILL');
  });
  function start(): ChildProcess {
    const worker = spawn(process.execPath, [WORKER, url, directory], {
      env: { ...process.env, ...sqs.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    workers.add(worker);
    createInterface({ input: worker.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      for (const number of line.split(',')) stored.add(Number(number));
    });
    return worker;
  }
  let pushed = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const worker = start();
    const [said] = await Promise.all([
      once(worker.stdout as NodeJS.ReadableStream, 'data'),
      ...Array.from({ length: ROUND_READINGS }, async () => {
        pushed += 1;
        await queue.push([numbered(pushed)]);
      }),
    ]);
    assert.ok(said !== undefined);
    await pause(random() * 50);
    worker.kill('SIGKILL');
    await once(worker, 'close');
    workers.delete(worker);
  }
  // What the killed ones had comes back when their leases end.
  while (stored.size < pushed) {
    const claim = await queue.claim({ ...LIMITS, leaseMs: 10_000 });
    for (const number of numbersOf(claim)) stored.add(number);
    if (claim !== null) await queue.ack(claim.token);
  }
  assert.deepEqual(
    [...stored].sort((a, b) => a - b),
    Array.from({ length: pushed }, (_, index) => index + 1),
  );
});
