/**
 * One call over HTTP: with its key, its retries, and errors as HrmError.
 *
 * What is repeated is safe to repeat: reading changes nothing, and a reading that arrives twice is one reading (rule 1).
 * It is repeated when nothing came back, when an answer in JSON did not come whole, and when the server says that it is a
 * matter of time (408, 429, 502, 503, 504). A stream of rows or events is its reader's from its beginning on.
 */
import { HrmError, isHrmError } from '../errors.js';
import { MAX_CLIENT_ANSWER_BYTES } from '../limits.js';
import { onAbort, pause } from '../waits.js';
import { baseOf, checkKey, checkNumber, TIMEOUT_MS, TIMER_RANGE } from './options.js';
import { problemError } from './problem.js';
import { badAnswerError, parseJson } from './wire.js';

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
  /**
   * How long an answer may take to be there, a stream of rows to begin and to go on, whole milliseconds; default 30,000. Each
   * repetition has as long.
   */
  readonly timeoutMs?: number | undefined;
  /** 0 <= x < 1, for waits that differ between clients; default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Options of one call. */
export interface ClientCallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What is asked. */
interface ClientRequest extends ClientCallOptions {
  readonly path: string;
  /** Default: `GET` without a body, `POST` with one. */
  readonly method?: 'PUT' | 'DELETE' | undefined;
  /** JSON, or what `Content-Type` among the headers says. */
  readonly body?: string | Uint8Array<ArrayBuffer> | Blob | ReadableStream<Uint8Array> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the client's. */
  readonly timeoutMs?: number | undefined;
  /** Statuses that are an answer, though they are no success, where they come as JSON. */
  readonly accepts?: readonly number[] | undefined;
}

/** An answer that has begun. */
export interface Answer {
  readonly response: Response;
  /** Ends the connection; to be called when the answer is read, or no longer wanted. */
  end(): void;
}

/** Makes calls. */
export interface Caller {
  /** @returns the JSON of an answer, which has come whole. */
  json(request: ClientRequest): Promise<unknown>;
  /** @returns an answer that has begun; it is of the media type of `Accept`. */
  begin(request: StreamRequest): Promise<Answer>;
  /** The same in one try: what comes of it, its reader sees. */
  beginOnce(request: StreamRequest): Promise<Answer>;
  /**
   * How long to wait after so many failures in a row, the first being 1, milliseconds.
   * @throws the error itself, where asking again is of no use, or has been often enough.
   */
  waitAfter(error: unknown, failures: number): number;
}

/** Asks for an answer that is read as it comes. */
type StreamRequest = ClientRequest & { readonly headers: { readonly Accept: string } };

const RETRIES = 5;
/** Waits before a repetition: from nothing up to these, doubled each time. */
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;
/** What a server may ask to wait at most; a longer `Retry-After` ends the call. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * @throws HrmError kind `invalid`: code `invalid_url` for what is no URL of a server, `invalid_api_key`, `invalid_options`.
 */
export function createCaller(options: ClientOptions): Caller {
  const base = baseOf(options.url);
  const { retries = RETRIES, random = Math.random } = options;
  checkKey(options.apiKey);
  checkNumber('retries', options.retries, { min: 0, max: Number.POSITIVE_INFINITY });
  checkNumber('timeoutMs', options.timeoutMs, TIMER_RANGE);

  function waitAfter(error: unknown, failures: number): number {
    if (!isPassing(error) || failures > retries || (error.retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS) throw error;
    return error.retryAfterMs ?? random() * Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  }

  async function repeat<Result>(request: ClientRequest, take: Take<Result>): Promise<Result> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await tryOnce(base, options, request, take);
      } catch (error) {
        // What a stream gave is gone.
        if (request.body instanceof ReadableStream) throw error;
        await sleep(waitAfter(error, failures), request.signal);
      }
    }
  }

  return {
    json: (request) =>
      repeat(request, async ({ response, end }) => {
        const body = parseJson(await readText(response));
        end();
        return body;
      }),
    begin: (request) => repeat(request, (answer) => ofType(request, answer)),
    beginOnce: (request) => tryOnce(base, options, request, (answer) => ofType(request, answer)),
    waitAfter,
  };
}

/** @throws HrmError code `bad_answer` for one of another media type than was asked for. */
function ofType(request: StreamRequest, answer: Answer): Answer {
  if (typeOf(answer.response) !== mediaTypeOf(request.headers.Accept)) throw badAnswerError();
  return answer;
}

/** Whether an error is a matter of time: what is none of this system stays so. */
export function isPassing(error: unknown): error is HrmError {
  return isHrmError(error) && error.kind === 'unavailable' && error.code !== 'bad_answer';
}

/** Takes what is wanted of an answer, within the time that the answer has. */
type Take<Result> = (answer: Answer) => Promise<Result> | Result;

/** @throws HrmError, whatever went wrong. */
async function tryOnce<Result>(
  base: string,
  { apiKey, fetch: send = fetch, ...options }: ClientOptions,
  { path, body, method, headers, accepts = [], signal, timeoutMs = options.timeoutMs ?? TIMEOUT_MS }: ClientRequest,
  take: Take<Result>,
): Promise<Result> {
  const isAborted = () => signal?.aborted === true;
  if (isAborted()) throw abortedError();
  const stop = new AbortController();
  const abort = () => stop.abort();
  const forget = onAbort(signal, abort);
  const timer = setTimeout(abort, timeoutMs);
  function end(): void {
    forget();
    stop.abort();
  }
  try {
    const response = await send(base + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body ?? null,
      signal: stop.signal,
      redirect: 'error',
      // The types of browsers do not know it yet.
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
    const isAccepted = accepts.includes(response.status) && typeOf(response) === 'application/json';
    if (response.ok || isAccepted) return await take({ response, end });
    throw problemError(response.status, await readText(response).catch(() => ''), response.headers.get('retry-after'));
  } catch (cause) {
    const isLate = stop.signal.aborted;
    end();
    if (isAborted()) throw abortedError();
    throw isHrmError(cause) ? cause : unreachableError(base, isLate, cause);
  } finally {
    clearTimeout(timer);
  }
}

function typeOf({ headers }: Response): string | undefined {
  return mediaTypeOf(headers.get('content-type') ?? '');
}

/** A media type without its parameters. */
function mediaTypeOf(type: string): string | undefined {
  return type.split(';')[0]?.trim().toLowerCase();
}

/** A body as text. @throws HrmError code `bad_answer` for one beyond {@link MAX_CLIENT_ANSWER_BYTES}. */
async function readText({ body }: Response): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.length;
    // The connection ends with the call.
    if (length > MAX_CLIENT_ANSWER_BYTES) throw badAnswerError();
    text += decoder.decode(value, { stream: true });
  }
}

/** Waits. @throws HrmError code `aborted`, as soon as the signal fires. */
export async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await pause(ms, signal);
  throwIfAborted(signal);
}

/** @throws HrmError code `aborted` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError();
}

/** The error of a call that was aborted. */
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
