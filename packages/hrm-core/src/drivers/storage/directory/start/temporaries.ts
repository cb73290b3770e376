/**
 * Temporaries, and what becomes of those that a crash leaves behind.
 *
 * Several processes, also of several containers, may share a data directory, so one that starts must not take a living
 * one's temporaries. There is no lock to ask: the name of a temporary says whose it is,
 * `<host>~<pid>~<process start>~<random>.tmp`. Of this host, it goes when that process is gone (a pid that is used again
 * has another start). Of another host it goes when it is an hour old. What has no such name is nobody's, and goes.
 * Should a living one's be taken all the same (two containers of one host name), its publish writes it again.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../../../../errors.js';
import { type DirectoryFileSystem, listEntries, statusOf, unlinkQuietly } from '../files.js';
import { TEMPORARY_DIRECTORY } from '../paths.js';

/** How long another host's temporary is left alone; one is written and linked within seconds. */
const FOREIGN_GRACE_MS = 3_600_000;
const NAME_PATTERN = /^([A-Za-z0-9.-]{1,64})~([1-9]\d{0,9})~(\d{1,20})~[0-9a-f]+\.tmp$/;

const host =
  hostname()
    .replace(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 64) || 'localhost';
/** When this process started: the kernel's figure where there is one, else by the clock. */
const ownStart = processState(process.pid)?.start ?? String(Math.round(Date.now() - process.uptime() * 1000));

/** A fresh path for a temporary of this process; random, since threads and copies of this module share the pid. */
export function temporaryPath(dataDirectory: string): string {
  const name = `${host}~${process.pid}~${ownStart}~${randomBytes(8).toString('hex')}.tmp`;
  return join(dataDirectory, TEMPORARY_DIRECTORY, name);
}

/** Deletes the temporaries of processes that are gone; one that cannot be deleted is left for the next start. */
export async function sweepStaleTemporaries(fileSystem: DirectoryFileSystem, dataDirectory: string): Promise<void> {
  const directory = join(dataDirectory, TEMPORARY_DIRECTORY);
  for (const entry of await listEntries(fileSystem, directory)) {
    const path = join(directory, entry.name);
    if (!entry.isDirectory() && isStaleTemporary(fileSystem, path, entry.name)) await unlinkQuietly(fileSystem, path);
  }
}

function isStaleTemporary(fileSystem: DirectoryFileSystem, path: string, name: string): boolean {
  const [, owner, pid, start] = NAME_PATTERN.exec(name) ?? [];
  if (owner === undefined || pid === undefined || start === undefined) return true;
  if (owner === host) return !isAlive(Number(pid), start);
  const status = statusOf(fileSystem, path);
  return status !== null && Date.now() - Number(status.mtimeMs) > FOREIGN_GRACE_MS;
}

function isAlive(pid: number, start: string): boolean {
  if (pid === process.pid) return start === ownStart;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any other answer (EPERM) comes from a process that is there.
    if (errorCode(error) === 'ESRCH') return false;
  }
  const state = processState(pid);
  return state === null || (state.start === start && state.isRunning);
}

/** @see proc(5), /proc/pid/stat: state is field 3, starttime field 22; the name before them may hold anything. */
function processState(pid: number): { start: string; isRunning: boolean } | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null; // No /proc on this system, or one that hides other users' processes.
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', start = ''] = [fields[0], fields[19]];
  return { start, isRunning: !/^[ZXx]$/.test(state) };
}
