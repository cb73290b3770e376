/**
 * Bounds on connections: how many there are, of everybody and of one address, and how long one may be without a request. Each
 * holds a file, which storage and queue need, too.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { HrmError, OWN_FILES } from 'hrm-core';
import { createQuota } from 'hrm-core/shares';
import type { Logger } from 'pino';
import {
  ADDRESS_SHARE,
  CONNECTION_FILE_SHARE,
  type ConnectionLimits,
  MIN_FILES,
  REFUSED_LOG_EVERY_MS,
  USUAL_MAX_FILES,
} from '../../limits.js';
import { addressOf } from '../../routes/handler.js';

/** What a connection does. */
interface Activity {
  /** Under way. */
  requests: number;
  /** Since when there is none, where there is none; of a clock that nobody sets. */
  idleSinceMs: number;
  /** Since when the last request has been arriving. */
  arriving: { readonly incoming: IncomingMessage; readonly sinceMs: number } | null;
}

/** Requests that may arrive for longer than others: whoever reads them sees to it that they end. */
const long = new WeakSet<IncomingMessage>();

/** Lets a request arrive, and be worked at, for as long as whoever reads it bears. */
export function allowLong(incoming: IncomingMessage): void {
  long.add(incoming);
  // Nothing comes over the socket while it is worked at, and nothing goes.
  incoming.socket.setTimeout(0);
}

/**
 * How many connections a process may have.
 * @param files - that it may open.
 * @throws HrmError kind `unavailable`, code `too_few_files`, where it could serve nobody.
 */
export function countAllowed(
  { maxConnections }: Pick<ConnectionLimits, 'maxConnections'>,
  files: number = maxFiles(),
): number {
  if (files < MIN_FILES) throw tooFewFilesError(files);
  return Math.min(maxConnections, Math.floor((files - OWN_FILES) * CONNECTION_FILE_SHARE));
}

function tooFewFilesError(files: number): HrmError {
  const message = `this process may open ${files} files, and needs ${MIN_FILES} at least: raise the limit (ulimit -n, or LimitNOFILE of systemd)`;
  return new HrmError(message, { kind: 'unavailable', code: 'too_few_files' });
}

/** How many files this process may open: Linux says it. Elsewhere Node has raised it to what the system allows. */
function maxFiles(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft ?? USUAL_MAX_FILES);
  } catch {
    return USUAL_MAX_FILES;
  }
}

/**
 * Bounds a server's connections from now on.
 * @returns what is told of each request.
 */
export function boundConnections(
  server: Server,
  limits: ConnectionLimits,
  log: Pick<Logger, 'warn'>,
): (socket: Socket, answer: ServerResponse) => void {
  const max = countAllowed(limits);
  const maxOwn = Math.max(1, Math.floor(max * ADDRESS_SHARE));
  server.maxConnections = max;
  // How many there are in all is Node's to count.
  const places = createQuota(Number.POSITIVE_INFINITY, maxOwn);
  const connections = new Map<Socket, Activity>();
  let refused = 0;
  let loggedMs = Number.NEGATIVE_INFINITY;

  function refuse(): void {
    refused += 1;
    const nowMs = performance.now();
    if (nowMs - loggedMs < REFUSED_LOG_EVERY_MS) return;
    loggedMs = nowMs;
    log.warn({ refused, maxConnections: max, maxOfAnAddress: maxOwn }, 'connections are refused: there are too many');
  }

  server.on('drop', refuse);
  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket);
    if (!places.acquire(address, 1)) {
      refuse();
      socket.destroy();
      return;
    }
    connections.set(socket, { requests: 0, idleSinceMs: performance.now(), arriving: null });
    socket.on('close', () => {
      connections.delete(socket);
      places.release(address, 1);
    });
  });

  // Node's own time for idle connections begins anew with each byte, of a blank line too.
  const maxIdleMs = limits.keepAliveMs + limits.headersMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    for (const [socket, { requests, idleSinceMs, arriving }] of connections) {
      if (requests === 0 && nowMs - idleSinceMs > maxIdleMs) socket.destroy();
      // As Node tells it. Its own bound on requests is the same for all.
      else if (isLate(arriving, nowMs - limits.requestMs)) server.emit('clientError', lateError(), socket);
    }
  }, limits.checkEveryMs).unref();
  server.on('close', () => clearInterval(timer));

  return (socket, answer) => {
    const activity = connections.get(socket);
    if (activity === undefined) return;
    activity.requests += 1;
    activity.arriving = { incoming: answer.req, sinceMs: performance.now() };
    // The next request of the connection may have begun by then: that ends no request but this.
    answer.on('close', () => {
      activity.requests -= 1;
      activity.idleSinceMs = performance.now();
    });
  };
}

function isLate(arriving: Activity['arriving'], beforeMs: number): boolean {
  if (arriving === null || arriving.sinceMs >= beforeMs) return false;
  const { incoming } = arriving;
  return !incoming.complete && !incoming.destroyed && !long.has(incoming);
}

function lateError(): Error {
  return Object.assign(new Error('a request took too long to arrive'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
}
