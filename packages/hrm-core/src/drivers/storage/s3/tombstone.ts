/**
 * What stands in the place of a file that was taken away: a Parquet file of the store's columns without rows, so that every reader may read
 * it, and finds nothing.
 *
 * To delete what has a key would delete what somebody has stored there a moment ago. To write over what has an ETag does not. AWS
 * can delete by an ETag, too; other services ignore that and delete, and where the reply is lost nobody can tell who it was. A tombstone tells who wrote
 * it. It stays, for whoever deleted it would be in the same doubt, and the next file of its name is written over it. Only damaged files
 * and those that others have named leave one.
 */
import type { ListedObject, Objects } from './objects.js';

/** As parquet/encode.ts has made it once. It is never another, or those that stand would be files again. */
export const TOMBSTONE: Uint8Array = Buffer.from(
  'UEFSMRUEGWxIBHJvb3QVCgAVBCUAGAx0aW1lc3RhbXBfbXMAFQIlABgKaGVhcnRfcmF0ZQAVDCUAGAlkZXZpY2VfaWQlAAAVDCUAGAd1c2VyX2lkJQAAFQIlABgPcmVjZWl2ZWRfbWludXRlABYAGQAZLBgOaHJtLnJvd19ncm91cHMYAltdABgKaHJtLmZvb3RlchhANWVkZTgwNjA0MTQ3MjliMjY5MzA4MDhkOWFkZjFlNWM2Yjc3NGUzZmJhNjM4YjlhODk3YTFlMTU1Y2UzZjAwYwAYCGhybS1jb3JlGVwcAAAcAAAcAAAcAAAcAAAA7wAAAFBBUjE=',
  'base64',
);

/** Whether bytes are a tombstone. */
export function isTombstone(bytes: Uint8Array): boolean {
  return bytes.length === TOMBSTONE.length && Buffer.compare(bytes, TOMBSTONE) === 0;
}

/** Tombstones that are known by their ETags, at most; what a service encrypts may have another one each time. */
const MAX_KNOWN = 1_024;

/** Tells tombstones from files: the size says so, and of a file of that very size its bytes do, once. */
export function createTombstones(objects: Pick<Objects, 'get'>): (object: ListedObject) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async ({ key, etag, byteLength }) => {
    if (byteLength !== TOMBSTONE.length) return false;
    let isOne = known.get(etag);
    if (isOne === undefined) {
      const found = await objects.get(key, { etag });
      // What is gone by now was no file either when it was listed, or the next look has what took its place.
      if (found === null) return true;
      isOne = isTombstone(found.bytes);
      known.set(etag, isOne);
      for (const oldest of known.keys()) {
        if (known.size <= MAX_KNOWN) break;
        known.delete(oldest);
      }
    }
    return isOne;
  };
}
