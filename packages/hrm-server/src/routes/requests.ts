/**
 * What is known of a request beside its answer: its id, its trace, when it began, what became of it. It is kept by Node's own
 * request, and not by an asynchronous context, which would cost every promise of every request something.
 * @module
 */

import { randomFillSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeOf } from 'hrm-core';
import { isIngest, methodOf, QUERY_ROUTE, routeOf } from 'hrm-core/schemas';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/index.js';
import { queryKindOf } from '../metrics/query-kind.js';
import type { TraceSpan, Tracing } from '../tracing/tracing.js';

/** Who hears of requests. */
export interface RequestListeners {
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'timesOf' | 'queried' | 'rejected'>;
  readonly tracing: Pick<Tracing, 'request'> | null;
}

/** What every log line about a request says of it. */
export interface RequestFields {
  readonly requestId?: string;
  /** Where requests are traced. */
  readonly traceId?: string;
}

interface RequestRecord {
  readonly fields: RequestFields;
  readonly span: TraceSpan | null;
  readonly method: string;
  readonly route: string;
  readonly startMs: number;
  /** Sent on the connection before it. */
  readonly bytesBefore: number;
  /** Readings in it, as far as they were counted. */
  readings: number;
  readonly metrics: RequestListeners['metrics'];
}

const RECORD = Symbol('what is known of a request');

/** A WeakMap would do as well, and cost the collector of garbage more. */
interface Followed extends IncomingMessage {
  [RECORD]?: RequestRecord;
}

function recordOf(incoming: Followed): RequestRecord | undefined {
  return incoming[RECORD];
}

/** An id that a client may choose: it stands in our log. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Bytes of a new id: random, since a number would tell every client how many requests there are. */
const REQUEST_ID_BYTES = 12;

/** Random bytes for many ids, drawn at once, which is cheaper; what is before `usedBytes` is used up. */
const pool = Buffer.alloc(256 * REQUEST_ID_BYTES);
let usedBytes = pool.length;

function nextRequestId(): string {
  if (usedBytes === pool.length) {
    randomFillSync(pool);
    usedBytes = 0;
  }
  usedBytes += REQUEST_ID_BYTES;
  return pool.toString('hex', usedBytes - REQUEST_ID_BYTES, usedBytes);
}

/** Names a request, in its answer too, and follows it to its end. */
export function beginRequest(incoming: Followed, outgoing: ServerResponse, listeners: RequestListeners): void {
  const { metrics, tracing } = listeners;
  const given = incoming.headers['x-request-id'];
  const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : nextRequestId();
  const method = methodOf(incoming.method);
  const route = routeOf(incoming.url ?? '');
  const span = tracing === null ? null : tracing.request(incoming.headers, method, route);
  const record: RequestRecord = {
    fields: span === null ? { requestId } : { requestId, traceId: span.traceId },
    span,
    method,
    route,
    startMs: performance.now(),
    bytesBefore: incoming.socket.bytesWritten,
    readings: 1,
    metrics,
  };
  incoming[RECORD] = record;
  outgoing.setHeader('X-Request-Id', requestId);
  outgoing.on('close', () => endRequest(incoming, outgoing, record, listeners));
}

function endRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { fields, span, method, route, startMs, bytesBefore }: RequestRecord,
  { log, metrics }: RequestListeners,
): void {
  const durationMs = performance.now() - startMs;
  const status = outgoing.writableFinished ? outgoing.statusCode : null;
  metrics.timesOf(route, method).add(status, durationMs / 1_000);
  const bytes = incoming.socket.bytesWritten - bytesBefore;
  if (status !== null && method === 'GET' && route === QUERY_ROUTE) {
    const kind = queryKindOf(incoming, status);
    if (kind !== null) metrics.queried({ kind, seconds: durationMs / 1_000, bytes });
  }
  span?.end(status === null ? {} : { 'http.response.status_code': status }, status === null || status >= 500);
  if (!log.isLevelEnabled('debug')) return;
  log.debug({ ...fields, method, route, status, durationMs: Math.round(durationMs * 10) / 10, bytes }, 'request');
}

/** For a log line about a request; nothing of one that nobody follows. */
export function fieldsOf(incoming: IncomingMessage): RequestFields {
  return recordOf(incoming)?.fields ?? {};
}

/** How many readings a request brings, once that is known: so many are refused if it is. */
export function countReadings(incoming: IncomingMessage, readings: number): void {
  const record = recordOf(incoming);
  if (record !== undefined) record.readings = readings;
}

/** Counts what a request that failed brought. @returns what its log line says of it. */
export function noteFailure(incoming: IncomingMessage, error: unknown): RequestFields {
  const record = recordOf(incoming);
  if (record === undefined) return {};
  if (isIngest(record.method, record.route)) record.metrics.rejected(codeOf(error), record.readings);
  return record.fields;
}

/** Makes a call of a request a span of its trace, where requests are traced. */
export function asSpan<Result>(incoming: IncomingMessage, name: string, call: () => Promise<Result>): Promise<Result> {
  const span = recordOf(incoming)?.span?.child(name);
  return span === undefined ? call() : followedCall(call, span);
}

async function followedCall<Result>(call: () => Promise<Result>, span: TraceSpan): Promise<Result> {
  let isDone = false;
  try {
    const result = await call();
    isDone = true;
    return result;
  } finally {
    span.end({}, !isDone);
  }
}

/** The same for what comes in pieces, from now to the last of them. */
export function piecesAsSpan<Piece>(
  incoming: IncomingMessage,
  name: string,
  pieces: AsyncGenerator<Piece, void, undefined>,
): AsyncGenerator<Piece, void, undefined> {
  const span = recordOf(incoming)?.span?.child(name);
  return span === undefined ? pieces : followedPieces(pieces, span);
}

async function* followedPieces<Piece>(
  pieces: AsyncGenerator<Piece, void, undefined>,
  span: TraceSpan,
): AsyncGenerator<Piece, void, undefined> {
  let hasFailed = false;
  try {
    yield* pieces;
  } catch (error) {
    hasFailed = true;
    throw error;
  } finally {
    span.end({}, hasFailed);
  }
}
