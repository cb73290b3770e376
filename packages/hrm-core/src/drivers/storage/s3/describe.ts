/** What a bucket is like, for a person who looks at it. */
import { randomUUID } from 'node:crypto';
import { HrmError } from '../../../errors.js';
import { parseStorageUrl } from '../../../storage-place.js';
import { encodePath } from '../../aws/sign.js';
import { textOf } from '../../aws/xml.js';
import { objectsSettings, type S3StorageOptions } from './s3.js';

/** What was found. */
export interface S3Report {
  /** What the bucket is asked by. */
  readonly region: string;
  readonly host: string;
  /** How far the service's clock is ahead of this machine's, milliseconds, to the second. */
  readonly clockAheadMs: number;
  /** What a request takes, milliseconds. */
  readonly roundTripMs: number;
  /** `null` where the keys may not ask. */
  readonly isVersioned: boolean | null;
  /** Whether old versions, or anything, are ever deleted by the service; `null` where the keys may not ask. */
  readonly hasLifecycle: boolean | null;
  /** Whether the keys may delete objects; `null` where the service does not say. */
  readonly canDelete: boolean | null;
}

/** Looks at the bucket of a store. @throws HrmError kind `unavailable`; kind `invalid`. */
export async function describeS3(options: S3StorageOptions): Promise<S3Report> {
  const place = parseStorageUrl(options.url);
  if (place === null) throw new HrmError('no s3:// URL', { kind: 'invalid', code: 'invalid_settings' });
  const { client, bucket, prefix, isPathStyle, region, host } = objectsSettings(options, place);
  const path = isPathStyle ? `/${bucket}` : '/';
  try {
    const beganMs = performance.now();
    const versioning = await client.send({ method: 'GET', path, query: 'versioning=' });
    const roundTripMs = performance.now() - beganMs;
    const theirsMs = Date.parse(String(versioning.headers.date));
    // The header is in whole seconds, cut off.
    const aheadMs = theirsMs + 500 - (Date.now() - roundTripMs / 2);
    const lifecycle = await client.send({ method: 'GET', path, query: 'lifecycle=' });
    // A key of nobody: to delete what is not there needs the same right.
    const key = `${prefix}.probe-${randomUUID()}`;
    const deletion = await client.send({ method: 'DELETE', path: `${isPathStyle ? path : ''}/${encodePath(key)}` });
    const isUnset = lifecycle.code === 'NoSuchLifecycleConfiguration';
    return {
      region,
      host,
      clockAheadMs: Math.abs(aheadMs) <= 1_000 ? 0 : aheadMs,
      roundTripMs,
      isVersioned: versioning.status === 200 ? textOf(versioning.body.toString('utf8'), 'Status') === 'Enabled' : null,
      hasLifecycle: lifecycle.status === 200 ? true : isUnset ? false : null,
      canDelete: deletion.status === 204 ? true : deletion.status === 403 ? false : null,
    };
  } finally {
    if (options.client === undefined) client.close();
  }
}
