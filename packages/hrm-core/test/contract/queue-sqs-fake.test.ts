import { describe, test } from 'vitest';
import { queueContract } from '../../src/contract/index.js';
import { openFake, SQS_PROMISES } from '../support/sqs-queue.js';

let places = 0;

describe('queue contract', () =>
  queueContract({
    test,
    promises: SQS_PROMISES,
    async fixture() {
      places += 1;
      const { open, advance } = openFake({ seed: places, leaseMs: 1_000 });
      // What the test opens is closed when it ends.
      return { open, advance, dispose: async () => undefined };
    },
  }));
