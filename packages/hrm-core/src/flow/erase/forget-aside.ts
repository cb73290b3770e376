/** What is kept beside the files and the queue: quarantine and dead letters. */
import type { CallOptions, DeadLetter, Queue } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import type { Erasure } from '../../pure/erasure/erasure.js';
import { isErasedLetter, isExpiredLetter } from '../../pure/erasure/letter-test.js';
import { createRegister } from '../../pure/erasure/register.js';
import type { Retention } from '../../pure/erasure/retention.js';
import { storeIntact } from '../damage/store-intact.js';
import { deadLetterPages } from '../files/dead-letter-pages.js';
import { createYielder } from '../files/yielder.js';
import { lookAt } from './find-erased.js';

/**
 * Deletes what is in quarantine of erased readings, and what cannot be read there and may be: what can be read of others in it is stored first.
 * @param storage - as `sureView` gives it.
 * @param isOnlyExpired - only what is kept no longer; default false: what is erased.
 * @returns how many files.
 */
export async function forgetQuarantined(
  { storage }: { readonly storage: Storage },
  options: CallOptions = {},
  isOnlyExpired = false,
): Promise<number> {
  const { yieldTurn } = createYielder();
  let files = 0;
  for await (const { partition, file, discard } of storage.quarantined(options)) {
    if (file.mask === null) continue;
    const { retention, today, isGone } = await storage.erasures.current();
    if (isOnlyExpired && retention.expiryOf(partition, today) === null) continue;
    const look = await lookAt(file, partition, yieldTurn);
    if (look?.erased === 0) continue;
    // What cannot be read may be of somebody whose days are not over.
    if (isOnlyExpired && look === null && !isGone(partition)) continue;
    await storeIntact(storage, partition, file, options);
    await discard();
    files += 1;
  }
  return files;
}

/** Deletes dead letters of erased readings. @returns how many. */
export async function forgetLetters(
  { queue }: LettersOf,
  erasures: readonly Erasure[],
  options: CallOptions = {},
): Promise<number> {
  const register = createRegister(erasures);
  return await purgeLetters({ queue }, (letter) => isErasedLetter(letter, register), options);
}

/** Deletes dead letters of readings that are kept no longer, as of the UTC day that has surely come. @returns how many. */
export async function forgetExpiredLetters(
  { queue }: LettersOf,
  { retention, surely }: { readonly retention: Retention; readonly surely: number },
  options: CallOptions = {},
): Promise<number> {
  return await purgeLetters({ queue }, (letter) => isExpiredLetter(letter, retention, surely), options);
}

interface LettersOf {
  readonly queue: Pick<Queue, 'deadLetters'>;
}

async function purgeLetters(
  { queue }: LettersOf,
  isMeant: (letter: DeadLetter) => boolean,
  options: CallOptions,
): Promise<number> {
  const { yieldTurn } = createYielder();
  let purged = 0;
  for await (const page of deadLetterPages({ queue }, options)) {
    const ids: string[] = [];
    for (const letter of page) {
      if (isMeant(letter)) ids.push(letter.id);
      await yieldTurn();
    }
    if (ids.length > 0) purged += await queue.deadLetters.purge(ids);
  }
  return purged;
}
