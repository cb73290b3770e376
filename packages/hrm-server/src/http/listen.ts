/**
 * The socket side of the server: listening, bounds on slow clients, the check of `Host`, and a shutdown that cuts no
 * request.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP, Server as NetServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server';
import { HrmError, within } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import { tooBusyError } from 'hrm-core/shares';
import { headersOf, invalidError, problemResponse, statusOf } from '../api/problem.js';
import { type ConnectionLimits, MAX_PIPELINED_REQUESTS, MAX_WAITING_CONNECTIONS } from '../limits.js';
import { levelOf } from '../log/log.js';
import { logRefusal } from '../log/refusals.js';
import type { App } from '../routes/handler.js';
import { beginRequest, noteFailure, type RequestFields, type RequestListeners } from '../routes/requests.js';
import { refuseConnect } from './connect.js';
import { refuseConnection, refuseLast } from './connections/client-error.js';
import { boundConnections } from './connections/connection-bounds.js';
import { cutConnection } from './connections/cut.js';
import { holdContinue } from './connections/expect-continue.js';
import { createLinger } from './connections/linger.js';
import { oneByOne } from './connections/one-by-one.js';
import { cutSlowReaders } from './connections/slow-readers.js';
import { staggerRequests } from './connections/stagger-requests.js';
import { asGet, withoutBody } from './head-answer.js';
import { createHostCheck, type HostCheck, hasHost, hostError, isWildcard } from './host.js';
import { checkHead } from './request-head.js';

const TOO_MANY_WAIT = `more than ${MAX_PIPELINED_REQUESTS} requests wait on this connection: read answers before you send more`;

/** What listens. */
export interface ListenComponents {
  readonly app: App;
  /** Hear of every request. */
  readonly requests: RequestListeners;
}

/** Where to listen. */
export interface ListenSettings extends Pick<Settings, 'host' | 'port' | 'allowedHosts'> {
  /** The variable that the port comes from, for messages; default HRM_PORT. */
  readonly portVariable?: string | undefined;
}

/** A server that listens. */
export interface Listening {
  /** Where it is reached: `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Stops listening; resolves when the last request is answered, or cut after `closeMs`. */
  close(): Promise<void>;
}

/**
 * Starts to listen.
 * @throws HrmError kind `unavailable`, code `port_in_use`; kind `invalid`, code `cannot_listen`, for an address or port
 *   that this process cannot have.
 */
export async function listen(
  { app, requests }: ListenComponents,
  settings: ListenSettings,
  limits: ConnectionLimits,
): Promise<Listening> {
  const server = createServer({
    headersTimeout: limits.headersMs,
    // See connection-bounds.ts.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    // A missing Host is refused below, in the form of the other errors.
    requireHostHeader: false,
  });
  server.timeout = limits.silentMs;
  // By default Node leaves out what comes behind the 2,000th, a second Authorization perhaps. Their bytes are bounded: 16 KiB.
  server.maxHeadersCount = 0;
  const { follow, close } = closeGently(server, limits);
  cutSlowReaders(server, limits);
  const followConnection = boundConnections(server, limits, requests.log);
  const linger = createLinger(limits);
  const answer = createRequestListener({ app, requests }, createHostCheck(settings));
  server.on(
    'request',
    oneByOne(
      staggerRequests((incoming, outgoing) => {
        follow(incoming, outgoing);
        followConnection(incoming.socket, outgoing);
        linger.ofBody(incoming, outgoing);
        beginRequest(incoming, outgoing, requests);
        answer(incoming, outgoing);
      }),
      (incoming, outgoing) => {
        linger.ofConnection(incoming, outgoing);
        refuseLast(outgoing, tooBusyError(TOO_MANY_WAIT));
      },
    ),
  );
  holdContinue(server);
  refuseConnect(server);
  // Node's own 417 has neither our form nor our headers; ours is among the other refusals.
  server.on('checkExpectation', (incoming, outgoing) => server.emit('request', incoming, outgoing));
  await startListening(server, settings);
  const { port } = server.address() as AddressInfo;
  return { url: `http://${reachableHost(settings.host)}:${port}`, close };
}

/** Hono behind the check of `Host`. What Hono cannot be given, since its target is no URL, is refused here, too. */
function createRequestListener({ app, requests }: ListenComponents, checkHost: HostCheck) {
  function refuse(error: unknown, fields: RequestFields = {}): Response {
    const status = statusOf(error);
    logRefusal(requests.log, levelOf(status), error, { ...fields, status }, 'request refused');
    return problemResponse(error, headersOf(error));
  }
  function answer(request: Request, env: HttpBindings): Response | Promise<Response> {
    const wrong = checkHost(env.incoming) ?? checkHead(env.incoming);
    return wrong === null ? app.fetch(request, env) : refuse(wrong, noteFailure(env.incoming, wrong));
  }
  function answerAny(request: Request, env: HttpBindings): Response | Promise<Response> {
    return env.incoming.method === 'HEAD' ? withoutBody(answer(asGet(request), env)) : answer(request, env);
  }
  const listener = getRequestListener((request, env) => answerAny(request, env as HttpBindings), {
    // What is left of a body is read on in another way: see linger.ts.
    autoCleanupIncoming: false,
    errorHandler: (error) => refuse(error instanceof RequestError ? badTargetError() : error),
  });
  async function refuseHost(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const error = hostError();
    const refusal = refuse(error, noteFailure(incoming, error));
    outgoing.writeHead(refusal.status, Object.fromEntries(refusal.headers)).end(await refusal.text());
  }
  return (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // Hono begins with the URL, and has none without.
    if (hasHost(incoming)) void listener(incoming, outgoing);
    else void refuseHost(incoming, outgoing);
  };
}

/**
 * Follows the server's connections from now on, and the requests that it is told of.
 * @returns what is told of a request, and what closes the server. Who has connected by then is taken, nobody after; requests in flight, and those that arrive on open
 *   connections within a moment, are answered as the last of their connection; then everything idle is cut. Node's
 *   `close` alone would cut idle connections whose next request is on its way, wait for those that have not sent anything
 *   yet, and keep those that were busy open when they fall idle.
 */
function closeGently(
  server: Server,
  { closeGraceMs, closeMs }: ConnectionLimits,
): { follow(request: IncomingMessage, answer: ServerResponse): void; close(): Promise<void> } {
  const sockets = new Set<Socket>();
  const answers = new Set<ServerResponse>();
  let closed: Promise<void> | null = null;
  let isGraceOver = false;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  function isAnswered(socket: Socket): boolean {
    return [...answers].some((answer) => answer.socket === socket && answer.headersSent);
  }
  server.on('clientError', (error, socket) => {
    if (isAnswered(socket as Socket)) cutConnection(socket as Socket);
    else refuseConnection(error, socket);
  });
  // Idle, or stalled in the middle of an answer.
  server.on('timeout', (socket) => {
    if (isAnswered(socket)) cutConnection(socket);
    else socket.destroy();
  });
  // A connection is idle when the answer is sent and the request read; a refused body is read on for a moment.
  function closeIdle(): void {
    if (isGraceOver) server.closeIdleConnections();
  }
  function follow(request: IncomingMessage, answer: ServerResponse): void {
    answers.add(answer);
    if (closed !== null) answer.setHeader('Connection', 'close');
    request.on('close', closeIdle);
    answer.on('close', () => {
      answers.delete(answer);
      closeIdle();
    });
  }
  async function close(): Promise<void> {
    await acceptWaiting(server);
    const stopped = new Promise<void>((resolve) => {
      // The socket server's own: the HTTP server's closes idle connections first.
      NetServer.prototype.close.call(server, () => resolve());
    });
    for (const answer of answers) if (!answer.headersSent) answer.setHeader('Connection', 'close');
    await within(closeGraceMs, stopped, () => undefined);
    // A timer comes before what the sockets have received meanwhile.
    await socketsHeard();
    isGraceOver = true;
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of sockets) cutConnection(socket);
    }, closeMs);
    await stopped;
    clearTimeout(timer);
    // Stops the HTTP server's own timer; that nothing listens is no news.
    server.close(() => undefined);
  }
  return {
    follow,
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/**
 * Takes those who have connected and wait to be accepted: closing would reset them, and their requests may have come.
 * Node accepts one a turn, so as long as a turn brings one there may be more.
 */
async function acceptWaiting(server: Server): Promise<void> {
  let isNew = true;
  function onConnection(): void {
    isNew = true;
  }
  server.on('connection', onConnection);
  for (let i = 0; isNew && i < MAX_WAITING_CONNECTIONS; i += 1) {
    isNew = false;
    await socketsHeard();
  }
  server.off('connection', onConnection);
}

/** Resolves when the sockets have told what they had when it was called: a turn may be past that already, the next is not. */
async function socketsHeard(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

function startListening(server: Server, { host, port, portVariable = 'HRM_PORT' }: ListenSettings): Promise<void> {
  return new Promise((resolve, reject) => {
    function onError(error: Error): void {
      reject(listenError(error, { host, port, portVariable }));
    }
    server.once('error', onError);
    server.listen(port, host.replace(/^\[|\]$/g, ''), () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function listenError(
  cause: Error,
  { host, port, portVariable }: Required<Omit<ListenSettings, 'allowedHosts'>>,
): HrmError {
  const code = 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE') {
    const picksOne = portVariable === 'HRM_PORT' ? ' (0 picks a free one)' : '';
    const message = `port ${port} of ${host} is in use: stop what listens there, or choose another with ${portVariable}${picksOne}`;
    return new HrmError(message, { kind: 'unavailable', code: 'port_in_use', cause });
  }
  const advice =
    code === 'EACCES'
      ? `choose a port above 1023 with ${portVariable}`
      : 'choose an address of this machine with HRM_HOST';
  const message = `cannot listen on port ${port} of ${host} (${code}): ${advice}`;
  return new HrmError(message, { kind: 'invalid', code: 'cannot_listen', cause });
}

/** How this machine reaches a server on `host`: "every interface" is no address to go to. */
function reachableHost(host: string): string {
  if (!isWildcard(host)) return isIP(host) === 6 ? `[${host}]` : host;
  return host === '0.0.0.0' ? '127.0.0.1' : '[::1]';
}

function badTargetError(): HrmError {
  return invalidError('bad_target', 'the request target or the Host header is not valid');
}
