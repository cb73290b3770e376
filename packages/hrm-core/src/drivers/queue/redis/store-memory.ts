/** Which store the readings of a Redis queue go to, as the queue remembers it. @module */
import type { StoreMemory } from '../../../ports/queue.js';
import { sendCommand } from './call.js';
import { insist, type RedisContext, requireOpen } from './context.js';
import { SCRIPTS } from './scripts.js';

/** The memory of one queue. */
export function redisStoreMemory(context: RedisContext): StoreMemory {
  const { server, keys } = context;
  return {
    async get() {
      requireOpen(context);
      const reply = await sendCommand(server, 'GET', [keys.store]);
      return reply === null ? null : String(reply);
    },
    async remember(identity, { replace = false } = {}) {
      const { reply } = await insist(context, SCRIPTS.remember, [keys.store], [identity, replace ? '1' : '']);
      return String(reply);
    },
  };
}
