import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test, vi } from 'vitest';
import { type SqsServer, startSqs } from '../../../../test/support/sqs-server.js';
import { queueContract } from '../../src/contract/index.js';
import { openDeadLetterDirectory } from '../../src/drivers/letters/directory.js';
import { openSqsQueue } from '../../src/drivers/queue/sqs/sqs.js';
import type { Queue } from '../../src/ports/queue.js';
import { SQS_PROMISES } from '../support/sqs-queue.js';

let sqs: SqsServer;
let places = 0;
beforeAll(async () => {
  sqs = await startSqs();
});
afterAll(async () => {
  await sqs.stop();
  vi.useRealTimers();
});

/** The server is in this process, so it and all handles go by the same `Date`, which moves only when it is told to. */
async function fixture() {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 });
  places += 1;
  const url = sqs.create(`readings-${places}`);
  const directory = mkdtempSync(join(tmpdir(), 'hrm-sqs-'));
  const handles: Queue[] = [];
  return {
    async open() {
      const deadLetters = openDeadLetterDirectory(directory);
      const clock = { nowMs: () => Date.now() };
      const settings = { url, deadLetters, env: sqs.env, clock, leaseMs: 1_000, waitSeconds: 0, settleMs: 100 };
      const queue = await openSqsQueue(settings);
      handles.push(queue);
      return queue;
    },
    advance(ms: number) {
      vi.setSystemTime(Date.now() + ms);
    },
    async dispose() {
      for (const queue of handles) await queue.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

describe('queue contract', () => queueContract({ test, promises: SQS_PROMISES, histories: 5, fixture }));
