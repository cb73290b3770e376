/**
 * Where readings go: into a queue, or to a server.
 */
import type { Client } from '../client/client.js';
import { type EnqueueOptions, enqueueUntrusted } from '../flow/write/enqueue.js';
import type { Queue } from '../ports/queue.js';
import type { WireReading } from '../pure/reading/reading.js';

/** What takes readings: a queue, a server by its client, which judges by its own settings, or whatever else takes them. */
export type ImportTarget =
  | { readonly queue: Pick<Queue, 'push' | 'depth'> }
  | { readonly client: Client }
  | { readonly destination: Destination };

/** The target as a destination. */
export function toDestination(target: ImportTarget): Destination {
  if ('destination' in target) return target.destination;
  return 'client' in target ? toServer(target.client) : toQueue(target.queue);
}

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

function toQueue(queue: Pick<Queue, 'push' | 'depth'>): Destination {
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

/** Takes everything and keeps nothing: with it an import only judges. */
export const NOWHERE = {
  queue: { push: async () => undefined, depth: () => Promise.reject(new Error('there is no queue')) },
} as const satisfies ImportTarget;
