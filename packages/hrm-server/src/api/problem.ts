/**
 * Errors as clients see them: RFC 9457 `application/problem+json`.
 */
import { STATUS_CODES } from 'node:http';
import {
  codeOf,
  type Fault,
  HrmError,
  type HrmErrorKind,
  isHrmError,
  MAX_FAULTS,
  operationOutcome,
  READING_TYPES,
} from 'hrm-core';
import { enqueuedText, type UploadError } from 'hrm-core/import';
import { STATUS_BY_KIND, statusOfCode } from 'hrm-core/schemas';
import type { RateLimitError, RequestRateError } from 'hrm-core/shares';
import { rateHeaders } from '../auth/access.js';
import { RETRY_AFTER_SECONDS } from '../limits.js';

/**
 * On every answer, unless it says otherwise: no guessing of types, no copy of health data in a cache, nothing that a
 * browser would run, frame or hand on.
 */
export const COMMON_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'private, no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
} as const;

/** The media type of an error. @see RFC 9457 */
export const PROBLEM_TYPE = 'application/problem+json';

/** The body of an error. */
export interface Problem {
  readonly type: 'about:blank';
  /** The status in words. */
  readonly title: string;
  readonly status: number;
  /** For people: what is wrong and what to do. Never has the value of a reading, a path or a stack. */
  readonly detail: string;
  /** Stable, for programs. */
  readonly code: string;
  /** What is wrong with the input, at most the first 100. */
  readonly errors?: readonly Fault[];
  /** How many things are wrong in all. */
  readonly error_count?: number;
  /** Of an import that ended early: readings that are queued durably all the same. */
  readonly enqueued?: number;
}

/**
 * What is said of errors that are not the client's. Their own messages name files and users, which are nobody's business
 * who can merely reach the port.
 */
const DETAIL_BY_KIND: Readonly<Record<Exclude<HrmErrorKind, 'invalid'>, string>> = {
  conflict: 'another writer was first: try again',
  unavailable: 'the service cannot do this now: try again later',
  data: 'a stored file cannot be read: the operator finds it in the log',
  closed: 'the service is stopping: try again later',
  internal: 'the service failed: the operator finds the cause in the log',
};

/** An error that is the client's, about the input as a whole. `code` decides the status, 400 by default. */
export function invalidError(code: string, message: string, faults: readonly Fault[] = [{ path: '', message }]) {
  return new HrmError(message, { kind: 'invalid', code, faults });
}

/** That there is nothing at a path. */
export function notFoundError(): HrmError {
  return invalidError('not_found', 'there is nothing at this path', []);
}

/** The answer to a method that a path does not have. @param allow - those that it has, as the header `Allow` lists them. */
export function wrongMethod(allow: string): Response {
  return problemResponse(invalidError('method_not_allowed', `the method must be one of ${allow}`, []), {
    Allow: allow,
  });
}

/** The HTTP status of an error; 500 for what is no HrmError. */
export function statusOf(error: unknown): number {
  if (!isHrmError(error)) return 500;
  return (error.kind === 'invalid' ? statusOfCode(error.code) : undefined) ?? STATUS_BY_KIND[error.kind];
}

/** What an error adds to the headers of its answer. */
export function headersOf(error: unknown): Readonly<Record<string, string>> {
  switch (codeOf(error)) {
    case 'key_missing':
      return { 'WWW-Authenticate': 'Bearer realm="hrm"' };
    case 'key_wrong':
      return { 'WWW-Authenticate': 'Bearer realm="hrm", error="invalid_token"' };
    case 'scope_missing':
      return { 'WWW-Authenticate': 'Bearer realm="hrm", error="insufficient_scope"' };
    case 'rate_limited':
      return limitedHeaders(error as RateLimitError | RequestRateError);
    case 'unsupported_transfer_encoding':
      return { Connection: 'close' };
    default:
      return {};
  }
}

function limitedHeaders(error: RateLimitError | RequestRateError): Readonly<Record<string, string>> {
  return { ...('rate' in error ? rateHeaders(error.rate) : {}), 'Retry-After': String(error.waitSeconds) };
}

/** The answer to a request that failed. */
export function problemResponse(error: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  const problem = problemOf(error);
  const retry = problem.status === 503 ? { 'Retry-After': String(RETRY_AFTER_SECONDS) } : undefined;
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...COMMON_HEADERS, 'Content-Type': PROBLEM_TYPE, ...retry, ...headers },
  });
}

/** The same as FHIR has it. */
export function outcomeResponse(error: unknown, headers: Readonly<Record<string, string>>): Response {
  const outcome = JSON.stringify(operationOutcome(problemOf(error)));
  const { status, headers: given } = problemResponse(error, headers);
  given.set('Content-Type', READING_TYPES.fhir);
  return new Response(outcome, { status, headers: given });
}

/** What an error says of itself in an answer. */
export function problemOf(error: unknown): Problem {
  const status = statusOf(error);
  const code = codeOf(error);
  const kept = isHrmError(error) && 'enqueued' in error ? { enqueued: (error as UploadError).enqueued } : {};
  const about = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, ...kept } as const;
  if (!isHrmError(error)) return { ...about, detail: DETAIL_BY_KIND.internal, code };
  if (error.kind !== 'invalid')
    return { ...about, detail: DETAIL_BY_KIND[error.kind] + enqueuedText(kept.enqueued), code };
  const problem: Problem = { ...about, detail: error.message, code };
  if (error.faults.length === 0) return problem;
  return { ...problem, errors: error.faults.slice(0, MAX_FAULTS), error_count: error.faultCount };
}
