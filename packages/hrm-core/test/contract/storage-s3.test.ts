import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type Radosgw, startRadosgw } from '../../../../test/support/radosgw.js';
import { storageContract } from '../../src/contract/index.js';
import { createAwsClient } from '../../src/drivers/aws/client.js';
import { type Credentials, givenCredentials } from '../../src/drivers/aws/credentials.js';
import { openS3Storage } from '../../src/drivers/storage/s3/s3.js';
import { S3_TRAITS } from '../support/s3-storage.js';

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
