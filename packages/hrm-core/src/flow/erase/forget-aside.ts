/** What is kept beside the files and the queue: quarantine and dead letters. */
import type { CallOptions, Queue } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import type { Erasure } from '../../pure/erasure/erasure.js';
import { isErasedLetter } from '../../pure/erasure/letter-test.js';
import { createRegister } from '../../pure/erasure/register.js';
import { storeIntact } from '../damage/store-intact.js';
import { createYielder } from '../files/yielder.js';
import { countErased } from './find-erased.js';

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
    if ((await countErased(file, partition, yieldTurn)) === 0) continue;
    await storeIntact(storage, partition, file, options);
    await discard();
    files += 1;
  }
  return files;
}

/** Letters held at once. */
const PAGE_LETTERS = 200;

/** Deletes dead letters of erased readings. @returns how many. */
export async function forgetLetters(
  { queue: { deadLetters } }: { readonly queue: Pick<Queue, 'deadLetters'> },
  erasures: readonly Erasure[],
): Promise<number> {
  const register = createRegister(erasures);
  const { yieldTurn } = createYielder();
  let purged = 0;
  let afterId: string | undefined;
  for (;;) {
    const page = await deadLetters.list({ afterId, limit: PAGE_LETTERS });
    if (page.length === 0) return purged;
    const ids: string[] = [];
    for (const letter of page) {
      if (isErasedLetter(letter, register)) ids.push(letter.id);
      await yieldTurn();
    }
    if (ids.length > 0) purged += await deadLetters.purge(ids);
    afterId = page.at(-1)?.id;
  }
}
