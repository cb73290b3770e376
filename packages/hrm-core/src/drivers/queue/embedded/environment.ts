/**
 * The lmdb environment under an embedded queue: opening it durably, transactions, and what to do when one fails.
 *
 * - `overlappingSync: false`, always: with lmdb-js' default, acknowledged writes were lost when another process on the
 *   same file was killed (measured with its asynchronous writes), and it lets a commit be seen before it is durable.
 * - Transactions are synchronous. lmdb-js 3.5.6's asynchronous `transaction(callback)` never ran its callback on Node 20, and
 *   would hold the lock of all processes across event-loop turns. Measured with 64 concurrent pushers on two idle
 *   cores: 65,000 single pushes a second, 0.5 ms a commit, event-loop delay 11 ms at p99.
 * - A failed open crashes the process in lmdb-js (a double free): what can fail is tried before (files.ts).
 * - A data page that cannot be written may crash it as well (it formats its message, 102 bytes and more, into 100): nothing
 *   acknowledged is lost by that, as by any other crash, and pushes stop before the disk is full.
 * - A disk that cannot be read ends the process: lmdb reads through its map, where the kernel answers a page that it cannot get with
 *   SIGBUS, and a read that fails while the file is opened is such a crash too. Nothing here can catch either. The supervisor starts the
 *   process again, nothing acknowledged is lost, and a queue on a disk of its own is not harmed by that of the data.
 * - Nobody opens or closes the file while somebody writes: what lmdb loses otherwise, gate.ts tells.
 * - lmdb-js ignores a failed begin, and a failed meta page write leaves the environment unusable. So a begin is checked, and
 *   after any failure the environment is closed and opened anew at the next call.
 * - lmdb goes on with a file that was deleted or replaced, and a push would be acknowledged into nothing: every transaction
 *   begins with a look at the file's path (two `stat`, some microseconds), and never makes a file where one was lost.
 * @module
 */
import { closeSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { HrmError, isHrmError } from '../../../errors.js';
import type { Space } from '../../../ports/space.js';
import { syncDirectory } from '../../../sync-directory.js';
import { transact } from './database.js';
import {
  type HeldFile,
  holdQueueFile,
  type Locks,
  makeDurableDirectory,
  prepareFiles,
  requireInPlace,
  requireQueue,
} from './files.js';
import { type Gate, openGate } from './gate.js';
import { type Opened, openFile, type Tables } from './open.js';
import { announce, type Presence } from './presence.js';
import { readSpace, requireSpace, unavailable } from './space.js';

/** Transactions over the tables. */
export interface Environment {
  /** Runs `action` on a fresh snapshot; it must not await. */
  read<T>(action: (tables: Tables) => T): T;
  /** Runs `action` and commits; when it returns, its writes are on the disk. It must not await. Throwing undoes it. */
  write<T>(action: (tables: Tables) => T): T;
  /**
   * Refuses a write that would fill the disk, or that the queue file is not there for.
   * @param byteLength - what is to be written, in bytes.
   * @throws HrmError kind `unavailable`, code `queue_full` or `queue_unavailable`.
   */
  requireSpace(byteLength: number): void;
  /** The room on the disk. @throws HrmError kind `unavailable`. */
  space(): Space;
  /** Gives the environment back; the last user of this process closes it. */
  close(): void;
}

interface Shared {
  readonly directory: string;
  /** From the first opening to the last user's close, also while the environment is closed for a failure. */
  held: HeldFile | undefined;
  opened: Opened | undefined;
  /** From the first opening of the file to its end. */
  gate: Gate | undefined;
  users: number;
  /** Keeps processes of the same id out, from the first opening to the last user's close. */
  presence: Presence | undefined;
  /** What waits for it. */
  announcing: Promise<void> | undefined;
}

/** How often writes look for dead readers: a look is a system call for each process, growth in the meantime is bounded. */
const READER_CHECK_MS = 10_000;

/**
 * Where the environments of this process are kept, by real path: lmdb allows a file to be open once in a process, and
 * crashes it otherwise. A module's own variable would not do, since `import` and `require` load two copies of this one.
 * A change of {@link Shared} needs another number in the name.
 */
const REGISTRY = Symbol.for('hrm-core.embedded.v3');

function registry(): Map<string, Shared> {
  const holder = globalThis as { [REGISTRY]?: Map<string, Shared> };
  if (holder[REGISTRY] === undefined) {
    const all = new Map<string, Shared>();
    holder[REGISTRY] = all;
    // Otherwise lmdb-js closes what is open then, and not through the gate.
    process.on('exit', () => {
      for (const shared of all.values()) closeOpened(shared);
    });
  }
  return holder[REGISTRY];
}

/**
 * Opens the queue file in `directory`, creating both as needed where `create` says so.
 * @throws HrmError kind `unavailable` (no access, no space), `data` (not a queue file, or of another version), `invalid`
 * (code `worker_thread`).
 */
export async function openEnvironment(
  directory: string,
  { create }: { readonly create: boolean },
): Promise<Environment> {
  refuseWorkerThread();
  const shared = sharedAt(findDirectory(directory, create));
  shared.users += 1;
  try {
    shared.announcing ??= announce(shared.directory).then((presence) => {
      shared.presence = presence ?? undefined;
    });
    await shared.announcing;
    current(shared);
  } catch (error) {
    release(shared);
    throw isHrmError(error) ? error : unavailable(error, shared.directory);
  }
  return {
    read: (action) => read(shared, action),
    write: (action) => write(shared, action),
    requireSpace: (byteLength) => {
      current(shared);
      requireSpace(shared.directory, byteLength);
    },
    space: () => readSpace(shared.directory),
    close: () => release(shared),
  };
}

function refuseWorkerThread(): void {
  if (isMainThread) return;
  throw new HrmError(
    'An embedded queue cannot be opened in a worker thread: open it in the main thread, since lmdb allows a file to be open once in a process and threads do not see what others opened',
    { kind: 'invalid', code: 'worker_thread' },
  );
}

/** Its real path. */
function findDirectory(directory: string, create: boolean): string {
  try {
    if (create) makeDurableDirectory(resolve(directory));
    else requireQueue(directory);
    return realpathSync(directory);
  } catch (error) {
    throw isHrmError(error) ? error : unavailable(error, directory);
  }
}

function sharedAt(directory: string): Shared {
  const all = registry();
  const shared = all.get(directory) ?? {
    directory,
    held: undefined,
    opened: undefined,
    gate: undefined,
    users: 0,
    presence: undefined,
    announcing: undefined,
  };
  all.set(directory, shared);
  return shared;
}

function read<T>(shared: Shared, action: (tables: Tables) => T): T {
  const { root, tables } = current(shared).opened;
  try {
    // lmdb-js keeps one snapshot for a whole event-loop turn: without this, another process's commit is not seen.
    root.resetReadTxn();
    return action(tables);
  } catch (error) {
    throw failed(shared, error);
  }
}

function write<T>(shared: Shared, action: (tables: Tables) => T): T {
  const { opened, gate } = current(shared);
  const { root, tables } = opened;
  try {
    dropDeadReaders(opened);
    return gate.pass(() => transact(root, () => action(tables)));
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
  registry().delete(shared.directory);
  closeOpened(shared);
  if (shared.held !== undefined) closeSync(shared.held.descriptor);
  shared.held = undefined;
  shared.presence?.end();
}

function closeOpened(shared: Shared): void {
  const { opened, gate } = shared;
  shared.opened = undefined;
  shared.gate = undefined;
  // Nothing is outstanding, since all transactions are synchronous: the file is closed when this returns.
  const closing = () => void opened?.root.close();
  try {
    if (gate === undefined) closing();
    else gate.pass(closing);
  } catch {
    closing();
  } finally {
    gate?.close();
  }
}

interface Current {
  readonly opened: Opened;
  readonly gate: Gate;
}

function current(shared: Shared): Current {
  try {
    return openInPlace(shared);
  } catch (error) {
    closeOpened(shared);
    throw isHrmError(error) ? error : unavailable(error, shared.directory);
  }
}

function openInPlace(shared: Shared): Current {
  const { directory } = shared;
  // Before anything could create the file anew.
  if (shared.held !== undefined) requireInPlace(directory, shared.held, locksOf(shared));
  if (shared.opened !== undefined && shared.gate !== undefined) return { opened: shared.opened, gate: shared.gate };
  const gate = openGate(directory);
  shared.gate = gate;
  const opened = gate.pass(() => {
    prepareFiles(directory);
    shared.held ??= holdQueueFile(directory);
    return openFile(directory);
  });
  shared.opened = opened;
  // Even if the files were there: whoever made them may have been killed before this.
  syncDirectory(directory);
  // lmdb opened it by its name: was it the one that is held?
  if (shared.held !== undefined) requireInPlace(directory, shared.held, locksOf(shared));
  return { opened, gate };
}

function locksOf({ opened, gate }: Shared): Locks {
  return { queue: opened?.lock, gate: gate?.lock };
}
