/**
 * What is refused of a request before it is known what is called, besides its `Host`.
 */

import type { IncomingMessage } from 'node:http';
import type { HrmError } from 'hrm-core';
import { pathOf } from 'hrm-core/schemas';
import { invalidError } from '../api/problem.js';
import { headerValues } from './header-values.js';

/** `.` and `..` as segments, escaped or not; what ends a path, or separates it where a URL is read for a browser. */
const NOT_PLAIN = /[\\#]|(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * Tells why; `null`: nothing is wrong. Whoever resolves a path with `..` in it calls something else than it says: a proxy
 * before this server, which goes by the path, and the routes would not mean the same user.
 */
export function checkHead({
  url = '',
  headers: { expect, 'transfer-encoding': transferEncoding = 'chunked' },
  rawHeaders,
}: Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders'>): HrmError | null {
  if (NOT_PLAIN.test(pathOf(url))) return pathError();
  // Node takes the first; a proxy before this server may have gone by the last.
  if (headerValues({ rawHeaders }, 'content-type').length > 1) return repeatedError();
  if (transferEncoding.trim().toLowerCase() !== 'chunked') return transferError();
  if (expect === undefined || /(?:^|\W)100-continue(?:$|\W)/i.test(expect)) return null;
  return invalidError('expectation_failed', 'of the expectations in Expect only 100-continue is met', []);
}

function repeatedError(): HrmError {
  return invalidError('bad_request', 'Content-Type is given more than once: send one', []);
}

/** @see RFC 9112, 6.1 */
function transferError(): HrmError {
  const message = 'the Transfer-Encoding must be chunked alone: say gzip in Content-Encoding';
  return invalidError('unsupported_transfer_encoding', message, []);
}

function pathError(): HrmError {
  const message =
    'the path must be written out, without the segments . and .., \\ and #; the rows of a user named . or .. are at GET /metrics/heart-rate?user_id=';
  return invalidError('bad_target', message, []);
}
