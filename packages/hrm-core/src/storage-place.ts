/** Where a store is that is in no directory. */

/** A bucket and what keys in it begin with: `''`, or something that ends with a slash. */
export interface StoragePlace {
  readonly bucket: string;
  readonly prefix: string;
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; older ones have capitals and underscores. */
const STORAGE_URL = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:\/([!-~]{0,500}))?$/;

/** Reads `s3://bucket/prefix`; `null` where it is none, or has an empty part. */
export function parseStorageUrl(url: string): StoragePlace | null {
  const [, bucket, path = ''] = STORAGE_URL.exec(url) ?? [];
  const parts = path.replace(/\/$/, '').split('/');
  if (bucket === undefined) return null;
  if (parts.length === 1 && parts[0] === '') return { bucket, prefix: '' };
  // To S3 an empty part is one like any other. Nobody means it.
  return parts.some((part) => ['', '.', '..'].includes(part)) ? null : { bucket, prefix: `${parts.join('/')}/` };
}
