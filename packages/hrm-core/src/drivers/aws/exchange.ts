/** One request over HTTP, and its answer: no retry, no judgement. */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { abortedError } from '../../errors.js';
import { onAbort } from '../../waits.js';

/** A request as it is sent. */
export interface HttpRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

/** An answer, whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Sends requests to one host. @throws the system's error; HrmError kind `closed` when aborted. */
export interface Exchange {
  send(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer>;
  /** Ends connections that nobody uses, and those in use with what is under way. */
  close(): void;
}

/** Milliseconds without a byte in either direction after which a connection is given up: a service answers within some seconds, or never. */
const IDLE_MS = 20_000;

/** Connections are used again within this, milliseconds: S3 ends those that are idle for 20 s or less, and a request may meet that. */
const KEEP_ALIVE_MS = 8_000;

/** Bytes of one answer, at most: the largest file is 128 MiB, and is asked for in ranges. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** Of an answer that is put together as it comes. */
const LARGE_BYTES = 1024 * 1024;

/** Opens a way to a host. @param endpoint - its scheme, name and port. @param maxSockets - connections at once. */
export function openExchange(endpoint: URL, maxSockets: number): Exchange {
  const isTls = endpoint.protocol === 'https:';
  const settings = { keepAlive: true, maxSockets, scheduling: 'lifo', timeout: KEEP_ALIVE_MS } as const;
  const agent = isTls ? new HttpsAgent(settings) : new HttpAgent(settings);
  const request = isTls ? requestHttps : requestHttp;
  const { hostname, port } = endpoint;
  // A name of IPv6 stands in brackets in a URL, and without them here.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    send: ({ method, path, headers, body }, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(abortedError('a request', signal.reason));
        const length = body === undefined && method !== 'PUT' && method !== 'POST' ? {} : lengthOf(body);
        const call = request({ agent, host, port, method, path, headers: { ...headers, ...length } });
        function stop(): void {
          call.destroy(abortedError('a request', signal?.reason));
        }
        function fail(error: Error): void {
          forget();
          call.destroy();
          reject(error);
        }
        const forget = onAbort(signal, stop);
        call.setTimeout(IDLE_MS, () => call.destroy(systemError('ETIMEDOUT', `no byte for ${IDLE_MS} ms`)));
        call.on('error', fail);
        call.on('response', (answer) => {
          const pieces: Buffer[] = [];
          const whole = placeFor(answer, method);
          let bytes = 0;
          answer.on('data', (piece: Buffer) => {
            const at = bytes;
            bytes += piece.length;
            if (bytes > MAX_ANSWER_BYTES) fail(systemError('EMSGSIZE', 'the answer is too long'));
            else if (whole === null) pieces.push(piece);
            else whole.set(piece, at);
          });
          answer.on('error', fail);
          answer.on('aborted', () => fail(systemError('ECONNRESET', 'the answer was cut short')));
          answer.on('end', () => {
            forget();
            const { statusCode = 0, headers: answered } = answer;
            const [only] = pieces;
            const joined = pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces, bytes);
            resolve({ status: statusCode, headers: answered, body: whole ?? joined });
          });
        });
        call.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/**
 * Where an answer of several pieces that says how long it is goes as it comes: to join megabytes when the last one is there is one long piece
 * of work. Node ends an answer with an error that is shorter or longer than it says.
 */
function placeFor({ headers, statusCode }: IncomingMessage, method: string): Buffer | null {
  const bytes = Number(headers['content-length'] ?? 0);
  const isWorthIt = bytes > LARGE_BYTES && bytes <= MAX_ANSWER_BYTES;
  return isWorthIt && method !== 'HEAD' && statusCode !== 304 ? Buffer.allocUnsafeSlow(bytes) : null;
}

function lengthOf(body: Uint8Array | undefined): Readonly<Record<string, string>> {
  return { 'content-length': String(body?.byteLength ?? 0) };
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
