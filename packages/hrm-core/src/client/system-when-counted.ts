import { pause } from '../waits.js';
import type { Client } from './client.js';
import type { ServerSystem } from './system.js';

/** How long a server that has not counted yet is given for it, ms, and between two questions. */
const COUNT_PATIENCE_MS = 15_000;
const ASK_EVERY_MS = 250;

/**
 * Asks how the system is, with what is stored: the first who asks begins that count, which takes a moment.
 * @returns `files` is `null` where the server has not counted within 15 s.
 * @throws HrmError as the client's calls.
 */
export async function systemWhenCounted(
  client: Pick<Client, 'system'>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ServerSystem> {
  const deadlineMs = performance.now() + COUNT_PATIENCE_MS;
  let system = await client.system({ signal });
  while (system.files === null && performance.now() < deadlineMs) {
    // When the signal cuts the wait short, the next question says so.
    await pause(ASK_EVERY_MS, signal);
    system = await client.system({ signal });
  }
  return system;
}
