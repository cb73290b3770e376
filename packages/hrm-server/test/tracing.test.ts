/** Spans, as a real collector gets them, and a service that a dead one does not harm. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openTracing } from '../src/tracing/open.js';
import { type Collector, startCollector } from './collector.js';
import { post, startTest, type TestOptions, testSettings, until, wireReading } from './support.js';

const SINGLE = '/metrics/heart-rate';
const BATCH = '/metrics/heart-rate/batch';
const QUERY = 'user_id=Annabell&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
const FAST = { batchMaxAgeMs: '0', compactEveryMs: '20' };
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const silent = pino({ level: 'silent' });

afterEach(() => vi.unstubAllEnvs());

/** A service that is traced; OpenTelemetry reads its variables itself. */
async function startTraced(collector: Pick<Collector, 'url'>, options: TestOptions = {}) {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url);
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  const tracing = await openTracing(process.env, log);
  return { ...(await startTest({ ...options, tracing })), tracingLog: lines };
}

describe('spans', () => {
  test('of request, enqueue, query, batch and compaction reach the collector when the service closes', async () => {
    const collector = await startCollector();
    const { url, service } = await startTraced(collector, { parts: ['api', 'consumer', 'compacter'], flags: FAST });
    const headers = { traceparent: `00-${TRACE}-${PARENT}-01` };
    expect(
      (await post(url + SINGLE, wireReading({ user_id: 'Annabell', device_id: 'Bracelet' }), headers)).status,
    ).toBe(202);
    expect((await post(url + BATCH, [wireReading({ heart_rate: 987_654_321 })])).status).toBe(400);
    await until(
      async () => (await (await fetch(`${url}${SINGLE}?${QUERY}`)).text()).includes('"count":1}'),
      'it is stored',
    );
    await until(
      async () => /^hrm_compaction_partitions_total\{[^}]*\} [1-9]/m.test(await (await fetch(`${url}/metrics`)).text()),
      'it is compacted',
    );
    await service.close();
    const { spans } = collector;
    const named = (name: string) => spans.filter((span) => span.name === name);
    const [continued] = named(`POST ${SINGLE}`);
    expect(continued).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
      attributes: { 'http.request.method': 'POST', 'http.route': SINGLE, 'http.response.status_code': 202 },
      status: 0,
    });
    const enqueues = named('enqueue');
    expect(enqueues).toHaveLength(2);
    expect(enqueues).toContainEqual(
      expect.objectContaining({ traceId: TRACE, parentSpanId: continued?.spanId, status: 0 }),
    );
    const [refused] = named(`POST ${BATCH}`);
    // A client's mistake is no error of the server's.
    expect(refused).toMatchObject({ attributes: { 'http.response.status_code': 400 }, status: 0 });
    expect(refused?.traceId).not.toBe(TRACE);
    expect(enqueues).toContainEqual(expect.objectContaining({ parentSpanId: refused?.spanId, status: 2 }));
    const queries = named('query');
    const asked = named(`GET ${SINGLE}`);
    expect(queries.length).toBeGreaterThan(0);
    for (const { parentSpanId } of queries) expect(asked.map(({ spanId }) => spanId)).toContain(parentSpanId);
    expect(named('drain batch')).toMatchObject([
      {
        parentSpanId: undefined,
        attributes: { 'hrm.batch.readings': 1, 'hrm.batch.parts': 1, 'hrm.batch.outcome': 'acked' },
      },
    ]);
    expect(named('drain batch')[0]?.durationMs).toBeGreaterThan(0);
    expect(named('compact').some(({ attributes }) => attributes['hrm.compaction.partitions'] === 1)).toBe(true);
    expect(collector.resources[0]).toMatchObject({ 'service.name': 'hrm', 'service.version': expect.any(String) });
    for (const body of collector.bodies)
      for (const secret of ['Annabell', 'Bracelet', '987654321']) expect(body).not.toContain(secret);
  });

  test('of a request have the trace id of its log lines; a broken traceparent begins a trace', async () => {
    const collector = await startCollector();
    const { url, service, log, accessLog } = await startTraced(collector);
    await post(url + SINGLE, '{', { traceparent: `00-${TRACE}-${PARENT}-01` });
    await post(url + SINGLE, '{', { traceparent: `00-${TRACE.replace('0a', 'zz')}-${PARENT}-01` });
    await until(() => accessLog.length === 2, 'both are over');
    const traceIds = [...log, ...accessLog].map((line) => (JSON.parse(line) as { traceId: string }).traceId);
    const [, other] = traceIds;
    expect(other).toMatch(/^[0-9a-f]{32}$/);
    expect(other).not.toBe(TRACE);
    expect(traceIds).toEqual([TRACE, other, TRACE, other]);
    await service.close();
    expect(collector.spans.filter(({ name }) => name.startsWith('POST')).map(({ traceId }) => traceId)).toEqual([
      TRACE,
      other,
    ]);
  });

  test('that a caller does not want sampled are not sent, and its trace id is logged all the same', async () => {
    const collector = await startCollector();
    const { url, service, accessLog } = await startTraced(collector);
    await post(url + SINGLE, wireReading(), { traceparent: `00-${TRACE}-${PARENT}-00` });
    await until(() => accessLog.length === 1, 'it is over');
    await service.close();
    expect(collector.spans).toEqual([]);
    expect(JSON.parse(accessLog[0] ?? '')).toMatchObject({ traceId: TRACE });
  });
});

describe('a collector', () => {
  test.each<[string, number | null, string?]>([
    ['that is not there', 200, 'http://127.0.0.1:9'],
    ['that never answers', null],
    ['that refuses', 400],
    ['that fails', 500],
    ['whose address is none', 200, 'nonsense://'],
  ])('%s harms nothing, and closing waits no longer than it says', async (_, status, address) => {
    const collector = await startCollector();
    collector.answerWith(status);
    const url = address ?? collector.url;
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '10');
    const traced = await startTraced({ url }, { parts: ['api', 'consumer'], flags: FAST });
    for (let i = 0; i < 50; i += 1) expect((await post(traced.url + SINGLE, wireReading())).status).toBe(202);
    const startMs = performance.now();
    await traced.service.close();
    // Two seconds for the traces, and what closing takes anyway.
    expect(performance.now() - startMs).toBeLessThan(30_000);
  });

  test('costs spans, which are counted, also those that nobody tried to send', async () => {
    const collector = await startCollector();
    collector.answerWith(null);
    vi.stubEnv('OTEL_BSP_MAX_QUEUE_SIZE', '20');
    vi.stubEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '10');
    const { url } = await startTraced(collector);
    for (let i = 0; i < 50; i += 1) await (await fetch(`${url}/health/live`)).text();
    const dropped = async () =>
      Number(/^hrm_spans_dropped_total (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);
    // Twenty wait; a request is over a moment after its answer.
    await until(async () => (await dropped()) >= 30, 'they are counted');
  });

  test('is complained of once, and praised once when it is back', async () => {
    const collector = await startCollector();
    collector.answerWith(400);
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '10');
    const { url, tracingLog } = await startTraced(collector);
    const said = (text: string) => tracingLog.filter((line) => line.includes(text)).length;
    for (let i = 0; i < 5; i += 1) {
      await fetch(`${url}/health/live`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await until(() => said('takes no traces') === 1, 'the trouble is told');
    collector.answerWith(200);
    await until(async () => {
      await fetch(`${url}/health/live`);
      return said('takes traces again') === 1;
    }, 'its end is told');
    expect(said('takes no traces')).toBe(1);
  });
});

describe('without an endpoint', () => {
  test.each([
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_SDK_DISABLED: 'true' },
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9', OTEL_TRACES_EXPORTER: 'none' },
  ])('there is no tracing: %j', async (env) => {
    expect(await openTracing(env, silent)).toBeNull();
  });

  test.each([
    ['nothing of its SDK is loaded', '', false],
    ['with one it is', 'http://127.0.0.1:9', true],
  ])('%s', async (_, endpoint, isLoaded) => {
    const { dataDir, queueDir } = await testSettings();
    const program = `
      import { serve } from 'hrm-server';
      import { createRequire } from 'node:module';
      import { loadSettings } from 'hrm-core/settings';
      const flags = { dataDir: ${JSON.stringify(dataDir)}, queueDir: ${JSON.stringify(queueDir)}, port: '0', logLevel: 'silent' };
      const service = await serve(loadSettings({ flags }), { parts: ['api', 'consumer', 'compacter'] });
      const loaded = Object.keys(createRequire(import.meta.url).cache);
      console.log(loaded.some((file) => /@opentelemetry.(sdk|exporter|otlp|resources|core)/.test(file)));
      await service.close();
    `;
    const env = { PATH: process.env.PATH, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
    const options = { cwd: import.meta.dirname, env, timeout: 30_000 };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], options);
    expect(stdout).toBe(`${isLoaded}\n`);
  });
});
