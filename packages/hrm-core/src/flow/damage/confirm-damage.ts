/**
 * Whether a file is wrong, or was only read wrong: a storage that is not well may give other bytes than are there, and give the
 * right ones a moment later.
 */

import { createHash } from 'node:crypto';
import { HrmError } from '../../errors.js';
import { proveFile } from '../../parquet/decode.js';
import type { Partition, Snapshot, Storage, StoredFile } from '../../ports/storage.js';
import { isDamage } from '../files/file-damage.js';
import { createYielder } from '../files/yielder.js';

/** What two looks at a file found: `misread`: it is well, or was different each time. `gone`: it has left its name. */
export type Confirmation = 'damaged' | 'misread' | 'gone';

/** Looks at a file until something is wrong with it, one read at a time. @returns whether nothing is. @throws HrmError kind `unavailable`. */
export type Look = (file: StoredFile, partition: Partition) => Promise<boolean>;

/**
 * Looks at a file as the snapshot holds it, and then opened anew: it is damaged where it is wrong both times, by the same bytes.
 * @throws HrmError kind `unavailable` where the storage cannot read it.
 */
export async function confirmDamage(
  storage: Storage,
  { partition }: Snapshot,
  file: StoredFile,
  look: Look = isProved,
): Promise<Confirmation> {
  const first = await lookOnce(file, partition, look);
  if (first === null) return 'misread';
  // Of the others those that can be are left unopened.
  const fresh = await storage.snapshot(partition, { isKnown: (name) => name !== file.name });
  try {
    const again = fresh.files.find(({ name }) => name === file.name);
    if (again === undefined || again.version !== file.version) return 'gone';
    return (await lookOnce(again, partition, look)) === first ? 'damaged' : 'misread';
  } finally {
    await fresh.close();
  }
}

/** What a question fails with that was given other bytes than are there, or differing ones. */
export function misreadError(name: string, { date }: Partition, cause?: unknown): HrmError {
  return new HrmError(
    `${name} of ${date} was read wrong, and then otherwise: the file stays; look at the disk or service that the data are on, the way to it, and the system log`,
    { kind: 'unavailable', code: 'storage_unavailable', cause },
  );
}

/** The digest of everything that was read by the look; `null` where it found nothing wrong. */
async function lookOnce(file: StoredFile, partition: Partition, look: Look): Promise<string | null> {
  const hash = createHash('sha256');
  const watched: StoredFile = {
    ...file,
    async read(fromByte, toByte) {
      const bytes = await file.read(fromByte, toByte);
      hash.update(`${fromByte} ${toByte}\n`).update(new Uint8Array(bytes));
      return bytes;
    },
  };
  return (await look(watched, partition)) ? null : hash.digest('hex');
}

async function isProved(file: StoredFile, partition: Partition): Promise<boolean> {
  try {
    await proveFile(file, partition, createYielder().yieldTurn);
    return true;
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}
