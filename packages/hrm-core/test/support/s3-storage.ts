/** Handles on a store in the fake service. */

import type { StorageTraits } from '../../src/contract/index.js';
import { openAlertBucket } from '../../src/drivers/alerts/bucket.js';
import { createAwsClient } from '../../src/drivers/aws/client.js';
import { givenCredentials } from '../../src/drivers/aws/credentials.js';
import { openDeadLetterBucket } from '../../src/drivers/letters/bucket.js';
import { openProcessBucket } from '../../src/drivers/processes/bucket.js';
import { openS3Storage, type S3StorageOptions } from '../../src/drivers/storage/s3/s3.js';
import type { DeadLetterPlace, ProcessPlace, Storage } from '../../src/index.js';
import type { AlertPlace } from '../../src/ports/alert-place.js';
import type { FakeS3 } from './fake-s3.js';

export const S3_TRAITS: StorageTraits = { isInByteOrder: false, looksForHolders: false, tellsUnchanged: false };

const PLACE = { url: 's3://bucket/some/data', endpoint: 'http://fake' };

/** Sends to the fake service; nothing waits before it is tried again. */
function fakeClient({ exchange }: FakeS3) {
  return createAwsClient({
    endpoint: new URL('http://fake'),
    credentials: givenCredentials({ accessKeyId: 'AKID', secretAccessKey: 'secret' }),
    region: 'us-east-1',
    service: 's3',
    random: { id: () => 'id', fraction: () => 0 },
    exchange,
  });
}

/** Opens a store in the fake service. */
export function openFakeStorage(fake: FakeS3, options: Partial<S3StorageOptions> = {}): Promise<Storage> {
  return openS3Storage({ ...PLACE, client: fakeClient(fake), ...options });
}

/** The place of dead letters beside that store. */
export function openFakeLetters(fake: FakeS3, options: Partial<S3StorageOptions> = {}): DeadLetterPlace {
  return openDeadLetterBucket({ ...PLACE, client: fakeClient(fake), ...options });
}

/** The place of alerts beside that store. */
export function openFakeAlerts(fake: FakeS3): AlertPlace {
  return openAlertBucket({ ...PLACE, client: fakeClient(fake) });
}

/** The place of processes beside that store. */
export function openFakeProcesses(fake: FakeS3): ProcessPlace {
  return openProcessBucket({ ...PLACE, client: fakeClient(fake) });
}
