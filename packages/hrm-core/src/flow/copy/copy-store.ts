/**
 * Copies a store into another place, of another kind, too, while it is in use.
 *
 * A pass looks at the shared parts of all dates, then at everybody's own partitions: what is split off meanwhile was copied with its shared part,
 * or is in a partition that is looked at later. So whatever was stored before a pass began is there when the pass has ended. Passes
 * follow each other until one finds nothing new, or until there were enough of them.
 *
 * A file is known by the hash of its bytes, which its name has in it, mostly. What is there is not copied again; so whatever stopped a
 * copy, the next one goes on where it was, and nothing has to be remembered. Nothing is deleted on either side: what the source
 * has merged and deleted since is there twice in the copy, counts once, and goes when the copy is compacted. Settings of users come at the end.
 */
import { HrmError, isGone, otherTargetError, throwIfAborted } from '../../errors.js';
import { MAX_CONCURRENT_READS } from '../../limits.js';
import { COMPACTED_NAME, isCompacted, SHARED_DIRECTORY } from '../../names.js';
import { openFile } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import { type Random, systemRandom } from '../../ports/random.js';
import type { Partition, PartitionFailure, Storage, StoredFile } from '../../ports/storage.js';
import { hashInName, partNameOf, supersededName } from '../../pure/partition.js';
import { atMost } from '../../steps.js';
import { partNameYielding } from '../files/content-hash.js';
import { nullIfDamaged } from '../files/file-damage.js';
import { overSnapshot } from '../files/over-snapshot.js';
import { noteFailure } from '../files/partition-failures.js';
import { readAhead } from '../files/read-ahead.js';
import { createYielder } from '../files/yielder.js';

/** What `copyStore` works on. */
export interface CopyComponents {
  /** May be open to read only. */
  readonly from: Storage;
  /** A store of the same identity: see `copyOf` where storages are opened. */
  readonly to: Storage;
  /** Names replaced files; the machine's by default. */
  readonly random?: Random | undefined;
}

/** How long a copy goes on. */
export interface CopySettings {
  /** Passes at most, >= 1; default {@link MAX_COPY_PASSES}. Where readings come all the time each pass finds some. */
  readonly maxPasses?: number | undefined;
}

/** How a copy is watched and stopped. */
export interface CopyOptions extends CallOptions {
  /** Called after each partition. */
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
}

/** How far a copy is. */
export interface CopyProgress {
  /** From 1. */
  readonly pass: number;
  /** Of this pass. */
  readonly partitions: number;
  /** Copied since the beginning. */
  readonly files: number;
  readonly bytes: number;
}

/** What was copied. */
export interface CopySummary {
  readonly passes: number;
  /** Of the last pass. */
  readonly partitions: number;
  /** Files of the last pass that were there, or are now. */
  readonly files: number;
  /** Files copied by all passes, and their bytes. */
  readonly copied: number;
  readonly copiedBytes: number;
  /**
   * Files that the last pass still copied; 0: it found nothing new, and the copy has all that was stored before it began. Else what was
   * stored before the last pass is there, and what came since may be left.
   */
  readonly newInLastPass: number;
  /** Files in quarantine at the source, which are not copied. */
  readonly quarantined: number;
  /** Partitions of which something could not be copied, in the last pass. */
  readonly failures: readonly PartitionFailure[];
}

/** Passes of one copy, at most. */
const MAX_COPY_PASSES = 5;

/** Files larger than this are held one at a time, bytes; of smaller ones {@link MAX_CONCURRENT_READS} are. */
const LARGE_BYTES = 4 * 1024 * 1024;

/** Tries at taking the place of a compacted file while others do. */
const MAX_REPLACE_ATTEMPTS = 5;

/**
 * Copies what is stored, and proves each file by its hash.
 * @throws HrmError kind `invalid`, code `other_store`, where the target is another store than the source; kind `unavailable` where one of them
 *   cannot now; kind `closed` when aborted. What fails in one partition is one of `failures`.
 * @example
 * const { newInLastPass, failures } = await copyStore({ from, to });
 */
export async function copyStore(
  { from, to, random = systemRandom }: CopyComponents,
  { maxPasses = MAX_COPY_PASSES }: CopySettings = {},
  { signal, onProgress }: CopyOptions = {},
): Promise<CopySummary> {
  await requireSameIdentity(from, to);
  const large = atMost(1);
  const copier: Copier = {
    from,
    to,
    random,
    signal,
    hold: (bytes, call) => (bytes > LARGE_BYTES ? large(call) : call()),
  };
  let [copied, copiedBytes] = [0, 0];
  let pass = startPass();
  let passes = 0;
  while (passes < Math.max(1, maxPasses)) {
    passes += 1;
    // Before its files: what was erased is never answered from the copy.
    await to.erasures.add(await from.erasures.all());
    const retention = await from.erasures.retention();
    if (retention !== null) await to.erasures.adopt(retention);
    pass = startPass();
    for (const partitions of [
      from.partitions({ directories: [SHARED_DIRECTORY] }, { signal }),
      from.partitions({}, { signal }),
    ]) {
      const current = pass;
      async function copy(partition: Partition): Promise<Copied> {
        throwIfAborted(signal, 'copying');
        return await copyPartition(copier, partition).catch((error) => failed(current, partition, error));
      }
      for await (const done of readAhead(partitions, copy, MAX_CONCURRENT_READS - 1)) {
        pass.partitions += 1;
        pass.files += done.files;
        pass.copied += done.copied;
        copied += done.copied;
        copiedBytes += done.bytes;
        onProgress?.({ pass: passes, partitions: pass.partitions, files: copied, bytes: copiedBytes });
      }
    }
    if (pass.copied === 0) break;
  }
  await copySettings(copier);
  let quarantined = 0;
  for await (const _ of from.quarantined({ signal })) quarantined += 1;
  const { partitions, files, failures } = pass;
  return { passes, partitions, files, copied, copiedBytes, newInLastPass: pass.copied, quarantined, failures };
}

/** Settings of users are small, and the source's count: what was set there last is what is meant. */
async function copySettings({ from, to, signal }: Copier): Promise<void> {
  for (const name of await from.settingsFiles()) {
    throwIfAborted(signal, 'copying');
    const [bytes, there] = [await from.settingsFile(name), await to.settingsFile(name)];
    if (bytes !== null && (there === null || Buffer.compare(bytes, there) !== 0)) await to.putSettingsFile(name, bytes);
  }
}

function startPass() {
  return { partitions: 0, files: 0, copied: 0, failures: [] as PartitionFailure[] };
}

function failed({ failures }: { failures: PartitionFailure[] }, partition: Partition, error: unknown): Copied {
  noteFailure(failures, partition, error);
  return NOTHING_COPIED;
}

async function requireSameIdentity(from: Storage, to: Storage): Promise<void> {
  const [source, target] = [await from.identity(), await to.identity()];
  if (source !== null && source === target) return;
  throw otherTargetError('the target');
}

/** What copying goes by. */
interface Copier extends CallOptions {
  readonly from: Storage;
  readonly to: Storage;
  readonly random: Random;
  /** Waits for room for so many bytes. */
  readonly hold: <T>(bytes: number, call: () => Promise<T>) => Promise<T>;
}

/** What became of a partition. */
interface Copied {
  readonly files: number;
  readonly copied: number;
  readonly bytes: number;
}

const NOTHING_COPIED: Copied = { files: 0, copied: 0, bytes: 0 };

async function copyPartition(copier: Copier, partition: Partition): Promise<Copied> {
  const { from, to, signal } = copier;
  let [copied, bytes] = [0, 0];
  return await overSnapshot(from, partition, { signal }, async ({ files }) => {
    if (files.length === 0) return { files: 0, copied, bytes };
    const there = await hashesIn(to, partition, files, { signal });
    for (const file of files) {
      throwIfAborted(signal, 'copying');
      const named = hashInName(file.name);
      if (named !== null && there.has(named)) continue;
      const isNew = await copier.hold(file.byteLength, () => copyFile(copier, partition, file, there));
      if (!isNew) continue;
      copied += 1;
      bytes += file.byteLength;
    }
    return { files: files.length, copied, bytes };
  });
}

/**
 * The first 32 digits of the hashes of what a partition has: by its names, as far as those say them. One that says nothing is read only where the
 * source has one like it: a directory's compacted file.
 */
async function hashesIn(
  storage: Storage,
  partition: Partition,
  files: readonly StoredFile[],
  options: CallOptions,
): Promise<Set<string>> {
  const { yieldTurn } = createYielder();
  return await overSnapshot(storage, partition, options, async (snapshot) => {
    const hashes = new Set<string>();
    for (const file of snapshot.files) {
      const named = hashInName(file.name);
      if (named !== null) hashes.add(named);
      else if (files.some(({ byteLength }) => byteLength === file.byteLength)) hashes.add((await contentOf(file)).hash);
      await yieldTurn();
    }
    return hashes;
  });
}

/** @returns whether it was not there. @throws HrmError kind `data`, code `file_damaged`, where its bytes are not those of its name. */
async function copyFile(copier: Copier, partition: Partition, file: StoredFile, there: Set<string>): Promise<boolean> {
  const { to, signal } = copier;
  const named = hashInName(file.name);
  let content = await contentOf(file);
  // What is wrong once may have been read wrong.
  if (named !== null && content.hash !== named) content = await contentOf(file);
  const { bytes, hash } = content;
  if (named !== null && hash !== named) throw damagedError(partition, file);
  if (there.has(hash)) return false;
  if (isCompacted(file.name)) await putCompacted(copier, partition, bytes);
  else await to.publish(partition, named === null ? partNameOf(hash) : file.name, bytes, { signal });
  there.add(hash);
  return true;
}

/** Puts a compacted file into its place; what had that place stays beside it, under the name by which the new one replaces it, if it does. */
async function putCompacted({ to, random, signal }: Copier, partition: Partition, bytes: Uint8Array): Promise<void> {
  for (let attempt = 1; attempt <= MAX_REPLACE_ATTEMPTS; attempt += 1) {
    const snapshot = await to.snapshot(partition, { signal });
    try {
      const old = snapshot.files.find(({ name }) => name === COMPACTED_NAME);
      const oldHash = old === undefined ? null : (await contentOf(old)).hash;
      const name = (await nameGiven(partition, bytes, oldHash)) ?? supersededName(oldHash, random.id());
      if ((await to.replace({ snapshot, supersededName: name, bytes }, { signal })) === 'replaced') return;
    } catch (error) {
      if (!isGone(error)) throw error;
    } finally {
      await snapshot.close();
    }
  }
  const message = 'others replaced the file again and again: end what works on the copy, and try again';
  throw new HrmError(message, { kind: 'unavailable', code: 'snapshot_contended' });
}

/** Under which name a compacted file says that it replaces another; `null` where it says nothing of it, or cannot be read. */
async function nameGiven(partition: Partition, bytes: Uint8Array, hash: string | null): Promise<string | null> {
  if (hash === null) return null;
  const read = async (from: number, to: number) => Uint8Array.from(bytes.subarray(from, to)).buffer;
  const file = { name: COMPACTED_NAME, version: '', byteLength: bytes.length, ageMs: 0, mask: null, read };
  const opened = await openFile(file, partition).catch(nullIfDamaged);
  const start = supersededName(hash, '').replace(/\.parquet$/, '');
  return opened?.footer.replaces.find((name) => name.startsWith(start)) ?? null;
}

/** The bytes of a file, and the first 32 digits of their hash, as names have it. */
async function contentOf(file: StoredFile): Promise<{ readonly bytes: Uint8Array; readonly hash: string }> {
  const bytes = new Uint8Array(await file.read(0, file.byteLength));
  const name = await partNameYielding(bytes, createYielder().yieldTurn);
  return { bytes, hash: hashInName(name) as string };
}

function damagedError({ date }: Partition, { name }: StoredFile): HrmError {
  return new HrmError(
    `${name} of ${date} is damaged, since its bytes are not those of its name: run hrm verify on the source`,
    {
      kind: 'data',
      code: 'file_damaged',
      file: { date, name },
    },
  );
}
