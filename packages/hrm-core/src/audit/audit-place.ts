/**
 * Where an audit log is: a file that is only ever appended to, by any number of processes at once, and beside it a small one that says how far
 * the log had come.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorCode, HrmError } from '../errors.js';
import { makeDirectories } from '../make-directories.js';
import { syncDirectory } from '../sync-directory.js';

/** An open audit log. Every method throws what the system throws. */
export interface AuditFile {
  /** Bytes in it now. */
  size(): Promise<number>;
  /** What stands from an offset on, at most so many bytes; empty at the end. */
  read(at: number, maxBytes: number): Promise<Uint8Array>;
  /** Appends in one call of the system: it may write a part, and says nothing of that. */
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when all is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Where the log is. Every method throws what the system throws, or HrmError for what is no file. */
export interface AuditPlace {
  /** Opens the file at the path, which is made where there is none. */
  open(): Promise<AuditFile>;
  /** Whether the path still leads to this file. */
  isCurrent(file: AuditFile): Promise<boolean>;
  /** Gives the file at the path another name: its own, a dot, and the suffix. */
  setAside(suffix: string): Promise<void>;
  /** What the small file says; `null` where there is none. */
  readHead(): Promise<string | null>;
  /** Replaces what the small file says. */
  writeHead(text: string): Promise<void>;
}

/** Bytes of the small file: it is written in one call, and no longer text leaves a piece of the one before. */
const HEAD_BYTES = 512;

/** Where the small file is. */
export function headPathOf(path: string): string {
  return `${path}.head`;
}

/** An audit log at a path. Nothing is opened before it is asked for. */
export function openAuditPlace(path: string): AuditPlace {
  const directory = dirname(resolve(path));
  const headPath = headPathOf(path);
  const inodes = new WeakMap<AuditFile, bigint>();

  return {
    async open() {
      makeDirectories(directory);
      const { handle, isNew } = await openOrMake(path);
      try {
        const { ino } = await requireRegular(handle, path);
        if (isNew) syncDirectory(directory);
        const file = fileOf(handle);
        inodes.set(file, ino);
        return file;
      } catch (error) {
        await handle.close();
        throw error;
      }
    },
    async isCurrent(file) {
      try {
        return (await stat(path, { bigint: true })).ino === inodes.get(file);
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return false;
        throw error;
      }
    },
    async setAside(suffix) {
      try {
        await rename(path, `${path}.${suffix}`);
      } catch (error) {
        // Another process was first.
        if (errorCode(error) === 'ENOENT') return;
        throw error;
      }
      syncDirectory(directory);
    },
    async readHead() {
      try {
        const handle = await open(headPath, constants.O_RDONLY | constants.O_NONBLOCK);
        try {
          const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
          return buffer.toString('utf8', 0, bytesRead).trim();
        } finally {
          await handle.close();
        }
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return null;
        throw error;
      }
    },
    async writeHead(text) {
      const head = await open(headPath, constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK, 0o600);
      try {
        await head.write(Buffer.from(`${text.padEnd(HEAD_BYTES - 1)}\n`), 0, HEAD_BYTES, 0);
      } finally {
        await head.close();
      }
    },
  };
}

/** Opens for appending, whatever it is, without a wait. Only one who makes it knows that its directory has to be synced. */
async function openOrMake(path: string): Promise<{ readonly handle: FileHandle; readonly isNew: boolean }> {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return { handle: await open(path, flags), isNew: false };
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return { handle: await open(path, flags | constants.O_CREAT, 0o600), isNew: true };
  }
}

async function requireRegular(handle: FileHandle, path: string) {
  const stats = await handle.stat({ bigint: true });
  if (stats.isFile()) return stats;
  const message = `${path} is no file but a directory, a pipe or a device: name another place for the audit log (HRM_AUDIT_LOG)`;
  throw new HrmError(message, { kind: 'invalid', code: 'audit_no_file' });
}

function fileOf(handle: FileHandle): AuditFile {
  return {
    size: async () => (await handle.stat()).size,
    async read(at, maxBytes) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(maxBytes), 0, maxBytes, at);
      return buffer.subarray(0, bytesRead);
    },
    async append(bytes) {
      await handle.write(bytes, 0, bytes.length);
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}
