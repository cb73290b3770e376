/**
 * Pages of other origins that may call the API from a browser: none, unless they are named.
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
import type { IncomingMessage } from 'node:http';
import { HEADER_PARAMETERS } from 'hrm-core/schemas';

const MAX_AGE_SECONDS = 600;
const REQUEST_HEADERS = [
  'Accept',
  'Authorization',
  'Content-Encoding',
  'Content-Type',
  ...[...HEADER_PARAMETERS].sort(),
  'X-Request-Id',
].join(', ');
const ANSWER_HEADERS = 'ETag, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id';

type Head = Pick<IncomingMessage, 'headers' | 'method'>;

/** What an answer says to the browser of a page; `null` where no origins are named. */
export type Cors = (incoming: Head) => Readonly<Record<string, string>> | null;

/** @param origins - as browsers send them. */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins);
  return ({ headers: { origin } }) => {
    if (allowed.size === 0) return null;
    // What is answered depends on who asks, also where the answer is no.
    if (origin === undefined || !allowed.has(origin)) return { Vary: 'Origin' };
    return { Vary: 'Origin', 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': ANSWER_HEADERS };
  };
}

/** Whether a browser asks what a page may do, before it does it. */
export function isPreflight({ method, headers }: Head): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined && headers.origin !== undefined;
}

/** The answer to that. It needs no key: browsers send none with it, and it tells nothing. */
export function preflightResponse(cors: Readonly<Record<string, string>>, methods: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...cors,
      'Access-Control-Allow-Methods': methods,
      'Access-Control-Allow-Headers': REQUEST_HEADERS,
      'Access-Control-Max-Age': String(MAX_AGE_SECONDS),
    },
  });
}
