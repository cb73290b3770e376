/** What the cases of the storage suite share. */
import assert from 'node:assert/strict';
import { isHrmError } from '../errors.js';
import { COMPACTED_NAME, isCompacted } from '../names.js';
import type { Partition, Snapshot, Storage, StoredFile } from '../ports/storage.js';

/** What a storage may do otherwise than another, and is right. */
export interface StorageTraits {
  /** Whether it lists directories in the order of their bytes; default true. */
  readonly isInByteOrder?: boolean | undefined;
  /** Whether it looks for the holders of what it removes; default true. One whose writes are durable at once need not. */
  readonly looksForHolders?: boolean | undefined;
  /** Whether a visit knows of one that another handle began; default true. One that does not takes a partition for changed. */
  readonly tellsUnchanged?: boolean | undefined;
}

/** What a case has in hand. */
export interface StorageCase {
  readonly traits: StorageTraits;
  readonly storage: Storage;
  /** Opens another handle on the same place; closed after the case. */
  readonly another: () => Promise<Storage>;
}

/** Cases by name, in the order they run. */
export type StorageCases = readonly (readonly [name: string, body: (given: StorageCase) => Promise<void>])[];

/** The partition of most cases. */
export const partition: Partition = { date: '20240115', directory: 'ana' };

/** Any bytes are a file to a storage; these are text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Uses a snapshot and closes it. */
export async function withSnapshot<T>(
  storage: Storage,
  of: Partition,
  use: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const snapshot = await storage.snapshot(of);
  try {
    return await use(snapshot);
  } finally {
    await snapshot.close();
  }
}

/** What a snapshot holds, by name. A second compacted file has a name with its own hash in it. */
async function textsOf(snapshot: Snapshot): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const file of snapshot.files) {
    const name = texts[COMPACTED_NAME] === undefined ? plainName(file.name) : file.name;
    texts[name] = Buffer.from(await file.read(0, file.byteLength)).toString();
  }
  return texts;
}

/** The name, and of any compacted file {@link COMPACTED_NAME}. */
export function plainName(name: string): string {
  return isCompacted(name) ? COMPACTED_NAME : name;
}

/** Removes all files of {@link partition} but that with a text, as a sweep does what others replaced. */
export async function removeAllBut(storage: Storage, text: string, further: readonly string[] = []): Promise<void> {
  await withSnapshot(storage, partition, async ({ files }) => {
    const names: string[] = [];
    for (const file of files) if ((await textOrGone(file)) !== text) names.push(file.name);
    await storage.remove(partition, [...names, ...further]);
  });
}

/** What a file holds, or `file_gone` where the storage could not hold it. */
export async function textOrGone(file: StoredFile): Promise<string> {
  try {
    return Buffer.from(await file.read(0, file.byteLength)).toString();
  } catch (error) {
    if (isHrmError(error) && error.code === 'file_gone') return error.code;
    throw error;
  }
}

/** What a partition holds now, by name. */
export function contentsOf(storage: Storage, of: Partition = partition): Promise<Record<string, string>> {
  return withSnapshot(storage, of, textsOf);
}

/** Replaces the compacted file of {@link partition} from a fresh snapshot. */
export function replaceBy(storage: Storage, text: string, supersededName: string): Promise<'replaced' | 'conflict'> {
  return withSnapshot(storage, partition, (snapshot) =>
    storage.replace({ snapshot, supersededName, bytes: bytesOf(text) }),
  );
}

/** Partitions as `date/directory`, in the order they come. */
export async function pathsOf(storage: Storage, range: Parameters<Storage['partitions']>[0]): Promise<string[]> {
  const paths: string[] = [];
  for await (const { date, directory } of storage.partitions(range)) paths.push(`${date}/${directory}`);
  return paths;
}

/** Demands that a call fails with an HrmError of a kind, and returns it. */
export async function rejectsWith(promise: Promise<unknown>, kind: string): Promise<{ code: string; message: string }> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(isHrmError(outcome), `expected an HrmError of kind ${kind}, and got ${String(outcome)}`);
  assert.equal(outcome.kind, kind, outcome.message);
  return outcome;
}
