/**
 * The routes: every call of the table of operations is admitted, handled, and its errors are made problems.
 */
import { type Context, Hono } from 'hono';
import {
  type Clock,
  capabilityStatement,
  createDeviceBound,
  type Health,
  isHrmError,
  type Queue,
  READING_TYPES,
  recordStorageFailure,
  type Storage,
  type SystemView,
  systemClock,
} from 'hrm-core';
import { type AuditLog, auditedAccess, endAnswered, endFailed, followRequest } from 'hrm-core/audit';
import type { UploadSettings } from 'hrm-core/import';
import { type Access, type KeyRing, requireValid } from 'hrm-core/keys';
import { methodsOf, OPERATIONS, type Operation, type OperationId, readQuery } from 'hrm-core/schemas';
import type { Settings } from 'hrm-core/settings';
import { createDayLimiter, createScheduler, createSemaphore, type Scheduler } from 'hrm-core/shares';
import type { Logger } from 'pino';
import { docsPage } from '../dashboard/docs-page.js';
import { openApiDocument } from './api/openapi.js';
import {
  COMMON_HEADERS,
  headersOf,
  notFoundError,
  outcomeResponse,
  problemResponse,
  statusOf,
  wrongMethod,
} from './api/problem.js';
import { createAdmission, rateHeaders } from './auth/access.js';
import { createCors, isPreflight, preflightResponse } from './http/cors.js';
import { headerValues } from './http/header-values.js';
import {
  MAX_ANSWER_STEPS,
  MAX_BURST_DAYS,
  MAX_DAYS_PER_SECOND,
  MAX_DEVICE_STEPS,
  MAX_KEY_REQUESTS,
  MAX_LONG_DEVICE_ANSWERS,
} from './limits.js';
import { levelOf } from './log/log.js';
import { logRefusal } from './log/refusals.js';
import type { Metrics } from './metrics/index.js';
import { createDamageListener } from './ops/damage.js';
import { VERSION } from './package.js';
import { answerQuery, answerReadings, searchObservations } from './routes/answer-query.js';
import { answerErasure, eraseReadings } from './routes/erase.js';
import { type App, type AppEnv, clientOf, type Handler, jsonResponse } from './routes/handler.js';
import { postImport } from './routes/imports.js';
import { postBatch, postReading } from './routes/ingest.js';
import { createLive, type Live } from './routes/live.js';
import { healthHandler, livenessHandler, metricsHandler } from './routes/ops-routes.js';
import { readPages } from './routes/pages.js';
import { fieldsOf, noteFailure } from './routes/requests.js';
import { answerLatest, answerSettings, answerUsers, listDays, listDevices, putSettings } from './routes/users.js';

/** What the routes work on. */
export interface AppComponents {
  readonly queue: Queue;
  readonly storage: Storage;
  /** Stamps readings; the machine's by default. */
  readonly clock?: Clock | undefined;
  readonly log: Logger;
  readonly health: Pick<Health, 'check' | 'record'>;
  readonly metrics: Pick<Metrics, 'text' | 'damaged'>;
  /** The API keys; without them whoever reaches the routes may do everything. */
  readonly keys?: KeyRing | undefined;
  /** Records who sees what; without it nobody does. */
  readonly audit?: Pick<AuditLog, 'follow'> | null | undefined;
  /** The live streams, so that who stops the server can end them; by default nobody does. */
  readonly live?: Live | undefined;
  /** Forgets what else is kept of a user, such as alerts, when all of a user is erased. */
  readonly forget?: ((userId: string) => Promise<void>) | undefined;
  /** Knows how the system is; without it the call is refused. */
  readonly system?: Pick<SystemView, 'look'> | undefined;
}

/** The settings that the routes go by. */
export type AppSettings = UploadSettings &
  Pick<Settings, 'devicePriority' | 'corsOrigins' | 'rateLimit'> &
  Partial<Pick<Settings, 'maxDevices' | 'naiveTimestamps' | 'trustedProxies'>>;

/**
 * Creates the routes, and nothing around them: `serve` adds the check of the `Host` header, the limits of connections
 * and the shutdown. To be served by @hono/node-server: `getRequestListener(app.fetch)`.
 */
export function createApp(components: AppComponents, settings: AppSettings): App {
  const { log, clock, health, keys = null, audit = null } = components;
  const { trustedProxies = [] } = settings;
  const app = new Hono<AppEnv>();
  const admission = createAdmission({ keys, clock }, settings);
  const cors = createCors(settings.corsOrigins);
  const handlers = createHandlers(components, settings);
  const semaphore = createSemaphore(MAX_KEY_REQUESTS, 'too many requests at once: wait for some to be answered');

  function fail(c: Context<AppEnv>, error: unknown): void {
    recordStorageFailure(health, error);
    logRequest(log, c, error);
  }

  async function answer(id: OperationId, c: Context<AppEnv>): Promise<Response> {
    const { incoming, outgoing } = c.env;
    const { parameters = [], ignoresParameters, isFhir }: Operation = OPERATIONS[id];
    let headers: Readonly<Record<string, string>> = { ...COMMON_HEADERS, ...cors(incoming) };
    const forwarded = headerValues(incoming, 'x-forwarded-for');
    const { requestId = null } = fieldsOf(incoming);
    const origin = { peer: incoming.socket.remoteAddress, forwarded, trustedProxies, requestId };
    const trail = followRequest(audit, id, { url: incoming.url ?? '', ...origin });
    try {
      await admission.prepare(incoming, OPERATIONS[id].scope);
      const access = auditedAccess(admission.admit(incoming, OPERATIONS[id].scope), trail);
      headers = { ...headers, ...rateHeaders(access.rate) };
      if (access.keyId !== null) outgoing.once('close', semaphore.acquire(access.keyId));
      const onLateError = (error: unknown) => fail(c, error);
      // Of a call without parameters one that is given would be meant to change the answer. The others read theirs themselves.
      if (parameters.length === 0 && ignoresParameters !== true) readQuery(incoming.url ?? '', parameters);
      await trail?.begin();
      const { signal } = c.req.raw;
      const call = { incoming, outgoing, access, trail, headers, signal, onLateError };
      return await endAnswered(trail, await handlers[id](call));
    } catch (error) {
      fail(c, error);
      await endFailed(trail, error, statusOf(error));
      const all = { ...headers, ...headersOf(error), ...hintsFor(error, OPERATIONS[id]) };
      return isFhir === true ? outcomeResponse(error, all) : problemResponse(error, all);
    }
  }

  for (const [id, { method, path }] of Object.entries(OPERATIONS)) {
    app.on(method, toHonoPath(path), (c) => answer(id as OperationId, c));
  }
  for (const path of new Set(Object.values(OPERATIONS).map((operation) => operation.path))) {
    const methods = methodsOf(path);
    app.all(toHonoPath(path), ({ env: { incoming } }) => {
      const crossed = cors(incoming) ?? {};
      return isPreflight(incoming) && 'Access-Control-Allow-Origin' in crossed
        ? preflightResponse(crossed, methods)
        : wrongMethod(methods);
    });
  }
  const pages = readPages();
  for (const path of pages.paths) {
    app.get(path, ({ env }) => pages.answer(path, env.incoming));
    app.all(path, () => wrongMethod('GET, HEAD'));
  }
  app.notFound(() => problemResponse(notFoundError()));
  app.onError((error, c) => {
    logRequest(log, c, error);
    return problemResponse(error);
  });
  return app;
}

/** What answers each call of the table. */
function createHandlers(components: AppComponents, settings: AppSettings): Readonly<Record<OperationId, Handler>> {
  const { health, metrics, storage, system, clock = systemClock } = components;
  const { live = createLive(components, settings) } = components;
  const onDamage = createDamageListener(components);
  const share = createScheduler(MAX_ANSWER_STEPS);
  const deviceShare = createScheduler(MAX_DEVICE_STEPS);
  const tooMany = 'too many long answers about devices at once: read those under way first';
  const users = { storage, onDamage, semaphore: createSemaphore(MAX_LONG_DEVICE_ANSWERS, tooMany) };
  const ingest = {
    ...components,
    deviceBound: createDeviceBound(settings.maxDevices),
    dayLimiter: createDayLimiter({ burstDays: MAX_BURST_DAYS, daysPerSecond: MAX_DAYS_PER_SECOND }, clock),
  };
  const document = openApiDocument(VERSION);
  const metadataBytes = Buffer.from(JSON.stringify(capabilityStatement(VERSION)));
  // Written once: whoever asks for it again and again costs no memory.
  const documentBytes = Buffer.from(JSON.stringify(document));
  return {
    postReading: postReading(ingest, settings),
    postBatch: postBatch(ingest, settings),
    postImport: postImport(ingest, settings),
    query: answerQuery({ storage, onDamage, share }, settings),
    readings: answerReadings({ storage, onDamage, share }, settings),
    searchObservations: searchObservations({ storage, onDamage, share }, settings),
    fhirMetadata: ({ headers }) =>
      new Response(metadataBytes, { headers: { ...headers, 'Content-Type': READING_TYPES.fhir } }),
    users: shared(deviceShare, answerUsers(users, settings)),
    days: shared(deviceShare, listDays(users, settings)),
    devices: shared(deviceShare, listDevices(users)),
    latest: shared(deviceShare, answerLatest(users, settings)),
    userSettings: answerSettings(users),
    putUserSettings: putSettings(users),
    erase: eraseReadings({ storage, clock, forget: components.forget }, settings),
    erasure: answerErasure({ storage }),
    live: (call) => live.answer(call),
    system: async (call) => jsonResponse(call, 200, await (system ?? noSystem()).look()),
    session: (call) => jsonResponse(call, 200, describeAccess(call.access)),
    health: healthHandler(health),
    liveness: livenessHandler,
    metrics: metricsHandler(metrics),
    openapi: ({ headers }) =>
      new Response(documentBytes, { headers: { ...headers, 'Content-Type': 'application/json' } }),
    docs: ({ headers }) => docsPage(document, headers),
  };
}

/** A call whose answer is made in one step. */
function shared(share: Scheduler, handler: Handler): Handler {
  return async (call) => {
    const response = await share.run(clientOf(call), async () => await handler(call), call.signal);
    // Its turn may have come late.
    requireValid(call.access);
    return response;
  };
}

function noSystem(): never {
  throw notFoundError();
}

function describeAccess({ name, scopes, userIds }: Access): unknown {
  return { anonymous: name === null, name, scopes, user_ids: userIds };
}

function toHonoPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

/** What a client that used the wrong type could have used; that there is no waiting for a body that stopped coming. */
function hintsFor(error: unknown, { body = {} }: Operation): Record<string, string> {
  if (!isHrmError(error)) return {};
  if (error.code === 'request_timeout') return { Connection: 'close' };
  if (error.code === 'unsupported_encoding') return { 'Accept-Encoding': 'gzip' };
  return error.code === 'unsupported_media_type' ? { 'Accept-Post': Object.keys(body).join(', ') } : {};
}

/** Logs a request that failed, once. Its path is a route's, its query is not logged: it names a user. */
function logRequest(log: Logger, { req, env }: Context<AppEnv>, error: unknown): void {
  const fields = noteFailure(env.incoming, error);
  const status = statusOf(error);
  const isGone = isHrmError(error) && error.kind === 'closed';
  const level = isGone ? 'debug' : levelOf(status);
  const line = { ...fields, method: env.incoming.method, route: req.routePath, status };
  logRefusal(log, level, error, line, 'request failed');
}
