import { faultError, HrmError } from '../../errors.js';
import { MAX_UPLOAD_IDLE_MS, MIN_UPLOAD_BYTES_PER_SECOND, UPLOAD_GRACE_MS } from '../../limits.js';
import { within } from '../../waits.js';

/**
 * The pieces of a file that comes over a connection, for as long as they come fast enough. They are asked for no faster than they are taken.
 * @param maxBytes - inclusive.
 * @throws HrmError kind `invalid`, code `body_too_large` or `request_timeout`; kind `closed`, code `client_gone`, where the connection breaks.
 */
export async function* pacedPieces(pieces: AsyncIterator<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  const sinceMs = performance.now();
  let bytes = 0;
  try {
    for (;;) {
      const next = await within(MAX_UPLOAD_IDLE_MS, pieces.next().catch(rethrowGone), rethrowSlow);
      if (next.done === true) return;
      bytes += next.value.length;
      if (bytes > maxBytes) throw tooLargeError(maxBytes);
      const lateMs = performance.now() - sinceMs - UPLOAD_GRACE_MS;
      if (bytes < (MIN_UPLOAD_BYTES_PER_SECOND * lateMs) / 1_000) rethrowSlow();
      yield next.value;
    }
  } finally {
    // What still comes is another's to skip, so that the client hears why. It is not awaited: a piece may never come.
    pieces.return?.().catch(() => undefined);
  }
}

/** The error of a file that is too large. */
export function tooLargeError(maxBytes: number): HrmError {
  return faultError(
    'body_too_large',
    `the file may have at most ${maxBytes} bytes: import a larger one with hrm import`,
  );
}

function rethrowGone(cause: unknown): never {
  const message = 'the client went away before its file was complete';
  throw new HrmError(message, { kind: 'closed', code: 'client_gone', cause });
}

function rethrowSlow(): never {
  throw new HrmError('the file stopped coming, or came too slowly', { kind: 'invalid', code: 'request_timeout' });
}
