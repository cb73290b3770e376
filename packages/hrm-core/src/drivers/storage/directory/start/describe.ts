/**
 * What a data directory tells of itself to whoever looks after it, besides what the port's `check` says.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { lstat, open, opendir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { readRegularFile } from '../../../../regular-file.js';
import { IDENTITY_NAME, QUARANTINE_DIRECTORY } from '../../names.js';
import { TEMPORARY_DIRECTORY } from '../paths.js';
import { nameIn } from './identity.js';

/** Age of a temporary that is no longer being written, ms: one is written and linked within seconds. */
const STALE_TEMPORARY_AGE_MS = 3_600_000;

/** What is found in a data directory. */
export interface DirectoryReport {
  /** The random text that tells the store from others; `null` where it has none, and an empty mount point looks like it. */
  readonly identity: string | null;
  /** Temporaries that a crash has left, which the next start of a writer removes. */
  readonly staleTemporaries: number;
  /** Whether something was set aside. */
  readonly isQuarantined: boolean;
  /** How far the file system's clock is ahead of this machine's, ms; `null` where no file can be made there. */
  readonly clockAheadMs: number | null;
}

/**
 * Looks around in a data directory. It makes a small file and deletes it, to see the file system's clock: those of file servers differ.
 * @param directory - absolute; what is not there is empty.
 */
export async function describeDirectory(directory: string): Promise<DirectoryReport> {
  const quarantined = await countOlder(join(directory, QUARANTINE_DIRECTORY), Number.NEGATIVE_INFINITY);
  return {
    identity: readIdentity(directory),
    staleTemporaries: await countOlder(join(directory, TEMPORARY_DIRECTORY), STALE_TEMPORARY_AGE_MS),
    isQuarantined: quarantined > 0,
    clockAheadMs: await measureClock(directory),
  };
}

function readIdentity(directory: string): string | null {
  try {
    return nameIn(readRegularFile(join(directory, IDENTITY_NAME), 'latin1')?.text ?? null);
  } catch {
    // What keeps it from being read is found by who stores.
    return null;
  }
}

async function measureClock(directory: string): Promise<number | null> {
  // A name that is nobody's: the next start removes it, should this process be killed here.
  const path = join(directory, TEMPORARY_DIRECTORY, `clock-${randomBytes(8).toString('hex')}.tmp`);
  try {
    const beganMs = Date.now();
    const handle = await open(path, 'wx', 0o600);
    try {
      return (await handle.stat()).mtimeMs - (beganMs + Date.now()) / 2;
    } finally {
      await handle.close();
      await unlink(path);
    }
  } catch {
    // What keeps a file from being made there is found by who stores.
    return null;
  }
}

async function countOlder(directory: string, minAgeMs: number): Promise<number> {
  let count = 0;
  for await (const entry of await opendir(directory).catch(() => [])) {
    const stats = await lstat(join(directory, entry.name)).catch(() => null);
    if (stats !== null && Date.now() - stats.mtimeMs > minAgeMs) count += 1;
  }
  return count;
}
