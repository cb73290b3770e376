/**
 * What a server said no with.
 * @see RFC 9457
 */
import { type Fault, HrmError, type HrmErrorKind } from '../errors.js';
import { MAX_FAULTS } from '../limits.js';

/** Statuses that are a matter of time. */
const REPEATED: readonly number[] = [408, 429, 502, 503, 504];

/**
 * @param text - the body; whatever a proxy or another service may send.
 * @param retryAfter - the header `Retry-After`; a date in it is as good as none.
 */
export function problemError(status: number, text: string, retryAfter: string | null = null): HrmError {
  const { detail, code, errors, error_count: count } = parseProblem(text);
  const faults = (Array.isArray(errors) ? errors : []).filter(isFault).slice(0, MAX_FAULTS);
  const message = typeof detail === 'string' ? detail : `the server answered ${status}`;
  return new HrmError(message, {
    kind: kindOf(status),
    code: typeof code === 'string' ? code : `http_${status}`,
    faults,
    faultCount: typeof count === 'number' ? count : faults.length,
    retryAfterMs: /^\d{1,9}$/.test(retryAfter ?? '') ? Number(retryAfter) * 1_000 : undefined,
  });
}

function parseProblem(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function isFault(value: unknown): value is Fault {
  const { path, message } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof path === 'string' && typeof message === 'string';
}

function kindOf(status: number): HrmErrorKind {
  if (status === 409) return 'conflict';
  if (REPEATED.includes(status)) return 'unavailable';
  return status >= 500 ? 'internal' : 'invalid';
}
