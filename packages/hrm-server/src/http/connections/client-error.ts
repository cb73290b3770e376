import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HrmError } from 'hrm-core';
import { COMMON_HEADERS, invalidError, PROBLEM_TYPE, problemOf } from '../../api/problem.js';
import { RETRY_AFTER_SECONDS } from '../../limits.js';

/**
 * Answers on a connection whose bytes are not a request, or did not become one in time, and closes it. Node would
 * answer, too, but in another form than all other errors.
 * @param error - Node's, from `clientError`. Its message repeats what was sent.
 */
export function refuseConnection(error: Error, socket: Duplex): void {
  const code = 'code' in error ? error.code : undefined;
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  endWith(socket, refusalOf(code));
}

/** Writes an error as the last answer of a connection that Node answers no more. */
export function endWith(socket: Duplex, error: HrmError, more: Readonly<Record<string, string>> = {}): void {
  const { status, title, headers, body } = lastAnswer(error);
  const lines = Object.entries({ ...headers, ...more }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${lines.join('')}\r\n${body}`);
}

/** Answers a request that is not looked at, as the last of its connection. @param error - of kind `unavailable`. */
export function refuseLast(outgoing: ServerResponse, error: HrmError): void {
  const { status, headers, body } = lastAnswer(error);
  outgoing.writeHead(status, { ...headers, 'Retry-After': String(RETRY_AFTER_SECONDS) }).end(body);
}

function lastAnswer(error: HrmError) {
  const problem = problemOf(error);
  const body = JSON.stringify(problem);
  const headers = {
    ...COMMON_HEADERS,
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  };
  return { status: problem.status, title: problem.title, headers, body };
}

function refusalOf(code: unknown) {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return invalidError('request_timeout', 'the request took too long to arrive', []);
  if (code === 'HPE_HEADER_OVERFLOW') return invalidError('headers_too_large', 'the headers are too large', []);
  const why = code === 'HPE_INVALID_URL' ? ': a URL may hold ASCII only, everything else as %XX' : '';
  return invalidError('bad_request', `this is no HTTP/1.1 request${why}`, []);
}
