/**
 * Publishing files: each has its own name, so that to write it twice is to write it once.
 *
 * ```
 *   PUT key, if there is none
 *     200 -> mark: 'written'
 *     412 -> GET: the same bytes -> mark: 'exists'
 *                 a tombstone    -> PUT over it, if it is still that one -> mark: 'written'
 *                 other bytes    -> read again; copy aside ; PUT over it, if it is still that one -> mark: 'written'
 * ```
 *
 * A reply that was lost costs nothing: the same is sent again, and found there. A file that compaction makes is published the same way,
 * under a name that is a hash of its bytes, and replaces nothing: see `isCompacted` of names.ts. The mark comes after the file: see marks.ts.
 */
import { createHash } from 'node:crypto';
import { throwIfAborted } from '../../../errors.js';
import type { CallOptions } from '../../../ports/call-options.js';
import type { Partition, Replacement, Snapshot, Storage } from '../../../ports/storage.js';
import { requirePart } from '../names.js';
import type { S3Context } from './context.js';
import { s3Error } from './errors.js';
import { keyOfFile } from './keys.js';
import { markDirty } from './marks.js';
import { keepAside } from './quarantine.js';
import { objectOf } from './snapshot.js';
import { takeAway } from './take-away.js';
import { isTombstone } from './tombstone.js';

/** Tries at publishing one file while others take it away or put theirs there. */
const MAX_PUBLISH_ATTEMPTS = 5;

/** {@link Storage.publish} of the S3 driver. */
export async function publishPart(
  context: S3Context,
  partition: Partition,
  name: string,
  bytes: Uint8Array,
  options: CallOptions = {},
): Promise<'written' | 'exists'> {
  requirePart(name);
  const key = keyOfFile(partition, name);
  for (let attempt = 1; attempt <= MAX_PUBLISH_ATTEMPTS; attempt += 1) {
    throwIfAborted(options.signal, 'publishing a part');
    const outcome = await publishOnce(context, partition, name, bytes, options);
    if (outcome === null) continue;
    await markDirty(context, partition, options);
    return outcome;
  }
  const { place } = context.objects;
  throw s3Error(`publish ${key}`, place, 'others changed it again and again; try again', 'storage_unavailable');
}

/** @returns `null` where somebody was faster in between. */
async function publishOnce(
  context: S3Context,
  partition: Partition,
  name: string,
  bytes: Uint8Array,
  { signal }: CallOptions,
): Promise<'written' | 'exists' | null> {
  const { objects } = context;
  const key = keyOfFile(partition, name);
  if ((await objects.put(key, bytes, { condition: 'absent', signal })) === 'done') return 'written';
  let found = await objects.get(key, { signal });
  // What is wrong once may have been read wrong.
  if (found !== null && Buffer.compare(found.bytes, bytes) !== 0) found = await objects.get(key, { signal });
  if (found === null) return null;
  if (Buffer.compare(found.bytes, bytes) === 0) return 'exists';
  const { etag } = found;
  if (!isTombstone(found.bytes)) {
    const reason = 'its bytes are not those that its name is the hash of';
    await keepAside(context, { partition, name, bytes: found.bytes, reason });
  }
  const outcome = await objects.put(key, bytes, { condition: { etag }, signal });
  return outcome === 'done' ? 'written' : null;
}

/** {@link Storage.replace} of the S3 driver. */
export async function publishCompacted(
  context: S3Context,
  { snapshot, supersededName, bytes }: Replacement,
  options: CallOptions = {},
): Promise<'replaced'> {
  requirePart(supersededName);
  throwIfAborted(options.signal, 'publishing a compacted file');
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, HASH_DIGITS);
  await publishPart(context, snapshot.partition, `compacted-${hash}.parquet`, bytes, options);
  return 'replaced';
}

const HASH_DIGITS = 32;

/** {@link Storage.remove} of the S3 driver: names that are hashes are only ever of the same bytes, so it is no matter who wrote them. */
export async function removeParts(
  { objects }: S3Context,
  partition: Partition,
  names: readonly string[],
): Promise<void> {
  for (const name of names) requirePart(name);
  await objects.remove(names.map((name) => keyOfFile(partition, name)));
}

/** {@link Storage.removeExact} of the S3 driver. */
export async function removeExactly(
  context: S3Context,
  snapshot: Snapshot,
  { name, sha256 }: Parameters<Storage['removeExact']>[1],
): Promise<'removed' | 'gone'> {
  requirePart(name);
  const { key, etag } = objectOf(snapshot, name);
  const found = await context.objects.get(key, { etag });
  if (found === null || createHash('sha256').update(found.bytes).digest('hex') !== sha256) return 'gone';
  return (await takeAway(context, key, etag)) ? 'removed' : 'gone';
}
