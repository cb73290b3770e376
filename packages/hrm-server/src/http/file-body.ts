/**
 * The body of an upload, in pieces, as it comes: it may be larger than the memory, and is on its way for minutes.
 */
import { within } from 'hrm-core';
import { requireValid } from 'hrm-core/keys';
import { MAX_BODY_IDLE_MS, MIN_UPLOAD_BYTES_PER_SECOND, UPLOAD_GRACE_MS } from '../limits.js';
import type { Call } from '../routes/handler.js';
import { clientGoneError, silentError, tooLargeError } from './body.js';
import { allowLong } from './connections/connection-bounds.js';
import { sendContinue } from './connections/expect-continue.js';

/**
 * Reads the body of a call. It is read no faster than its pieces are taken.
 * @param maxBytes - inclusive, as sent.
 * @throws HrmError kind `invalid`, code `body_too_large`, before anything is read where the body says how long it is; code `request_timeout` for
 *   one that keeps silent or is too slow; code `key_wrong` when the key of whoever sends it counts no more; kind `closed` when the client went
 *   away.
 */
export async function* receiveFile(
  { incoming, outgoing, access }: Pick<Call, 'incoming' | 'outgoing' | 'access'>,
  maxBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLargeError(maxBytes);
  allowLong(incoming);
  sendContinue(incoming, outgoing);
  // The answer goes out over the same socket.
  const pieces = incoming.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  const sinceMs = performance.now();
  let bytes = 0;
  for (;;) {
    const next = await within(MAX_BODY_IDLE_MS, pieces.next().catch(rethrowGone), rethrowSilent);
    if (next.done === true) break;
    bytes += next.value.length;
    if (bytes > maxBytes) throw tooLargeError(maxBytes);
    const lateMs = performance.now() - sinceMs - UPLOAD_GRACE_MS;
    if (bytes < (MIN_UPLOAD_BYTES_PER_SECOND * lateMs) / 1_000) throw silentError();
    requireValid(access);
    yield next.value;
  }
  // While the file is read, nothing comes over the socket, and nothing goes. How long that takes has its own bound.
  incoming.socket.setTimeout(0);
}

function rethrowGone(): never {
  throw clientGoneError();
}

function rethrowSilent(): never {
  throw silentError();
}
