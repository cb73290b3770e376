/**
 * The lmdb environment under an embedded queue: opening it durably, transactions, and what to do when one fails.
 *
 * - `overlappingSync: false`, always: with lmdb-js' default, acknowledged writes were lost when another process on the
 *   same file was killed (measured with its asynchronous writes), and it lets a commit be seen before it is durable.
 * - Transactions are synchronous. lmdb-js 3.5.6's asynchronous `transaction(callback)` never ran its callback on Node 20, and
 *   would hold the lock of all processes across event-loop turns. Measured with 64 concurrent pushers on two idle
 *   cores: 65,000 single pushes a second, 0.5 ms a commit, event-loop delay 11 ms at p99.
 * - A failed open crashes the process in lmdb-js (a double free): what can fail is tried before (embedded-files.ts).
 * - A data page that cannot be written may crash it as well (it formats its message, 102 bytes and more, into 100): nothing
 *   acknowledged is lost by that, as by any other crash, and pushes stop before the disk is full.
 * - lmdb-js ignores a failed begin, and a failed meta page write leaves the environment unusable. So a begin is checked, and
 *   after any failure the environment is closed and opened anew at the next call.
 * @module
 */
import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { type Database, open, type RootDatabase } from 'lmdb';
import { HrmError, isHrmError } from '../../errors.js';
import {
  FILE_NAME,
  type FileIdentity,
  fileIdentity,
  fsyncDirectory,
  isSameFile,
  layoutError,
  makeDurableDirectory,
  prepareFiles,
} from './embedded-files.js';
import { LAYOUT_VERSION } from './embedded-records.js';
import { requireSpace, unavailable } from './embedded-space.js';

/** The tables of one queue file. */
export interface Tables {
  /** seq -> element, in order of arrival. */
  readonly elements: Database<Buffer, number>;
  /** token -> claim. */
  readonly claims: Database<Buffer, string>;
  /** seq -> dead letter. */
  readonly letters: Database<Buffer, number>;
  /** `layout` and `counters`. */
  readonly meta: Database<Buffer, string>;
}

/** Transactions over the tables. */
export interface Environment {
  /** Runs `action` on a fresh snapshot; it must not await. */
  read<T>(action: (tables: Tables) => T): T;
  /** Runs `action` and commits; when it returns, its writes are on the disk. It must not await. Throwing undoes it. */
  write<T>(action: (tables: Tables) => T): T;
  /**
   * Refuses a write that would fill the disk.
   * @param byteLength - what is to be written, in bytes.
   * @throws HrmError kind `unavailable`, code `queue_full`.
   */
  requireSpace(byteLength: number): void;
  /** Gives the environment back; the last user of this process closes it. */
  close(): void;
}

interface Opened {
  readonly root: RootDatabase<Buffer, string>;
  readonly tables: Tables;
  readonly identity: FileIdentity;
  /** By the clock that nobody sets. */
  readersCheckedMs: number;
}

interface Shared {
  readonly directory: string;
  opened: Opened | undefined;
  users: number;
}

const TABLE_NAMES: readonly string[] = ['meta', 'elements', 'claims', 'letters'];
const LAYOUT_KEY = 'layout';

/**
 * Bytes of address space, not of disk or memory. lmdb-js would start at 128 KiB and map anew at every growth; beyond
 * this size it still does.
 */
const MAP_BYTES = 64 * 1024 ** 3;

/** How often writes look for dead readers: a look is a system call for each process, growth in the meantime is bounded. */
const READER_CHECK_MS = 10_000;

/**
 * By real path: lmdb allows a file to be open once in a process, and a second opening corrupts the first. Of the process and
 * not of this module, since a process may have the module twice, by `import` and by `require`.
 */
const REGISTRY = Symbol.for('hrm-core.embedded.v1');
const registry = globalThis as typeof globalThis & { [REGISTRY]?: Map<string, Shared> };
registry[REGISTRY] ??= new Map<string, Shared>();
const sharedByDirectory = registry[REGISTRY];

/**
 * Opens the queue file in `directory`, creating both as needed.
 * @throws HrmError kind `unavailable` (no access, no space), `data` (not a queue file, or of another version).
 */
export function openEnvironment(directory: string): Environment {
  if (!isMainThread) {
    throw new HrmError('The embedded queue cannot be opened in a worker thread: open it in the main thread', {
      kind: 'invalid',
      code: 'worker_thread',
    });
  }
  try {
    makeDurableDirectory(resolve(directory));
  } catch (error) {
    throw unavailable(error, directory);
  }
  const path = realpathSync(directory);
  const shared = sharedByDirectory.get(path) ?? { directory: path, opened: undefined, users: 0 };
  current(shared);
  shared.users += 1;
  sharedByDirectory.set(path, shared);
  return {
    read: (action) => read(shared, action),
    write: (action) => write(shared, action),
    requireSpace(byteLength) {
      current(shared);
      requireSpace(path, byteLength);
    },
    close: () => release(shared),
  };
}

function read<T>(shared: Shared, action: (tables: Tables) => T): T {
  const { root, tables } = current(shared);
  try {
    // lmdb-js keeps one snapshot for a whole event-loop turn: without this, another process's commit is not seen.
    root.resetReadTxn();
    return action(tables);
  } catch (error) {
    throw failed(shared, error);
  }
}

function write<T>(shared: Shared, action: (tables: Tables) => T): T {
  const opened = current(shared);
  const { root, tables } = opened;
  try {
    dropDeadReaders(opened);
    return root.transactionSync(() => {
      if (root.getWriteTxnId() === 0) throw new Error('lmdb could not begin a transaction');
      return action(tables);
    });
  } catch (error) {
    throw failed(shared, error);
  }
}

/** A process killed while it read holds its snapshot: no page freed since can be used again, and the file grows. */
function dropDeadReaders(opened: Opened): void {
  const nowMs = performance.now();
  if (nowMs - opened.readersCheckedMs < READER_CHECK_MS) return;
  opened.readersCheckedMs = nowMs;
  opened.root.readerCheck();
}

function failed(shared: Shared, error: unknown): unknown {
  if (isHrmError(error)) return error;
  closeOpened(shared);
  return unavailable(error, shared.directory);
}

function release(shared: Shared): void {
  shared.users -= 1;
  if (shared.users > 0) return;
  sharedByDirectory.delete(shared.directory);
  closeOpened(shared);
}

function closeOpened(shared: Shared): void {
  // Nothing is outstanding, since all transactions are synchronous: the file is closed when this returns.
  void shared.opened?.root.close();
  shared.opened = undefined;
}

function current(shared: Shared): Opened {
  if (shared.opened !== undefined && !isSameFile(shared.opened.identity, shared.directory)) {
    // The next call opens what is there then: this one must not accept into a file that nobody will find.
    closeOpened(shared);
    throw unavailable(new Error('its file was deleted or replaced under the running process'), shared.directory);
  }
  shared.opened ??= openFile(shared.directory);
  return shared.opened;
}

function openFile(directory: string): Opened {
  let root: RootDatabase<Buffer, string> | undefined;
  try {
    prepareFiles(directory);
    const options = {
      path: join(directory, FILE_NAME),
      noSubdir: true,
      overlappingSync: false,
      encoding: 'binary' as const,
      mapSize: MAP_BYTES,
      permissionsMode: 0o600,
    };
    root = open<Buffer, string>(options);
    refuseForeign(root, directory);
    const tables = {
      meta: root.openDB<Buffer, string>({ name: 'meta', encoding: 'binary' }),
      elements: root.openDB<Buffer, number>({ name: 'elements', encoding: 'binary' }),
      claims: root.openDB<Buffer, string>({ name: 'claims', encoding: 'binary' }),
      letters: root.openDB<Buffer, number>({ name: 'letters', encoding: 'binary' }),
    };
    stampLayout(root, tables.meta, directory);
    // Even if the file was there: whoever made it may have been killed before this.
    fsyncDirectory(directory);
    return { root, tables, identity: fileIdentity(directory), readersCheckedMs: Number.NEGATIVE_INFINITY };
  } catch (error) {
    void root?.close();
    throw isHrmError(error) ? error : unavailable(error, directory);
  }
}

function refuseForeign(root: RootDatabase<Buffer, string>, directory: string): void {
  for (const name of root.getKeys()) {
    if (!TABLE_NAMES.includes(String(name)))
      throw layoutError(directory, 'is a database, but not one of this software');
  }
}

function stampLayout(root: RootDatabase<Buffer, string>, meta: Database<Buffer, string>, directory: string): void {
  const layout = meta.get(LAYOUT_KEY)?.toString() ?? root.transactionSync(() => putLayout(meta));
  if (layout !== String(LAYOUT_VERSION)) {
    // Of a damaged file it may be anything.
    const found = /^\d{1,6}$/.test(layout) ? layout : 'unknown';
    throw layoutError(directory, `has layout ${found}, and this version reads ${LAYOUT_VERSION}`);
  }
}

/** In a transaction, since another process may be opening the same new file. */
function putLayout(meta: Database<Buffer, string>): string {
  const there = meta.get(LAYOUT_KEY);
  if (there !== undefined) return there.toString();
  meta.put(LAYOUT_KEY, Buffer.from(String(LAYOUT_VERSION)));
  return String(LAYOUT_VERSION);
}
