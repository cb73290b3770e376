/**
 * Every code of a refusal, with its status: the one list that answers and the OpenAPI document are made of. What the
 * service itself fails with has codes by the driver, and a status by its kind: with `queue_full` nothing was kept, with
 * `queue_unavailable` that is not known.
 */
import type { HrmErrorKind } from '../errors.js';

/** What a client did, as codes: stable, for programs. */
export const CLIENT_PROBLEMS = {
  invalid_readings: { status: 400, about: 'Readings are not valid; `errors` says which and why.' },
  empty_batch: { status: 400, about: 'A batch has no reading.' },
  not_a_reading: { status: 400, about: 'An array or a series came where one reading belongs.' },
  not_an_array: { status: 400, about: 'A batch is neither an array nor a series.' },
  not_json: { status: 400, about: 'The body is not JSON.' },
  invalid_parquet: {
    status: 400,
    about: 'The body is not Parquet with the columns of readings, or its pages are too large.',
  },
  not_utf8: { status: 400, about: 'The body is not UTF-8.' },
  bad_gzip: { status: 400, about: 'The body is not gzip, though it says so.' },
  invalid_query: { status: 400, about: 'Parameters are missing, unknown, repeated or not valid.' },
  invalid_user_settings: { status: 400, about: 'Settings of a user are not valid; `errors` says which and why.' },
  invalid_erasure: { status: 400, about: 'An erasure is not valid: `errors` says why.' },
  invalid_cursor: { status: 400, about: 'Last-Event-ID is not the id of an event of a live stream.' },
  bad_host: { status: 400, about: 'There is not exactly one Host header, or it is empty.' },
  bad_target: {
    status: 400,
    about: 'The request target or the Host header is not valid, or the path has a segment `.` or `..`.',
  },
  bad_request: { status: 400, about: 'What came is no HTTP/1.1 request, or has more than one Content-Type.' },
  key_missing: { status: 401, about: 'An API key is needed: `Authorization: Bearer hrm_…`.' },
  key_wrong: { status: 401, about: 'There is no such API key, or it has ended.' },
  scope_missing: { status: 403, about: 'The API key does not have the scope that this call needs.' },
  foreign_user: { status: 403, about: 'The API key is bound to other users.' },
  foreign_device: { status: 403, about: 'The API key is bound to other devices.' },
  not_found: { status: 404, about: 'There is nothing at this path.' },
  method_not_allowed: { status: 405, about: 'The path has other methods; `Allow` names them.' },
  not_acceptable: { status: 406, about: 'The Accept header allows none of the forms of the answer.' },
  request_timeout: { status: 408, about: 'The request took too long to arrive.' },
  body_too_large: { status: 413, about: 'The body is too large.' },
  too_many_readings: {
    status: 413,
    about: 'A batch has more than 10,000 readings or series, or series of more than 100,000 readings.',
  },
  unsupported_media_type: { status: 415, about: 'The Content-Type is none of those that are taken.' },
  unsupported_encoding: { status: 415, about: 'The Content-Encoding is not gzip.' },
  expectation_failed: { status: 417, about: 'The Expect header has something else than 100-continue.' },
  foreign_host: { status: 421, about: 'The Host header is not a name of this server.' },
  too_much_history: {
    status: 422,
    about: 'The user has more than 100,000 devices, or readings on more than 36,600 days: ask for the rows of a range.',
  },
  not_imported: {
    status: 422,
    about:
      'Nothing of a file could be imported: no format knows it, it is damaged, or `strict` refuses it; `errors` says why.',
  },
  time_zone_needed: { status: 422, about: 'A file has times without a zone: say where they were taken, `time_zone`.' },
  rate_limited: {
    status: 429,
    about:
      'The API key has made too many requests, or a client has sent readings of too many days; `Retry-After` says when to come back.',
  },
  headers_too_large: { status: 431, about: 'The headers are too large.' },
  unsupported_transfer_encoding: { status: 501, about: 'The Transfer-Encoding is not `chunked` alone.' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly about: string }>>;

/** A code of a refusal. */
export type ProblemCode = keyof typeof CLIENT_PROBLEMS;

/** Those that any call may meet, most before it is known what is called. */
export const COMMON_PROBLEMS = [
  'bad_host',
  'bad_target',
  'bad_request',
  'method_not_allowed',
  'expectation_failed',
  'foreign_host',
  'request_timeout',
  'headers_too_large',
  'unsupported_transfer_encoding',
] as const satisfies readonly ProblemCode[];

/** Those of a call that needs a key. */
export const KEY_PROBLEMS = ['key_missing', 'key_wrong', 'rate_limited'] as const satisfies readonly ProblemCode[];

/** Those of reading a body. */
export const BODY_PROBLEMS = [
  'not_json',
  'not_utf8',
  'bad_gzip',
  'body_too_large',
  'unsupported_media_type',
  'unsupported_encoding',
] as const satisfies readonly ProblemCode[];

/** The status of errors that are not the client's, and of client errors without a code above. */
export const STATUS_BY_KIND: Readonly<Record<HrmErrorKind, number>> = {
  invalid: 400,
  conflict: 409,
  unavailable: 503,
  data: 500,
  closed: 503,
  internal: 500,
};

/** The status of a code; `undefined` for what is no refusal. */
export function statusOfCode(code: string): number | undefined {
  return Object.hasOwn(CLIENT_PROBLEMS, code) ? CLIENT_PROBLEMS[code as ProblemCode].status : undefined;
}
