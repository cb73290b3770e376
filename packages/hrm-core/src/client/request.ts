/**
 * One call over HTTP: with its key, its retries, and errors as HrmError.
 *
 * What is repeated is safe to repeat: reading changes nothing, and a reading that arrives twice is one reading (rule 1).
 * It is repeated when nothing came back, and when the server says that it is a matter of time (408, 429, 502, 503, 504).
 */
import { type Fault, HrmError, type HrmErrorKind } from '../errors.js';
import { MAX_FAULTS } from '../limits.js';

/** Where a client goes, and how patient it is. */
export interface ClientOptions {
  /** Of the server: `http://localhost:8000`. */
  readonly url: string;
  /** Sent as `Authorization: Bearer`; never part of a URL or a message. */
  readonly apiKey?: string | undefined;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /** How often a call is repeated; default 5. With the default waits that is about half a minute. */
  readonly retries?: number | undefined;
  /** How long an answer may take to begin, and a stream of rows to go on, milliseconds; default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** 0 <= x < 1, for waits that differ between clients; default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Options of one call. */
export interface ClientCallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What is asked. */
export interface ClientRequest extends ClientCallOptions {
  readonly path: string;
  /** Sent as JSON; without it the call is a GET. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Statuses that are an answer, though they are no success. */
  readonly accepts?: readonly number[] | undefined;
}

/** An answer that has begun. */
interface Answer {
  readonly response: Response;
  /** Ends the connection; to be called when the answer is read, or no longer wanted. */
  end(): void;
}

/** Makes calls. */
export type Caller = (request: ClientRequest) => Promise<Answer>;

const RETRIES = 5;
const TIMEOUT_MS = 30_000;
/** Waits before a repetition: from nothing up to these, doubled each time. */
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;
/** What a server may ask to wait at most; a longer `Retry-After` ends the call. */
const MAX_RETRY_AFTER_MS = 60_000;
const REPEATED: readonly number[] = [408, 429, 502, 503, 504];

/** @throws HrmError kind `invalid`, code `invalid_url`, for what is no URL of a server. */
export function createCaller(options: ClientOptions): Caller {
  const base = baseOf(options.url);
  const { retries = RETRIES, random = Math.random } = options;
  return async (request) => {
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await tryOnce(base, options, request);
      if ('answer' in outcome) return outcome.answer;
      const { error, retryAfterMs } = outcome;
      const isLast = attempt >= retries || (retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS;
      if (outcome.isFinal || isLast) throw error;
      const waitMs = retryAfterMs ?? random() * Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
      await sleep(waitMs, request.signal);
    }
  };
}

/** The URL without a slash at its end. */
function baseOf(url: string): string {
  const isUrl = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  const { search = '', hash = '', username = '', password = '' } = isUrl ? new URL(url) : {};
  if (isUrl && search + hash + username + password === '') return url.replace(/\/+$/, '');
  throw new HrmError('the url must be that of a server, like http://localhost:8000, without user, query and fragment', {
    kind: 'invalid',
    code: 'invalid_url',
  });
}

type Outcome =
  | { readonly answer: Answer }
  | { readonly error: HrmError; readonly isFinal: boolean; readonly retryAfterMs?: number | undefined };

async function tryOnce(
  base: string,
  { apiKey, fetch: send = fetch, timeoutMs = TIMEOUT_MS }: ClientOptions,
  { path, body, headers, accepts = [], signal }: ClientRequest,
): Promise<Outcome> {
  const isAborted = () => signal?.aborted === true;
  if (isAborted()) return { error: abortedError(), isFinal: true };
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal?.addEventListener('abort', abort);
  const timer = setTimeout(abort, timeoutMs);
  function end(): void {
    signal?.removeEventListener('abort', abort);
    stop.abort();
  }
  try {
    const response = await send(base + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: stop.signal,
      redirect: 'error',
    });
    if (response.ok || accepts.includes(response.status)) return { answer: { response, end } };
    const error = await problemError(response);
    end();
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    const retryAfterMs = Number.isFinite(retryAfter) ? retryAfter * 1_000 : undefined;
    return { error, isFinal: !REPEATED.includes(response.status), retryAfterMs };
  } catch (cause) {
    const isLate = stop.signal.aborted;
    end();
    if (isAborted()) return { error: abortedError(), isFinal: true };
    return { error: unreachableError(base, isLate, cause), isFinal: false };
  } finally {
    clearTimeout(timer);
  }
}

/** Waits; an abort ends it. */
export async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) throw abortedError();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      if (signal?.aborted === true) reject(abortedError());
      else resolve();
    }
    signal?.addEventListener('abort', finish);
  });
}

export function abortedError(): HrmError {
  return new HrmError('the call was aborted', { kind: 'closed', code: 'aborted' });
}

/** Nothing came back, or not all. */
export function unreachableError(base: string, isLate: boolean, cause: unknown): HrmError {
  const message = isLate
    ? `${base} does not answer in time: look at its /health, or allow more time`
    : `${base} cannot be reached, or has cut the connection: is the server running there?`;
  return new HrmError(message, { kind: 'unavailable', code: isLate ? 'server_silent' : 'server_unreachable', cause });
}

/** What a server said no with. @see RFC 9457 */
async function problemError(response: Response): Promise<HrmError> {
  const { status } = response;
  const problem: unknown = await response.json().catch(() => null);
  const { detail, code, errors, error_count: count } = (problem ?? {}) as Readonly<Record<string, unknown>>;
  const faults = (Array.isArray(errors) ? errors : []).filter(isFault).slice(0, MAX_FAULTS);
  const message = typeof detail === 'string' ? detail : `the server answered ${status}`;
  return new HrmError(message, {
    kind: kindOf(status),
    code: typeof code === 'string' ? code : `http_${status}`,
    faults,
    faultCount: typeof count === 'number' ? count : faults.length,
  });
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
