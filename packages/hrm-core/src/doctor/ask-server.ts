import { createClient } from '../client/client.js';
import type { ServerHealth } from '../client/system.js';
import { type HrmError, isHrmError } from '../errors.js';

/** For a whole answer, ms: a server gives its checks two seconds. */
const TIMEOUT_MS = 3_000;

/**
 * Asks a server for its health, once. That it does not answer, or not as this system does, is a report, too: unhealthy.
 * @throws HrmError kind `invalid` for what is no address of a server; kind `closed` when aborted.
 */
export async function askHealth(url: string, signal?: AbortSignal | undefined): Promise<ServerHealth> {
  const client = createClient({ url, retries: 0, timeoutMs: TIMEOUT_MS });
  try {
    return await client.health({ signal });
  } catch (error) {
    if (!isHrmError(error) || error.kind === 'closed') throw error;
    return { status: 'unhealthy', checks: { service: reasonOf(error), queue: 'not known', storage: 'not known' } };
  }
}

function reasonOf({ code, message, cause }: HrmError): string {
  if (code === 'server_silent') return `no answer within ${TIMEOUT_MS} ms`;
  if (code === 'bad_answer') return 'the answer is not a report of health';
  if (code !== 'server_unreachable') return `the server refuses to tell (${code}): ${message}`;
  // Of `fetch`, and below it of the connection.
  const { cause: below } = (cause ?? {}) as Error;
  return `the server cannot be reached${below instanceof Error && 'code' in below ? ` (${String(below.code)})` : ''}`;
}
