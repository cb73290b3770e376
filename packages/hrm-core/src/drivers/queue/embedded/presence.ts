/**
 * Tells whether another process with this process's id has the queue open: two containers, or other PID namespaces, on one
 * directory, each with a process 1. lmdb tells its processes apart by that number alone, so the second one waits for the first
 * for ever, and when it is killed it may give up the other's lock.
 *
 * So each process listens on a socket in the queue's directory whose name has its id. It takes nothing; that a connection
 * to it succeeds means that the process lives, in whatever namespace, and a process that was killed leaves a name that refuses.
 * Only Linux has such namespaces.
 * @module
 */
import { closeSync, constants, existsSync, openSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { HrmError } from '../../../errors.js';
import { FILE_NAME } from './files.js';

/** A process that was killed left the name: it is taken over; so often, where others do the same. */
const MAX_ATTEMPTS = 5;

/** For a connection on the same machine, milliseconds; who does not refuse in it lives. */
const CONNECT_MS = 2_000;

/** Age from which a name that refuses was left by a killed process, milliseconds. */
const YOUNG_MS = 60_000;

/** Names looked at by one opening; the next goes on. */
const MAX_FORGOTTEN = 100;

/** What keeps other processes of the same id out. */
export interface Presence {
  /** Lets them in. */
  end(): void;
}

/**
 * Announces this process.
 * @returns what ends it; `null` where a file system has no sockets, or the directory does not let them be made: opening the
 *   queue says what is wrong.
 * @throws HrmError kind `unavailable`, code `queue_in_use`.
 */
export async function announce(directory: string, pid: number = process.pid): Promise<Presence | null> {
  if (process.platform !== 'linux' || !existsSync(SHORT_PATHS)) return null;
  // A socket's path has at most 107 bytes, and a directory may be deeper.
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const within = `${SHORT_PATHS}/${descriptor}`;
  const path = `${within}/${NAME_PREFIX}${pid}`;
  try {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const server = await listen(path);
      if (server === 'impossible') break;
      if (server !== 'taken') {
        await forgetDead(within, path);
        return { end: () => end(server, descriptor) };
      }
      const found = inodeOf(path);
      if (await isAlive(path)) throw inUseError(directory, pid);
      // Only the one that is dead: meanwhile another process may have taken the name over.
      if (inodeOf(path) === found) unlinkQuietly(path);
    }
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  closeSync(descriptor);
  return null;
}

const SHORT_PATHS = '/proc/self/fd';
const NAME_PREFIX = `${FILE_NAME}-process-`;

/** Deletes names that killed processes of other ids left; not young ones, whose process may be about to listen. */
async function forgetDead(within: string, own: string): Promise<void> {
  const names = readdirSync(within).filter((name) => name.startsWith(NAME_PREFIX));
  for (const name of names.slice(0, MAX_FORGOTTEN)) {
    const path = `${within}/${name}`;
    const bornMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (path !== own && Date.now() - bornMs > YOUNG_MS && !(await isAlive(path))) unlinkQuietly(path);
  }
}

function listen(path: string): Promise<Server | 'taken' | 'impossible'> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    // No program is kept from ending by it; and in a worker of a cluster it is the worker's own.
    server.unref();
    server.on('error', (error) => {
      resolve('code' in error && error.code === 'EADDRINUSE' ? 'taken' : 'impossible');
    });
    // The name is made in this very call; for its owner alone, as all of the queue.
    const umask = process.umask(0o077);
    try {
      server.listen({ path, exclusive: true }, () => resolve(server));
    } finally {
      process.umask(umask);
    }
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path, timeout: CONNECT_MS });
    function end(answer: boolean): void {
      socket.destroy();
      resolve(answer);
    }
    socket.on('connect', () => end(true));
    socket.on('timeout', () => end(true));
    socket.on('error', (error) => end(!('code' in error && DEAD.has(String(error.code)))));
  });
}

/** Nobody listens there any more, or nothing is there. */
const DEAD: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTSOCK']);

/** Closing a server of a path unlinks it, at once. */
function end(server: Server, descriptor: number): void {
  server.close();
  closeSync(descriptor);
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else did it, or it cannot be: the next attempt tells.
  }
}

function inUseError(directory: string, pid: number): HrmError {
  return new HrmError(
    `${join(directory, FILE_NAME)} is in use by another process ${pid}, in another container or PID namespace, and an embedded queue cannot tell two of that number apart: run all parts in one container (hrm serve), let the containers share a PID namespace (docker run --pid container:NAME), or use Redis (REDIS_URL)`,
    { kind: 'unavailable', code: 'queue_in_use' },
  );
}
