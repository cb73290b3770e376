/** Small files beside the readings, each published once: written under a name of its own, synced and linked, so that it is there whole or not at all. */
import { randomUUID } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../errors.js';

/**
 * Publishes a file; its directory is the caller's to sync. `'exists'`: there is one of that name, which stays as it is.
 * @throws the system's error.
 */
export async function publishFile(path: string, text: string): Promise<'written' | 'exists'> {
  const temporary = join(dirname(path), `.${randomUUID()}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    let outcome: 'written' | 'exists' = 'written';
    await link(temporary, path).catch((error) => {
      unlessThere(error);
      outcome = 'exists';
    });
    return outcome;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Passes over what is there already. @throws any other error. */
export function unlessThere(error: unknown): void {
  if (errorCode(error) !== 'EEXIST') throw error;
}
