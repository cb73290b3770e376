/**
 * The routes: each turns a request into one call of hrm-core and its result into an answer.
 */
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import {
  answerCsv,
  answerJson,
  answerNdjson,
  type Clock,
  type DamageReport,
  enqueue,
  HrmError,
  type Interval,
  isHrmError,
  MAX_ENQUEUE_READINGS,
  type OnDamage,
  type Queue,
  queryTables,
  queryTag,
  type RowTable,
  type Storage,
} from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';
import { ANSWER_TYPES, type AnswerType, hasTag, readAnswerType, readEncoding } from './accept.js';
import { packPieces, readBeginning, rejoin, streamPieces } from './answer.js';
import { type BodyLimits, createByteBudget, withBodyText } from './body.js';
import { createDamageListener } from './damage.js';
import type { Health } from './health.js';
import { parseJson, parseNdjson } from './json.js';
import { MAX_BATCH_BYTES, MAX_BODY_IDLE_MS, MAX_HELD_BYTES, MAX_READING_BYTES, MIN_PACKED_BYTES } from './limits.js';
import { describeError, levelOf } from './log.js';
import { readMediaType } from './media-type.js';
import { readParameters } from './parameters.js';
import { COMMON_HEADERS, invalidError, problemResponse, statusOf } from './problem.js';

/** What the routes work on. */
export interface AppComponents {
  readonly queue: Queue;
  readonly storage: Storage;
  /** Stamps readings; the machine's by default. */
  readonly clock?: Clock | undefined;
  readonly log: Logger;
  readonly health: Pick<Health, 'check' | 'record'>;
}

/** The settings that the routes go by. */
export type AppSettings = Pick<Settings, 'devicePriority' | 'naiveTimestamps' | 'maxFutureMs'>;

/** The environment of the routes: Node's own request and response, as @hono/node-server gives them. */
export type AppEnv = { Bindings: HttpBindings };

const READING_PATH = '/metrics/heart-rate';
const BATCH_PATH = '/metrics/heart-rate/batch';
const HEALTH_PATH = '/health';
const REQUIRED_PARAMETERS = ['user_id', 'start', 'end'] as const;
const OPTIONAL_PARAMETERS = ['device_id', 'interval'] as const;

/**
 * Creates the routes, and nothing around them: `serve` adds the check of the `Host` header, the limits of connections
 * and the shutdown. To be served by @hono/node-server.
 */
export function createApp(components: AppComponents, settings: AppSettings): Hono<AppEnv> {
  const { health, log } = components;
  const app = new Hono<AppEnv>();
  const single = bodyLimits(MAX_READING_BYTES);
  const batch = bodyLimits(MAX_BATCH_BYTES);
  const onDamage = createDamageListener({ log, health });

  app.get(READING_PATH, (c) => answerQuery({ ...components, onDamage }, settings, c));
  app.post(READING_PATH, async ({ env: { incoming } }) => {
    readMediaType(incoming.headers, ['application/json']);
    await withBodyText(incoming, single, (text) => acceptReading(components, settings, text));
    return jsonResponse(202, { status: 'accepted' });
  });
  app.all(READING_PATH, () => wrongMethod('GET, HEAD, POST'));

  app.post(BATCH_PATH, async ({ env: { incoming } }) => {
    const type = readMediaType(incoming.headers, ['application/json', 'application/x-ndjson']);
    const accept = type === 'application/json' ? acceptArray : acceptNdjson;
    const count = await withBodyText(incoming, batch, (text) => accept(components, settings, text));
    return jsonResponse(202, { status: 'accepted', count });
  });
  app.all(BATCH_PATH, () => wrongMethod('POST'));

  app.get(HEALTH_PATH, async () => {
    const report = await health.check();
    return jsonResponse(report.status === 'unhealthy' ? 503 : 200, report);
  });
  app.all(HEALTH_PATH, () => wrongMethod('GET, HEAD'));

  app.notFound(() => problemResponse(invalidError('not_found', 'there is nothing at this path', [])));
  app.onError((error, c) => {
    logRequest(log, c, error);
    return problemResponse(error, hintsFor(error, c.req.path));
  });
  return app;
}

/** Each route has a budget of its own. */
function bodyLimits(maxBytes: number): BodyLimits {
  return { maxBytes, budget: createByteBudget(MAX_HELD_BYTES), idleMs: MAX_BODY_IDLE_MS };
}

async function acceptReading(components: AppComponents, settings: AppSettings, text: string): Promise<void> {
  const reading = parseJson(text);
  if (Array.isArray(reading)) throw invalidError('not_a_reading', `must be one reading: batches go to ${BATCH_PATH}`);
  await enqueue(components, reading, enqueueOptions(settings));
}

async function acceptArray(components: AppComponents, settings: AppSettings, text: string): Promise<number> {
  const readings = parseJson(text);
  if (!Array.isArray(readings)) throw invalidError('not_an_array', 'must be an array of readings');
  return (await enqueue(components, readings, enqueueOptions(settings))).accepted;
}

async function acceptNdjson(components: AppComponents, settings: AppSettings, text: string): Promise<number> {
  const { items, malformed } = parseNdjson(text, MAX_ENQUEUE_READINGS);
  try {
    return (await enqueue(components, items, enqueueOptions(settings))).accepted;
  } catch (error) {
    if (!isHrmError(error) || malformed.size === 0) throw error;
    // A line that is not JSON went in as what no reading is, so that all faults of a batch come together.
    const faults = error.faults.map((fault) =>
      malformed.has(Number(fault.path.slice(1))) ? { ...fault, message: 'the line is not JSON' } : fault,
    );
    const { message, kind, code, faultCount } = error;
    throw new HrmError(message, { kind, code, faults, faultCount });
  }
}

function enqueueOptions({ naiveTimestamps, maxFutureMs }: AppSettings) {
  return { naiveTimestamps, maxFutureMs, wireOnly: true };
}

async function answerQuery(
  { storage, log, onDamage }: AppComponents & { readonly onDamage: OnDamage },
  { devicePriority: priority, naiveTimestamps }: AppSettings,
  c: Context<AppEnv>,
): Promise<Response> {
  const { incoming, outgoing } = c.env;
  const parameters = readParameters(incoming.url ?? '', REQUIRED_PARAMETERS, OPTIONAL_PARAMETERS);
  const { user_id: userId, start, end, device_id: deviceId, interval } = parameters;
  const type = readAnswerType(incoming.headers);
  const encoding = readEncoding(incoming.headers);
  // An interval that is none is among what the query refuses.
  const question = { userId, start, end, deviceId, interval: interval as Interval | undefined, priority };
  const options = { signal: c.req.raw.signal, naiveTimestamps, wireNames: true };
  // Taken before anything is read: see queryTag. The same bytes packed otherwise are another representation.
  const tag = `"${await queryTag({ storage }, question, options)}-${ANSWER_TYPES.indexOf(type)}${encoding ?? ''}"`;
  const tagged = { ...COMMON_HEADERS, ...ANSWER_CACHING, ETag: tag };
  if (hasTag(incoming.headers, tag)) return new Response(null, { status: 304, headers: tagged });
  let isPartial = false;
  function noteDamage(report: DamageReport): void {
    isPartial = true;
    onDamage(report);
  }
  const pieces = piecesOf(type, userId, queryTables({ storage }, question, { ...options, onDamage: noteDamage }));
  const beginning = await readBeginning(pieces);
  // An answer without a file that its tag counts must not be taken for whole when the file is mended.
  const caching = isPartial ? { ...COMMON_HEADERS, 'Cache-Control': 'no-store' } : tagged;
  const isPacked = encoding !== null && !(beginning.done && beginning.bytes.length < MIN_PACKED_BYTES);
  const packing = isPacked ? { 'Content-Encoding': encoding } : {};
  const headers = { ...caching, ...packing, 'Content-Type': type === 'text/csv' ? 'text/csv; charset=utf-8' : type };
  if (!isPacked && beginning.done) return new Response(beginning.bytes, { headers });
  if (c.req.method === 'HEAD') {
    await pieces.return();
    return new Response(null, { headers });
  }
  function cut(error: unknown): void {
    logRequest(log, c, error);
    outgoing.destroy();
  }
  if (!isPacked) return new Response(streamPieces(beginning.bytes, pieces, cut), { headers });
  const packed = packPieces(encoding, rejoin(beginning.bytes, pieces));
  return new Response(streamPieces(new Uint8Array(), packed, cut), { headers });
}

/** A client may keep an answer, and must ask each time whether it still holds. */
const ANSWER_CACHING = { 'Cache-Control': 'private, no-cache', Vary: 'Accept, Accept-Encoding' } as const;

function piecesOf(type: AnswerType, userId: string, tables: AsyncGenerator<RowTable>) {
  if (type === 'application/x-ndjson') return answerNdjson(tables);
  return type === 'text/csv' ? answerCsv(tables) : answerJson(userId, tables);
}

function jsonResponse(status: number, body: unknown): Response {
  const headers = { ...COMMON_HEADERS, 'Content-Type': 'application/json' };
  return new Response(JSON.stringify(body), { status, headers });
}

function wrongMethod(allow: string): Response {
  const error = invalidError('method_not_allowed', `the method must be one of ${allow}`, []);
  return problemResponse(error, { Allow: allow });
}

/** What a client that used the wrong type could have used; that there is no waiting for a body that stopped coming. */
function hintsFor(error: unknown, path: string): Record<string, string> {
  if (!isHrmError(error)) return {};
  if (error.code === 'request_timeout') return { Connection: 'close' };
  if (error.code === 'unsupported_encoding') return { 'Accept-Encoding': 'gzip' };
  if (error.code !== 'unsupported_media_type') return {};
  return { 'Accept-Post': `application/json${path === BATCH_PATH ? ', application/x-ndjson' : ''}` };
}

/** Logs a request that failed, once. Its path is a route's, its query is not logged: it names a user. */
function logRequest(log: Logger, { req }: Context<AppEnv>, error: unknown): void {
  const status = statusOf(error);
  const isGone = isHrmError(error) && error.kind === 'closed';
  const level = isGone ? 'debug' : levelOf(status);
  log[level]({ method: req.method, route: req.path, status, ...describeError(error) }, 'request failed');
}
