/** Which store the readings of a Redis queue go to, as the queue remembers it. @module */
import type { StoreMemory } from '../../../ports/queue.js';
import { sendCommand } from './call.js';
import { insist, type RedisContext, requireOpen } from './context.js';
import { SCRIPTS } from './scripts.js';

/**
 * The memory of one queue. What it was told is forgotten with the connection: behind the next one may be another server, or the same
 * one after somebody restored it.
 */
export function redisStoreMemory(context: RedisContext): StoreMemory {
  const { server, keys, closing } = context;
  let known: { readonly identity: string; readonly atMs: number } | null = null;

  function learn(identity: string): string {
    known = { identity, atMs: performance.now() };
    return identity;
  }
  function forget(): void {
    known = null;
  }
  server.client.on('ready', forget);
  closing.addEventListener('abort', () => server.client.off('ready', forget), { once: true });

  return {
    async get({ maxAgeMs = 0 } = {}) {
      requireOpen(context);
      if (known !== null && performance.now() - known.atMs < maxAgeMs) return known.identity;
      const reply = await sendCommand(server, 'GET', [keys.store]);
      return reply === null ? null : learn(String(reply));
    },
    async remember(identity, { replace = false } = {}) {
      const { reply } = await insist(context, SCRIPTS.remember, [keys.store], [identity, replace ? '1' : '']);
      return learn(String(reply));
    },
  };
}
