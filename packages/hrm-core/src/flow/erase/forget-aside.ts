/** What is kept beside the files and the queue: quarantine and dead letters. */
import type { CallOptions, Queue } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import type { Erasure } from '../../pure/erasure/erasure.js';
import { isErasedLetter } from '../../pure/erasure/letter-test.js';
import { createRegister } from '../../pure/erasure/register.js';
import { storeIntact } from '../damage/store-intact.js';
import { deadLetterPages } from '../files/dead-letter-pages.js';
import { createYielder } from '../files/yielder.js';
import { lookAt } from './find-erased.js';

/**
 * Deletes what is in quarantine of erased readings, and what cannot be read there and may be: what can be read of others in it is stored first.
 * @returns how many files.
 */
export async function forgetQuarantined(
  { storage }: { readonly storage: Storage },
  options: CallOptions = {},
): Promise<number> {
  const { yieldTurn } = createYielder();
  let files = 0;
  for await (const { partition, file, discard } of storage.quarantined(options)) {
    if (file.mask === null || (await lookAt(file, partition, yieldTurn))?.erased === 0) continue;
    await storeIntact(storage, partition, file, options);
    await discard();
    files += 1;
  }
  return files;
}

/** Deletes dead letters of erased readings. @returns how many. */
export async function forgetLetters(
  { queue }: { readonly queue: Pick<Queue, 'deadLetters'> },
  erasures: readonly Erasure[],
  options: CallOptions = {},
): Promise<number> {
  const register = createRegister(erasures);
  const { yieldTurn } = createYielder();
  let purged = 0;
  for await (const page of deadLetterPages({ queue }, options)) {
    const ids: string[] = [];
    for (const letter of page) {
      if (isErasedLetter(letter, register)) ids.push(letter.id);
      await yieldTurn();
    }
    if (ids.length > 0) purged += await queue.deadLetters.purge(ids);
  }
  return purged;
}
