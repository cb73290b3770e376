import { describe, test } from 'vitest';
import { storageContract } from '../../src/contract/index.js';
import { createFakeS3, type Fault } from '../support/fake-s3.js';
import { randomFrom, testSeed } from '../support/random.js';
import { openFakeStorage, S3_TRAITS } from '../support/s3-storage.js';

const FAULTS: readonly Fault[] = [
  'reset',
  'lost',
  { status: 503, code: 'SlowDown' },
  { status: 500, code: 'InternalError', isApplied: true },
];

describe('as AWS is', () => {
  storageContract({
    test,
    traits: S3_TRAITS,
    async fixture() {
      const fake = createFakeS3();
      return { open: () => openFakeStorage(fake), dispose: async () => undefined };
    },
  });
});

const seed = testSeed();

describe('where 3 of 10 requests fail, in four ways', () => {
  storageContract({
    test,
    traits: S3_TRAITS,
    async fixture() {
      const fake = createFakeS3();
      const random = randomFrom(seed);
      fake.plan = () => (random() < 0.3 ? (FAULTS[Math.floor(random() * FAULTS.length)] ?? null) : null);
      return { open: () => openFakeStorage(fake), dispose: async () => undefined };
    },
  });
});
