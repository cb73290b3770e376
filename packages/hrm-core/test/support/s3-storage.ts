/** Handles on a store in the fake service. */

import type { StorageTraits } from '../../src/contract/index.js';
import { createAwsClient } from '../../src/drivers/aws/client.js';
import { givenCredentials } from '../../src/drivers/aws/credentials.js';
import { openS3Storage, type S3StorageOptions } from '../../src/drivers/storage/s3/s3.js';
import type { Storage } from '../../src/index.js';
import type { FakeS3 } from './fake-s3.js';

export const S3_TRAITS: StorageTraits = { isInByteOrder: false, looksForHolders: false, tellsUnchanged: false };

/** Opens a store in the fake service; nothing waits before it is tried again. */
export function openFakeStorage(fake: FakeS3, options: Partial<S3StorageOptions> = {}): Promise<Storage> {
  const client = createAwsClient({
    endpoint: new URL('http://fake'),
    credentials: givenCredentials({ accessKeyId: 'AKID', secretAccessKey: 'secret' }),
    region: 'us-east-1',
    service: 's3',
    random: { id: () => 'id', fraction: () => 0 },
    exchange: fake.exchange,
  });
  return openS3Storage({ url: 's3://bucket/some/data', endpoint: 'http://fake', client, ...options });
}
