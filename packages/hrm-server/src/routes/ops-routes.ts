/**
 * What those who run the service ask: whether it lives, how it is, what it counts. As calls of the API, and alone, on the
 * port of a process without it.
 */
import { Hono } from 'hono';
import type { Health } from 'hrm-core';
import type { KeyRing } from 'hrm-core/keys';
import { OPERATIONS } from 'hrm-core/schemas';
import type { Logger } from 'pino';
import { COMMON_HEADERS, headersOf, notFoundError, problemResponse, statusOf, wrongMethod } from '../api/problem.js';
import { createAdmission } from '../auth/access.js';
import { levelOf } from '../log/log.js';
import { logRefusal } from '../log/refusals.js';
import { METRICS_TYPE, type Metrics } from '../metrics/index.js';
import { type App, type AppEnv, type Handler, jsonResponse } from './handler.js';
import { noteFailure } from './requests.js';

/** How the service is: 200, or 503 when it cannot do its work. Figures are for admins: they are about everybody. */
export function healthHandler(health: Pick<Health, 'check'>): Handler {
  return async (call) => {
    const report = await health.check({ withFigures: call.access.seesFigures });
    return jsonResponse(call, report.status === 'unhealthy' ? 503 : 200, report);
  };
}

/** That the process lives; nothing is asked for it. */
export function livenessHandler(call: Parameters<Handler>[0]): Response {
  return jsonResponse(call, 200, { status: 'alive' });
}

/** Everything counted, as Prometheus reads it. */
export function metricsHandler(metrics: Pick<Metrics, 'text'>): Handler {
  return async ({ headers }) => {
    return new Response(await metrics.text(), { headers: { ...headers, 'Content-Type': METRICS_TYPE } });
  };
}

/** What the port for metrics answers from. */
export interface OpsComponents {
  readonly health: Pick<Health, 'check'>;
  readonly metrics: Pick<Metrics, 'text'>;
  readonly log: Logger;
  /** As for the API. */
  readonly keys?: KeyRing | undefined;
}

/** The routes of the port for metrics, and no others. */
export function createOpsApp({ health, metrics, log, keys }: OpsComponents): App {
  const app = new Hono<AppEnv>();
  const admission = createAdmission({ keys: keys ?? null }, { rateLimit: 0 });
  const handlers = { health: healthHandler(health), liveness: livenessHandler, metrics: metricsHandler(metrics) };
  for (const [id, handler] of Object.entries(handlers)) {
    const { path, scope } = OPERATIONS[id as keyof typeof handlers];
    app.get(path, async ({ env: { incoming, outgoing }, req }) => {
      await admission.prepare(incoming, scope);
      const access = admission.admit(incoming, scope);
      const onLateError = () => undefined;
      return await handler({
        incoming,
        outgoing,
        access,
        trail: null,
        headers: COMMON_HEADERS,
        signal: req.raw.signal,
        onLateError,
      });
    });
    app.all(path, () => wrongMethod('GET, HEAD'));
  }
  app.notFound(() => problemResponse(notFoundError()));
  app.onError((error, { env }) => {
    logRefusal(log, levelOf(statusOf(error)), error, noteFailure(env.incoming, error), 'request failed');
    return problemResponse(error, headersOf(error));
  });
  return app;
}
