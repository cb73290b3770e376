import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openDeadLetterDirectory } from '../../src/drivers/letters/directory.js';
import { openSqsQueue } from '../../src/drivers/queue/sqs/sqs.js';
import type { Queue } from '../../src/ports/queue.js';
import { createFakeSqs, FAKE_ENV, type FakeSqs, type FakeSqsOptions } from './fake-sqs.js';

/** What SQS does not promise. */
export const SQS_PROMISES = {
  order: false,
  wholeRedelivery: false,
  exactDepth: false,
  sharedWaits: false,
  feed: false,
};

/** A queue of the fake, for one test. */
export interface FakePlace {
  readonly sqs: FakeSqs;
  /** A further handle, which is closed when the test ends. */
  readonly open: () => Promise<Queue>;
  /** Moves the clock of the service and of all handles. */
  readonly advance: (ms: number) => void;
  /** The URL of a queue; by default of the one that handles are of. */
  readonly url: (name?: string) => string;
}

/** How the place is. */
export interface FakePlaceOptions extends Omit<FakeSqsOptions, 'nowMs'> {
  readonly attributes?: Readonly<Record<string, string>>;
  /** Further queues. */
  readonly queues?: readonly string[];
  readonly leaseMs?: number;
}

/** A service with an empty queue. */
export function openFake({
  attributes = {},
  queues = [],
  leaseMs = 30_000,
  ...options
}: FakePlaceOptions = {}): FakePlace {
  let nowMs = 1_700_000_000_000;
  const clock = { nowMs: () => nowMs };
  const sqs = createFakeSqs({ ...options, nowMs: clock.nowMs });
  const urls = new Map([
    ['readings', sqs.create('readings', attributes)],
    ...queues.map((name) => [name, sqs.create(name)] as const),
  ]);
  const directory = mkdtempSync(join(tmpdir(), 'hrm-sqs-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const url = (name = 'readings') => urls.get(name) ?? '';
  return {
    sqs,
    url,
    advance(ms) {
      nowMs += ms;
    },
    async open() {
      const deadLetters = openDeadLetterDirectory(directory);
      const { exchange } = sqs;
      const settings = {
        url: url(),
        deadLetters,
        env: FAKE_ENV,
        exchange,
        clock,
        leaseMs,
        waitSeconds: 0,
        settleMs: 50,
      };
      const queue = await openSqsQueue(settings);
      onTestFinished(() => queue.close());
      return queue;
    },
  };
}
