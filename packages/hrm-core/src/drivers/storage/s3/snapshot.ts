/**
 * A partition's files, by one listing.
 *
 * A listing is no picture of one moment: it may have a file that came late, and lack one that went early. It misses no reading all the same. A
 * file goes only after its grace, and what has its readings was there all that time, and in the listing. What goes between the listing and a
 * read is `file_gone`, and the next listing has what took its place.
 */
import { HrmError } from '../../../errors.js';
import { HASHED_NAME, isCompacted } from '../../../names.js';
import type { FileVersion, Partition, Snapshot, StoredFile, VersionOptions } from '../../../ports/storage.js';
import type { ErasureMask } from '../../../pure/erasure/register.js';
import { byCodeUnits, sortYielding } from '../../../sort-yielding.js';
import { maskedVersion, maskFile } from '../erasures/erasures.js';
import type { S3Context } from './context.js';
import { nameOfFile, partitionPrefix } from './keys.js';
import type { ListedObject } from './objects.js';

/** A file of a partition, and the object that it is. */
interface Found {
  readonly name: string;
  readonly object: ListedObject;
}

interface Listing {
  readonly files: readonly Found[];
  readonly orphans: readonly string[];
}

/** What a snapshot of ours knows of its files. */
interface Held extends Listing {
  readonly asOf: number | undefined;
  isClosed: boolean;
}

const snapshots = new WeakMap<Snapshot, Held>();

const NOTHING: Listing = { files: [], orphans: [] };

/** {@link Storage.snapshot} of the S3 driver. */
export async function openSnapshot(
  context: S3Context,
  partition: Partition,
  options: VersionOptions = {},
): Promise<Snapshot> {
  const { mask, ...listing } = await listMasked(context, partition, options);
  return openListing(context, partition, listing, { mask, asOf: options.asOf });
}

/** {@link Storage.reopen} of the S3 driver. */
export async function reopenSnapshot(context: S3Context, snapshot: Snapshot): Promise<Snapshot | null> {
  const held = snapshots.get(snapshot);
  if (held === undefined) return null;
  const { partition } = snapshot;
  const { asOf, ...listing } = held;
  const register = await context.erasures.current(asOf);
  return register.isGone(partition)
    ? openListing(context, partition, NOTHING, { mask: null, asOf })
    : openListing(context, partition, listing, { mask: register.maskOf(partition), asOf });
}

function openListing(
  context: S3Context,
  partition: Partition,
  { files, orphans }: Listing,
  { mask, asOf }: { readonly mask: ErasureMask | null; readonly asOf: number | undefined },
): Snapshot {
  const held: Held = { files, orphans, asOf, isClosed: false };
  const snapshot: Snapshot = {
    partition,
    orphans,
    files: files.map((found) => maskFile(storedFile(context, found, held), mask)),
    async close() {
      held.isClosed = true;
    },
  };
  snapshots.set(snapshot, held);
  return snapshot;
}

/** {@link Storage.versions} of the S3 driver. */
export async function listVersions(
  context: S3Context,
  partition: Partition,
  options: VersionOptions = {},
): Promise<readonly FileVersion[]> {
  const { mask, files } = await listMasked(context, partition, options);
  return files.map((found) => ({
    name: found.name,
    version: maskedVersion(versionOf(found), mask),
  }));
}

/** {@link Storage.orphans} of the S3 driver. */
export async function listOrphans(
  context: S3Context,
  partition: Partition,
  options: VersionOptions = {},
): Promise<readonly string[]> {
  return (await listFiles(context, partition, options)).orphans;
}

/**
 * The object that a file of an open snapshot is.
 * @throws HrmError kind `closed`; kind `internal` for what is no file of it.
 */
export function objectOf(snapshot: Snapshot, name: string): ListedObject {
  const held = snapshots.get(snapshot);
  if (held === undefined) throw defect('a snapshot of another storage');
  if (held.isClosed) throw closedError();
  const object = held.files.find((found) => found.name === name)?.object;
  if (object === undefined) throw defect(`${JSON.stringify(name)}, which is no file of the snapshot`);
  return object;
}

/** A file as others read it. */
export function storedFile(
  { pieces }: Pick<S3Context, 'pieces'>,
  { name, object }: Found,
  held: { readonly isClosed: boolean },
): StoredFile {
  const { byteLength, ageMs } = object;
  return {
    name,
    version: versionOf({ name, object }),
    byteLength,
    ageMs,
    mask: null,
    async read(fromByte, toByte) {
      if (held.isClosed) throw closedError();
      if (toByte > byteLength) {
        const message = `${name} has ${byteLength} bytes, and ${toByte} were to be read: it is damaged`;
        throw new HrmError(message, { kind: 'data', code: 'file_damaged' });
      }
      return fromByte >= toByte ? new ArrayBuffer(0) : await pieces.read(object, fromByte, toByte);
    },
  };
}

/** Lists a partition, and finds what its files are looked at through: at once, so that nobody waits twice. */
async function listMasked(context: S3Context, partition: Partition, options: VersionOptions) {
  const [register, listing] = await Promise.all([
    context.erasures.current(options.asOf),
    listFiles(context, partition, options),
  ]);
  // Of what is kept no longer there are no files.
  if (register.isGone(partition)) return { ...NOTHING, mask: null };
  return { ...listing, mask: register.maskOf(partition) };
}

/** Lists a partition. */
export async function listFiles(
  { objects, isTombstone }: S3Context,
  partition: Partition,
  { signal, yieldTurn }: VersionOptions,
): Promise<Listing> {
  const prefix = partitionPrefix(partition);
  const files: Found[] = [];
  const orphans = new Set<string>();
  for await (const page of objects.list({ prefix, signal })) {
    await yieldTurn?.();
    for (const object of page.objects) {
      const end = object.key.slice(prefix.length);
      const name = nameOfFile(end);
      if (name !== null) {
        if (!(await isTombstone(object))) files.push({ name, object });
      } else if (end !== '' && !end.startsWith('.')) orphans.add(end.split('/', 1)[0] as string);
    }
  }
  const sorted = await sortYielding(files, byKindAndName, yieldTurn ?? (() => Promise.resolve()));
  return { files: sorted, orphans: [...orphans].sort() };
}

function byKindAndName(a: Found, b: Found): number {
  return Number(isCompacted(b.name)) - Number(isCompacted(a.name)) || byCodeUnits(a.name, b.name);
}

function versionOf({ name, object: { etag, byteLength } }: Found): string {
  return HASHED_NAME.test(name) ? name : `${etag}-${byteLength}`;
}

function closedError(): HrmError {
  return new HrmError('the snapshot is closed', { kind: 'closed', code: 'snapshot_closed' });
}

function defect(what: string): HrmError {
  return new HrmError(`the storage was given ${what}: a defect in this software`, {
    kind: 'internal',
    code: 'storage_defect',
  });
}
