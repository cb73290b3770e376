/** Dead letters, gone through page by page. */
import { throwIfAborted } from '../../errors.js';
import type { DeadLetter, DeadLetters } from '../../ports/queue.js';

/** Letters held at once. */
const PAGE_LETTERS = 200;

/** How they are stopped. */
export interface DeadLetterOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * All dead letters, oldest first, a page at a time, so that memory does not grow with their number.
 * @throws HrmError kind `closed`, code `aborted`, when the signal fires.
 */
export async function* deadLetterPages(
  { queue: { deadLetters } }: { readonly queue: { readonly deadLetters: Pick<DeadLetters, 'list'> } },
  { signal }: DeadLetterOptions = {},
): AsyncGenerator<readonly DeadLetter[], void, undefined> {
  let afterId: string | undefined;
  for (;;) {
    throwIfAborted(signal, 'listing dead letters');
    const page = await deadLetters.list({ afterId, limit: PAGE_LETTERS });
    if (page.length === 0) return;
    yield page;
    afterId = page[page.length - 1]?.id;
  }
}
