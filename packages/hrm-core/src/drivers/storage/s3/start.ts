/** What is proved and made before a store is written to: that the service enforces conditions, and which store it is. */
import { randomUUID } from 'node:crypto';
import { HrmError, otherStoreError, otherTargetError } from '../../../errors.js';
import { SHARED_DIRECTORY } from '../../../names.js';
import { DIRTY_DIRECTORY, IDENTITY_NAME, identityText, isDate, storeNameIn } from '../names.js';
import { SHARED_PREFIX } from './keys.js';
import { markDirty } from './marks.js';
import type { Objects, ObjectsSettings } from './objects.js';
import { listPartitions } from './partitions.js';

/** Every partition that is older than the marks has one, once this is there. Not the name that a directory's marks have for it. */
const MARKS_COMPLETE = `${DIRTY_DIRECTORY}/marked`;

const SOME_BYTES = Buffer.from('hrm\n', 'utf8');

/**
 * Proves that a service enforces conditions: where it accepts and ignores them, two who write one key would both believe to be first, and one
 * file would be lost. Finds out how it wants an ETag.
 * @param quoting - of the objects; set here. AWS takes ETags with quotation marks and without, radosgw 16 only those without.
 * @throws HrmError kind `unavailable`, code `storage_unfit`.
 */
export async function proveConditions(objects: Objects, quoting: ObjectsSettings['quoting']): Promise<void> {
  const key = `${PROBE_PREFIX}${randomUUID()}`;
  await sweepProbes(objects);
  try {
    const first = await objects.put(key, SOME_BYTES, { condition: 'absent' });
    const again = await objects.put(key, SOME_BYTES, { condition: 'absent' });
    if (first !== 'done' || again !== 'refused') throw unfitError(objects.place, 'If-None-Match');
    const wrong = await objects.put(key, SOME_BYTES, { condition: { etag: WRONG_ETAG } });
    if (wrong !== 'refused') throw unfitError(objects.place, 'If-Match');
    const etag = (await objects.get(key))?.etag ?? '';
    quoting.isQuoted = true;
    if ((await objects.put(key, SOME_BYTES, { condition: { etag } })) === 'refused') {
      quoting.isQuoted = false;
      const bare = await objects.put(key, SOME_BYTES, { condition: { etag } });
      if (bare === 'refused') throw unfitError(objects.place, 'If-Match');
    }
  } finally {
    await objects.remove([key]).catch(() => undefined);
  }
}

const PROBE_PREFIX = '.probe-';

/** Age from which on a probe is nobody's any more, milliseconds: whoever is not killed meanwhile deletes it within a minute. */
const STALE_PROBE_MS = 600_000;

/** Deletes what those have left who were killed while they proved conditions. */
async function sweepProbes(objects: Objects): Promise<void> {
  for await (const page of objects.list({ prefix: PROBE_PREFIX })) {
    const stale = page.objects.filter(({ ageMs }) => ageMs > STALE_PROBE_MS);
    if (stale.length > 0) await objects.remove(stale.map(({ key }) => key));
  }
}

/** Of no bytes that anybody has. */
const WRONG_ETAG = '00000000000000000000000000000000';

function unfitError(place: string, condition: string): HrmError {
  return new HrmError(
    `cannot store in ${place}: the service does not enforce ${condition} on PUT, so that of two who write at once one would be lost; use AWS S3, Ceph, MinIO or another that does`,
    { kind: 'unavailable', code: 'storage_unfit' },
  );
}

/** How a store is looked for. */
export interface IdentityOptions {
  /** Makes one where there is none. */
  readonly makes: boolean;
  /** Whether one must be there. */
  readonly isRequired: boolean;
  /** The one that must be there; `null`: whichever. */
  readonly store: string | null;
  /** The store that a copy is made of: no other may be there. */
  readonly copyOf: string | undefined;
}

/**
 * Finds which store is below the prefix.
 * @returns `null` where there is none.
 * @throws HrmError kind `unavailable`, code `storage_missing` or `storage_replaced`; kind `invalid`, code `other_store`.
 */
export async function findIdentity(
  objects: Objects,
  { makes, isRequired, store, copyOf }: IdentityOptions,
): Promise<string | null> {
  let found = await readIdentity(objects);
  if (copyOf !== undefined && (found === null ? await hasDates(objects) : found !== copyOf))
    throw otherTargetError(objects.place);
  if (store !== null && found !== store) {
    throw found === null
      ? otherStoreError(`There are no data in ${objects.place}`, 'storage_missing')
      : otherStoreError(`The store in ${objects.place} is another than before`, 'storage_replaced');
  }
  if (found === null && makes) {
    const text = Buffer.from(identityText(copyOf), 'latin1');
    // Whoever was first, that one it is.
    await objects.put(IDENTITY_NAME, text, { condition: 'absent' });
    found = await readIdentity(objects);
  }
  if (found === null && isRequired && !(await hasDates(objects))) {
    throw new HrmError(
      `There are no data in ${objects.place}: name the bucket and prefix where the data are, or start hrm serve, which begins there`,
      { kind: 'unavailable', code: 'storage_missing' },
    );
  }
  return found;
}

async function readIdentity(objects: Objects): Promise<string | null> {
  const text = (await objects.get(IDENTITY_NAME))?.bytes.toString('latin1');
  return text === undefined ? null : storeNameIn(text);
}

async function hasDates(objects: Objects): Promise<boolean> {
  for await (const page of objects.list({ prefix: '', delimiter: '/' }))
    if (page.prefixes.some((prefix) => prefix === SHARED_PREFIX || isDate(prefix.slice(0, -1)))) return true;
  return false;
}

/**
 * Completes a store that another program has copied from a directory: brings shared parts to where they are looked for, and marks every
 * partition.
 * @throws HrmError kind `unavailable`, code `storage_unfit`, where they lie elsewhere, and must not be brought there.
 */
export async function completeStore(objects: Objects, { readOnly }: { readonly readOnly: boolean }): Promise<void> {
  if ((await objects.get(MARKS_COMPLETE)) !== null) return;
  for (const { key, date, end } of await sharedElsewhere(objects)) {
    if (readOnly) {
      const message = `the data in ${objects.place} were copied there by another program: run hrm drain once, which completes them`;
      throw new HrmError(message, { kind: 'unavailable', code: 'storage_unfit' });
    }
    const found = await objects.get(key);
    // Who was faster has brought it.
    if (found === null) continue;
    await objects.put(`${SHARED_PREFIX}${date}/${end}`, found.bytes);
    await objects.remove([key]);
  }
  if (readOnly) return;
  const context = { objects };
  for await (const partition of listPartitions(context, {})) await markDirty(context, partition);
  for await (const partition of listPartitions(context, { directories: [SHARED_DIRECTORY] }))
    await markDirty(context, partition);
  await objects.put(MARKS_COMPLETE, SOME_BYTES);
}

/** Shared parts below their dates, as a directory has them. */
async function sharedElsewhere(objects: Objects) {
  const found: { readonly key: string; readonly date: string; readonly end: string }[] = [];
  for await (const { prefixes } of objects.list({ prefix: '', delimiter: '/' })) {
    for (const date of prefixes.map((prefix) => prefix.slice(0, -1)).filter(isDate)) {
      const prefix = `${date}/${SHARED_PREFIX}`;
      for await (const page of objects.list({ prefix })) {
        for (const { key } of page.objects) found.push({ key, date, end: key.slice(prefix.length) });
      }
    }
  }
  return found;
}
