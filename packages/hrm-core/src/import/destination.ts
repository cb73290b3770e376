/**
 * Where readings go: into the queue that the settings name, or to a server.
 */
import { type EnqueueOptions, enqueueUntrusted, type Queue, type WireReading } from 'hrm-core';
import type { Client } from 'hrm-core/client';
import { openQueue } from 'hrm-core/open';
import type { Invocation } from '../command.js';
import { openClient } from '../server.js';

/** What judges and takes readings. */
export interface Destination extends Pick<Queue, 'depth'> {
  /** Whether it has tried again by itself by the time it says that it is unavailable. */
  readonly waitsForRoom: boolean;
  /**
   * Takes 1 to 10,000 readings as a wire spells them, all or none.
   * @param onJudged - called once they are known to be sound, which may be before they are taken.
   * @returns how many.
   */
  enqueue(items: readonly unknown[], options: EnqueueOptions, onJudged?: () => void): Promise<number>;
}

/** A queue as a destination. */
export function toQueue(queue: Pick<Queue, 'push' | 'depth'>): Destination {
  return {
    waitsForRoom: false,
    async enqueue(items, options, onJudged) {
      const judged: Pick<Queue, 'push'> = {
        push(elements, pushOptions) {
          onJudged?.();
          return queue.push(elements, pushOptions);
        },
      };
      return (await enqueueUntrusted({ queue: judged }, items, { ...options, wireOnly: true })).accepted;
    },
    depth: () => queue.depth(),
  };
}

/** A server as a destination: it judges by its own settings, and does not tell what is queued. */
function toServer(client: Client): Destination {
  return {
    waitsForRoom: true,
    // The server judges what they are.
    enqueue: async (items, { signal }) => (await client.enqueue(items as readonly WireReading[], { signal })).accepted,
    depth: () => Promise.reject(new Error('a server does not tell')),
  };
}

/** Runs something with the destination that `--url`, or else the settings, name. */
export async function withDestination<T>(
  invocation: Invocation,
  use: (destination: Destination) => Promise<T>,
): Promise<T> {
  const client = openClient(invocation);
  if (client !== null) return await use(toServer(client));
  const queue = await openQueue(invocation.settings);
  try {
    return await use(toQueue(queue));
  } finally {
    await queue.close();
  }
}
