import type { ImportTarget } from 'hrm-core/import';
import { openQueue } from 'hrm-core/open';
import { closing } from './closing.js';
import type { Invocation } from './command.js';
import { openClient } from './server.js';

/** Runs something with what takes readings: the server of `--url`, or else the queue that the settings name. */
export async function withTarget<T>(invocation: Invocation, use: (target: ImportTarget) => Promise<T>): Promise<T> {
  const client = openClient(invocation);
  if (client !== null) return await use({ client });
  return await closing(openQueue(invocation.settings), (queue) => use({ queue }));
}
