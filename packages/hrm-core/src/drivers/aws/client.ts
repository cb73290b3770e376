/**
 * Requests to a service of Amazon's, or to one that speaks like it: signed, repeated where that helps and harms nothing, and fewer at once
 * while the service says that it is too much.
 *
 * ```
 *   answer or failure                              send                      attempt
 *   refused: connection refused, 409, 429, 503 SlowDown, RequestTimeout     again, later         again, later
 *   keys expired, clock wrong                      mended once, again        mended once, again
 *   lost: reset, cut short, no answer, other 5xx   again, later              'unknown'
 *   any other                                      is the answer             is the answer
 * ```
 *
 * A request that was lost may have been carried out. `send` is for those that may be carried out twice. `attempt` is for those
 * that may not, such as a condition that the first one makes untrue: its caller looks what became of it.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { errorCode, HrmError, isHrmError } from '../../errors.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import { type Random, systemRandom } from '../../ports/random.js';
import { pause } from '../../waits.js';
import type { Credentials } from './credentials.js';
import { type Exchange, type HttpAnswer, openExchange } from './exchange.js';
import { createPace } from './pace.js';
import { type AwsKeys, amzDate, authorizationOf, NO_BODY_SHA256, type SigningScope, sha256Hex } from './sign.js';
import { textOf } from './xml.js';

/** A request, before it is signed. */
export interface AwsRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Encoded, as `encodePath` does it. */
  readonly path: string;
  /** As `encodeQuery` makes it; default none. */
  readonly query?: string | undefined;
  /** Names in lower case; all of them are signed. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  /** SHA-256 of the body in hex, where it is known. */
  readonly sha256?: string | undefined;
}

/** What the service answered. */
export interface AwsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of an error: `NoSuchKey`, `AccessDenied`; `''` where it has none, as an answer to HEAD. */
  readonly code: string;
}

/** How requests are made. */
export interface AwsClient {
  /**
   * Sends a request that may be carried out twice.
   * @throws HrmError kind `unavailable`, code `aws_unavailable`, once it was tried often enough; kind `invalid`, code
   * `aws_region`, where the place is in another region; as the credentials do; kind `closed` when aborted.
   */
  send(request: AwsRequest, options?: SendOptions): Promise<AwsAnswer>;
  /** Sends a request that must not be carried out twice. `'unknown'`: it may have been. @throws as {@link AwsClient.send}. */
  attempt(request: AwsRequest, options?: SendOptions): Promise<AwsAnswer | 'unknown'>;
  /** How far the service's clock is ahead of ours, milliseconds, as far as it had to be known. */
  readonly skewMs: number;
  close(): void;
}

/** How one request is made. */
export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What a client is made of. */
export interface AwsClientSettings extends SigningScope {
  readonly endpoint: URL;
  readonly credentials: Credentials;
  /** Requests at once, >= 1; default {@link DEFAULT_CONCURRENCY}. */
  readonly maxConcurrent?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** The way to the host; default by HTTP. Tests let it fail. */
  readonly exchange?: Exchange | undefined;
}

/** Requests at once: at 35 ms each they are 3,600 a second, less than the 5,500 that S3 takes for a prefix. */
const DEFAULT_CONCURRENCY = 128;

/** Tries of one request. With the waits between them it ends within about 12 s where the service answers, or sooner. */
const MAX_TRIES = 8;

/**
 * Milliseconds after which a request is not tried again. One that nobody answers ends after 20 s, so where the service hangs the last try
 * ends after some 40 s: sooner than a loop that waits for it is taken for one that stands still.
 */
const MAX_TRYING_MS = 25_000;

/** Waits between tries, milliseconds: any time up to these, doubled each time. */
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;

/**
 * Tries beyond the first that all requests together have to spend. Each that goes well gives one back. So a service that is down gets half of
 * the requests that it would get otherwise, and not eight times as many.
 */
const RETRY_BUDGET = 256;

/** Creates a client. */
export function createAwsClient(settings: AwsClientSettings): AwsClient {
  const { endpoint, credentials, region, service, clock = systemClock, random = systemRandom } = settings;
  const { maxConcurrent = DEFAULT_CONCURRENCY } = settings;
  const exchange = settings.exchange ?? openExchange(endpoint, maxConcurrent);
  const pace = createPace(maxConcurrent);
  const host = endpoint.host;
  let skewMs = 0;
  let budget = RETRY_BUDGET;

  function sign(request: AwsRequest, keys: AwsKeys, sha256: string): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {
      ...request.headers,
      host,
      'x-amz-date': amzDate(clock.nowMs() + skewMs),
      'x-amz-content-sha256': sha256,
    };
    if (keys.sessionToken !== undefined) headers['x-amz-security-token'] = keys.sessionToken;
    const { method, path, query = '' } = request;
    const parts = { method, path, query, headers, sha256 };
    return { ...headers, authorization: authorizationOf(parts, keys, { region, service }) };
  }

  async function sendOnce(request: AwsRequest, sha256: string, signal: AbortSignal | undefined): Promise<AwsAnswer> {
    const leave = await pace.enter(signal);
    try {
      // After the wait, which may take longer than keys hold.
      const headers = sign(request, await credentials.keys(), sha256);
      const { method, path, query = '', body } = request;
      const answer = await exchange.send(
        { method, path: query === '' ? path : `${path}?${query}`, headers, body },
        signal,
      );
      return { ...answer, code: answer.status < 300 ? '' : codeOf(answer) };
    } finally {
      leave();
    }
  }

  async function run(request: AwsRequest, { signal }: SendOptions, mayRepeat: boolean): Promise<AwsAnswer | 'unknown'> {
    const { body } = request;
    const sha256 = request.sha256 ?? (body === undefined ? NO_BODY_SHA256 : sha256Hex(body));
    let isMended = false;
    const beganMs = performance.now();
    for (let tries = 1; ; tries += 1) {
      let failure: unknown;
      try {
        const answer = await sendOnce(request, sha256, signal);
        const verdict = judge(answer);
        if (verdict === 'fine') {
          budget = Math.min(RETRY_BUDGET, budget + 1);
          pace.quicken();
          return answer;
        }
        if (verdict === 'elsewhere') throw elsewhereError(answer, region);
        if (verdict === 'stale_keys' || verdict === 'skewed') {
          const canMend = !isMended && (verdict === 'stale_keys' ? credentials.refresh() : correctClock(answer));
          if (!canMend) return answer;
          isMended = true;
          continue;
        }
        failure = answerError(answer);
        if (verdict === 'slow' || answer.status === 503) pace.slow();
        if (verdict === 'lost' && !mayRepeat) return 'unknown';
      } catch (error) {
        if (isHrmError(error)) throw error;
        failure = error;
        if (!mayRepeat && !wasNeverSent(error)) return 'unknown';
      }
      const isOver = tries >= MAX_TRIES || performance.now() - beganMs > MAX_TRYING_MS;
      if (isOver || budget < 1) throw unavailableError(service, endpoint, tries, failure);
      budget -= 1;
      await pause(random.fraction() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries), signal);
    }
  }

  /** @returns whether the clock was wrong, and is right now. */
  function correctClock({ headers }: AwsAnswer): boolean {
    const theirsMs = Date.parse(headers.date ?? '');
    if (!Number.isFinite(theirsMs)) return false;
    skewMs = theirsMs - clock.nowMs();
    return true;
  }

  return {
    // It repeats, so that nothing remains unknown.
    send: async (request, options = {}) => (await run(request, options, true)) as AwsAnswer,
    attempt: (request, options = {}) => run(request, options, false),
    get skewMs() {
      return skewMs;
    },
    close: () => exchange.close(),
  };
}

type Verdict = 'fine' | 'slow' | 'refused' | 'lost' | 'stale_keys' | 'skewed' | 'elsewhere';

const SLOW = new Set(['SlowDown', 'Throttling', 'ThrottlingException', 'RequestThrottled', 'RequestLimitExceeded']);
const REFUSED = new Set(['RequestTimeout', 'OperationAborted', 'ConditionalRequestConflict']);
const STALE_KEYS = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired']);
const SKEWED = new Set(['RequestTimeTooSkewed', 'RequestExpired', 'RequestInTheFuture']);
const ELSEWHERE = new Set(['AuthorizationHeaderMalformed', 'PermanentRedirect', 'TemporaryRedirect']);

function judge({ status, code }: AwsAnswer): Verdict {
  if (SLOW.has(code) || status === 429) return 'slow';
  if (REFUSED.has(code) || status === 408) return 'refused';
  if (STALE_KEYS.has(code)) return 'stale_keys';
  if (SKEWED.has(code)) return 'skewed';
  if (status >= 500 && status !== 501) return 'lost';
  if (ELSEWHERE.has(code) || status === 301 || status === 307) return 'elsewhere';
  return 'fine';
}

/** Of XML, or of JSON as newer services have it. */
function codeOf({ body, headers }: HttpAnswer): string {
  const text = body.subarray(0, MAX_ERROR_BYTES).toString('utf8');
  const [, type = ''] = /"__type"\s{0,4}:\s{0,4}"(?:[^"#]{0,100}#)?(\w{1,100})"/.exec(text) ?? [];
  return textOf(text, 'Code') || type || String(headers['x-amz-error-code'] ?? '');
}

/** Bytes of an error that are looked at; those of S3 have some hundred. */
const MAX_ERROR_BYTES = 4_096;

/** Where nobody has heard the request, it was not carried out. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

function wasNeverSent(error: unknown): boolean {
  return NEVER_SENT.has(errorCode(error));
}

function answerError({ status, code, body }: AwsAnswer): Error {
  const said = textOf(body.subarray(0, MAX_ERROR_BYTES).toString('utf8'), 'Message');
  return new Error(`it answered ${[status, code, said].filter((part) => part !== '').join(' ')}`);
}

function elsewhereError({ headers, body }: AwsAnswer, region: string): HrmError {
  const theirs = headers['x-amz-bucket-region'] ?? textOf(body.toString('utf8'), 'Region');
  const fix = theirs === '' ? 'set AWS_REGION to the region of the bucket' : `set AWS_REGION=${theirs}`;
  return new HrmError(`the bucket is in another region than ${region}: ${fix}`, {
    kind: 'invalid',
    code: 'aws_region',
  });
}

function unavailableError(service: string, { host }: URL, tries: number, cause: unknown): HrmError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new HrmError(`${service.toUpperCase()} at ${host} could not do it in ${tries} tries: ${why}`, {
    kind: 'unavailable',
    code: 'aws_unavailable',
    cause,
  });
}
