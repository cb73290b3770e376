/**
 * The directory storage: a partition is a directory, a file a file.
 *
 * ```
 * DATA/YYYYMMDD/<user>/part-<id>.parquet       published by link, never changed            publish.ts
 * DATA/YYYYMMDD/<user>/compacted.parquet       renamed away, then linked anew              replace.ts
 * DATA/.store                                  which store it is                          identity.ts
 * DATA/.tmp/<host>~<pid>~<start>~<random>.tmp  unfinished, swept by the next start         temporaries.ts
 * DATA/.pending/DATE~<user>                    what a compacter should look at                 dirty.ts
 * DATA/.dates/YYYYMM                           made anew when a date of it gets a directory   dates/stamps.ts
 * DATA/.users/<hash>.json                      settings of a user, renamed into place   settings-files.ts
 * DATA/.erasures/<id>.json                      what was erased; never changed               erasures.ts
 * DATA/.erasures/retention-<number>.json        how long readings are kept; the last counts  erasures.ts
 * DATA/.quarantine/….damaged, ….damaged.json   set aside, and why, for a person to look at   quarantine.ts
 * ```
 *
 * Any number of processes, also on several machines where the file system is shared and has hard links, may have the
 * same directory open. There is no lock: every step is one atomic system call, and every state between two steps holds
 * every reading.
 * @module
 */
import { resolve } from 'node:path';
import { DIRECTORY_ERASURES_HOLD_MS } from '../../../limits.js';
import { type Clock, systemClock } from '../../../ports/clock.js';
import type { Storage, StorageCheck } from '../../../ports/storage.js';
import { createErasures, withoutGone } from '../erasures/erasures.js';
import { createRunningCalls, readOnlyError } from '../running-calls.js';
import { createDateMemory } from './dates/memory.js';
import { createDescriptors } from './descriptors.js';
import { visitPartition } from './dirty.js';
import { discardPartitions } from './discard.js';
import type { DirectoryContext } from './durable.js';
import { erasurePlace } from './erasures.js';
import { storageError } from './errors.js';
import { createSynced, type DirectoryFileSystem, done, realFileSystem, spaceOf } from './files.js';
import { createFlush } from './flush.js';
import { createLister } from './listing.js';
import { listObstacles, listOrphans } from './orphans.js';
import { listDates, listPartitions } from './partitions.js';
import { publishPart } from './publish.js';
import { countQuarantined, listQuarantined, quarantineFile } from './quarantine.js';
import { removeExactly, removeParts } from './remove.js';
import { replaceCompacted } from './replace.js';
import { listSettingsFiles, readSettingsFile, removeSettingsFile, writeSettingsFile } from './settings-files.js';
import { sizesOfPartitions } from './sizes.js';
import { listVersions, openSnapshot } from './snapshot/snapshot.js';
import { stateOfPartitions } from './snapshot/state.js';
import { createFileClock } from './start/file-clock.js';
import { loadIdentity, requireCopyOf, requireStore } from './start/identity.js';
import {
  NOTHING_TO_PREPARE,
  PROBE_BYTES,
  type Preparation,
  prepareDirectory,
  prepareMarks,
  requireDirectory,
} from './start/prepare.js';
import { temporaryPath } from './start/temporaries.js';
import { vacatePartition } from './vacate.js';

export type { DirectoryEntry, DirectoryFileSystem, FileStatus, OpenDirectory } from './files.js';
export { type DirectoryReport, describeDirectory } from './start/describe.js';

/** What `openDirectoryStorage` takes. */
export interface DirectoryStorageOptions {
  /** The data directory; made (0700) with its missing parents. A relative path is one of the working directory. */
  readonly directory: string;
  /**
   * Only look: nothing is made, swept or proved, a directory that is not there is an empty one, and whatever would write
   * throws. For questions, also to a backup or a disk mounted read-only. Default false.
   */
  readonly readOnly?: boolean | undefined;
  /**
   * Whether to make the directory where there is none, and to tidy up; default true. Without it a directory that no
   * storage has been opened in is `storage_missing`; to read only, one that is not there.
   */
  readonly create?: boolean | undefined;
  /**
   * The identity of the store that must be there, as a queue remembers it (`queue.store.get()`); `null`, as by default: whichever.
   * Where that one is not, opening fails and nothing is made.
   */
  readonly store?: string | null | undefined;
  /** The identity of the store that a copy is made of here: it is begun where nothing is, and no other store is opened. */
  readonly copyOf?: string | undefined;
  /**
   * Files that this process may have open, sockets and all; by default what the system says (`ulimit -n`). A quarter of it is for parts
   * that are held open while they are read; the others are opened when they are.
   */
  readonly maxOpenFiles?: number | undefined;
  /** Tells which days are kept, where readings are not kept for ever; the machine's by default. */
  readonly clock?: Clock | undefined;
  /** The file system's calls, for tests that record or fail them; `node:fs` by default. */
  readonly fileSystem?: DirectoryFileSystem | undefined;
}

/**
 * Opens the storage in a directory, and sweeps what dead processes left in its `.tmp`. A store that is there is opened on a full disk, too,
 * or on one that is read-only: questions are answered, and what writes throws until there is room.
 * @throws HrmError kind `unavailable`, code `storage_missing`, `storage_replaced`, `storage_unavailable` or `storage_full`, where the directory cannot be made,
 * a new one cannot be written to, or it has no hard links.
 */
export async function openDirectoryStorage(options: DirectoryStorageOptions): Promise<Storage> {
  const directory = resolve(options.directory);
  const fileSystem = options.fileSystem ?? realFileSystem;
  const readOnly = options.readOnly ?? false;
  const known = new Set<string>();
  const clock = createFileClock(fileSystem);
  const makes = options.create !== false && !readOnly;
  let context: DirectoryContext;
  let preparation: Preparation;
  try {
    if (options.store != null) await requireStore(fileSystem, directory, options.store);
    if (options.copyOf !== undefined) await requireCopyOf(fileSystem, directory, options.copyOf);
    if (options.create === false) requireDirectory(fileSystem, directory, { readOnly });
    const isPrepared = makes && (await prepareDirectory({ fileSystem, directory, clock, copyOf: options.copyOf }));
    const identity = await loadIdentity(fileSystem, directory, () => known.clear());
    const shared = {
      directory,
      fileSystem,
      readOnly,
      identity,
      clock,
      dates: createDateMemory({ fileSystem, directory, identity }),
      flush: createFlush(directory),
      lister: createLister(fileSystem),
      descriptors: createDescriptors(options.maxOpenFiles),
      known,
      syncs: new Map(),
    } satisfies Omit<DirectoryContext, 'erasures'>;
    const erasures = createErasures(erasurePlace(shared), {
      holdMs: DIRECTORY_ERASURES_HOLD_MS,
      readOnly,
      clock: options.clock ?? systemClock,
    });
    context = { ...shared, erasures };
    preparation = makes ? await prepareMarks(context, isPrepared) : NOTHING_TO_PREPARE;
  } catch (error) {
    throw storageError('open the storage', directory, error);
  }
  const { requireOpen, run, close } = createRunningCalls();

  /** What changes only what is there: it takes no room. */
  async function tidy<T>(call: () => Promise<T>): Promise<T> {
    if (context.readOnly) throw readOnlyError();
    return run(async () => {
      await context.identity.require();
      return await call();
    });
  }

  function write<T>(call: () => Promise<T>): Promise<T> {
    return tidy(async () => {
      await preparation.finish();
      return await call();
    });
  }

  /** Together with others, as far as files may be open. */
  function inTurn<T>(call: () => Promise<T>): Promise<T> {
    return context.descriptors.brief(() => context.flush.during(call));
  }

  return {
    publish: (partition, name, bytes, callOptions) =>
      write(() => inTurn(() => publishPart(context, partition, name, bytes, callOptions))),
    snapshot: (partition, callOptions) => run(() => openSnapshot(context, partition, callOptions)),
    versions: (partition, options) => run(() => listVersions(context, partition, options)),
    sizes: (partitions, callOptions) => run(() => sizesOfPartitions(context, partitions, callOptions)),
    state: (partitions) => run(() => stateOfPartitions(context, partitions)),
    orphans: (partition, options) => run(() => listOrphans(context, partition, options)),
    async *obstacles(range, callOptions) {
      requireOpen();
      yield* listObstacles(context, range, callOptions);
    },
    replace: (replacement, options) => write(() => inTurn(() => replaceCompacted(context, replacement, options))),
    remove: (partition, names, holders) => tidy(() => removeParts(context, partition, names, holders)),
    removeExact: (snapshot, file, holders) => tidy(() => removeExactly(context, snapshot, file, holders)),
    visit: (partition) => tidy(() => visitPartition(context, partition)),
    quarantine: (snapshot, name, reason) => write(() => quarantineFile(context, snapshot, name, reason)),
    async *quarantined(callOptions) {
      requireOpen();
      yield* listQuarantined(context, callOptions);
    },
    dates: (callOptions) => run(() => listDates(context, callOptions)),
    async *partitions(range, callOptions) {
      requireOpen();
      yield* withoutGone(context.erasures, listPartitions(context, range, callOptions), range);
    },
    vacate: (partition) => tidy(() => vacatePartition(context, partition)),
    discard: (date, directories, callOptions) => tidy(() => discardPartitions(context, date, directories, callOptions)),
    erasures: context.erasures,
    check: () => write(() => probe(context)),
    settingsFiles: () => run(() => listSettingsFiles(context)),
    settingsFile: (name) => run(() => readSettingsFile(context, name)),
    putSettingsFile: (name, bytes) => write(() => inTurn(() => writeSettingsFile(context, name, bytes))),
    removeSettingsFile: (name) => tidy(() => removeSettingsFile(context, name)),
    identity: () => run(async () => context.identity.name),
    maxConcurrent: context.descriptors.maxBrief,
    // What is being written is finished, so that it leaves no temporary. Snapshots are their holders' to close.
    close,
  };
}

async function probe(context: DirectoryContext): Promise<StorageCheck> {
  const file = temporaryPath(context.directory);
  try {
    await createSynced(context.fileSystem, file, PROBE_BYTES);
    try {
      context.clock.learn(file);
    } finally {
      await done((callback) => context.fileSystem.unlink(file, callback));
    }
    const space = await spaceOf(context.fileSystem, context.directory);
    return { ...space, quarantinedFiles: await countQuarantined(context) };
  } catch (error) {
    throw storageError('write', context.directory, error);
  }
}
