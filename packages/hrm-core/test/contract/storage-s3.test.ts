import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type Radosgw, startRadosgw } from '../../../../test/support/radosgw.js';
import { storageContract } from '../../src/contract/index.js';
import { createAwsClient } from '../../src/drivers/aws/client.js';
import { type Credentials, givenCredentials } from '../../src/drivers/aws/credentials.js';
import { openS3Storage } from '../../src/drivers/storage/s3/s3.js';
import { compact, writePart } from '../../src/index.js';
import { GoneError, readBucket } from '../support/outside-reader.js';
import { S3_TRAITS } from '../support/s3-storage.js';

const START_MS = Date.UTC(2024, 0, 15);

let server: Radosgw;
let credentials: Credentials;

beforeAll(async () => {
  server = await startRadosgw();
  credentials = givenCredentials(server);
  const endpoint = new URL(server.endpoint);
  const client = createAwsClient({ endpoint, credentials, region: 'us-east-1', service: 's3' });
  expect(await client.send({ method: 'PUT', path: '/hrm-tests' })).toMatchObject({ status: 200 });
  client.close();
}, 60_000);
afterAll(() => server.stop());

function open(prefix: string) {
  return openS3Storage({ url: `s3://hrm-tests/${prefix}`, endpoint: server.endpoint, credentials });
}

describe('on a real server', () => {
  storageContract({
    test,
    traits: S3_TRAITS,
    async fixture() {
      const prefix = `${randomUUID()}/data`;
      return { open: () => open(prefix), dispose: async () => undefined };
    },
  });

  it('a program that knows nothing of it reads along, and never sees a changed object or fewer readings', {
    timeout: 120_000,
  }, async () => {
    const client = createAwsClient({
      endpoint: new URL(server.endpoint),
      credentials,
      region: 'us-east-1',
      service: 's3',
    });
    const prefix = `${randomUUID()}/data`;
    const storage = await open(prefix);
    // So many batches that a busy machine still comes to an end.
    const [users, batches, wanted] = [40, 60, 8];
    let [stored, seen, again, compacted, swept, isOver] = [0, 0, 0, 0, 0, false];
    async function write(): Promise<void> {
      for (let b = 0; b < batches && !isOver; b += 1) {
        const readings = Array.from({ length: users }, (_, user) => {
          const timestampMs = START_MS + b * 1_000;
          return {
            userId: `user ${user}`,
            deviceId: 'watch',
            timestampMs,
            heartRate: 60 + (b % 90),
            receivedMs: START_MS,
          };
        });
        await writePart({ storage }, readings);
        stored += users;
        await delay(100);
      }
    }
    async function tidy(): Promise<void> {
      while (!isOver) {
        const summary = await compact({ storage }, { all: true, sweepAfterMs: 1_000 });
        expect(summary.failures).toEqual([]);
        compacted += summary.compacted;
        swept += summary.swept;
      }
    }
    async function read(): Promise<void> {
      try {
        while (seen < wanted || compacted <= users || swept === 0) {
          const before = stored;
          const found = await readBucket(client, 'hrm-tests', `${prefix}/`).catch((error) => {
            if (error instanceof GoneError) return null;
            throw error;
          });
          if (found === null) again += 1;
          else {
            seen += 1;
            expect(found.size).toBeGreaterThanOrEqual(before);
          }
        }
      } finally {
        isOver = true;
      }
    }
    await Promise.all([write(), tidy(), read()]);
    await storage.close();
    client.close();
    console.log(`read along ${seen} times, and again ${again} times; ${compacted} files made, ${swept} swept`);
  });

  it('says what is wrong with keys, bucket and rights', async () => {
    const url = 's3://hrm-tests/wrong';
    const wrong = (secretAccessKey: string, accessKeyId = server.accessKeyId) =>
      openS3Storage({
        url,
        endpoint: server.endpoint,
        credentials: givenCredentials({ accessKeyId, secretAccessKey }),
      });
    await expect(wrong('another')).rejects.toThrow(/cannot .* in s3:\/\/hrm-tests\/wrong: the secret key is wrong/);
    await expect(wrong('another', 'AKNOBODY')).rejects.toThrow(/does not know these keys/);
    const missing = openS3Storage({ url: 's3://hrm-nowhere/x', endpoint: server.endpoint, credentials });
    await expect(missing).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/no such bucket/),
    });
  });
});
