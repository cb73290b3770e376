/** Which store the readings of a queue in SQS go to: a tag of the queue. @module */
import type { StoreMemory } from '../../../ports/queue.js';
import { pause } from '../../../waits.js';
import type { SqsApi } from './api.js';

/** The name of the tag. */
const TAG = 'hrm-store';

/**
 * How long after it was written a first identity is read again, milliseconds. A tag has no condition, so of two that come at once the last
 * stays; both find that one where no request takes longer than this. It is once in a queue's life.
 */
const SETTLE_MS = 2_000;

/** The memory of one queue. */
export function sqsStoreMemory(api: SqsApi, requireOpen: () => void, settleMs = SETTLE_MS): StoreMemory {
  let known: { readonly identity: string; readonly atMs: number } | null = null;

  async function ask(): Promise<string | null> {
    const { Tags } = await api.call('ListQueueTags', {});
    const identity = (Tags as Readonly<Record<string, unknown>> | undefined)?.[TAG];
    if (typeof identity !== 'string') return null;
    known = { identity, atMs: performance.now() };
    return identity;
  }

  async function write(identity: string): Promise<void> {
    known = null;
    await api.call('TagQueue', { Tags: { [TAG]: identity } });
  }

  return {
    async get({ maxAgeMs = 0 } = {}) {
      requireOpen();
      if (known !== null && performance.now() - known.atMs < maxAgeMs) return known.identity;
      return await ask();
    },
    async remember(identity, { replace = false } = {}) {
      requireOpen();
      if (!replace) {
        const first = await ask();
        if (first !== null) return first;
      }
      await write(identity);
      if (!replace) await pause(settleMs);
      return (await ask()) ?? identity;
    },
  };
}
