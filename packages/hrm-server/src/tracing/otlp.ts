import type { IncomingHttpHeaders } from 'node:http';
import {
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { within } from 'hrm-core';
import type { Logger } from 'pino';
import { FLUSH_MS } from '../limits.js';
import { VERSION } from '../package.js';
import type { SpanAttributes, TraceSpan, Tracing } from './tracing.js';

/**
 * Sends spans by OTLP over HTTP. Endpoint, headers, sampling, queue and resource are those of OpenTelemetry's own variables
 * (OTEL_…). Spans wait in a bounded queue (2,048 by default); what a collector does not take is lost and counted, and nothing else is.
 */
export function createOtlpTracing(log: Logger): Tracing {
  const spans = { held: 0, dropped: 0 };
  const exporter = telling(new OTLPTraceExporter(), log, spans);
  const service = resourceFromAttributes({ 'service.name': 'hrm', 'service.version': VERSION });
  const resource = defaultResource()
    .merge(service)
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [counting(new BatchSpanProcessor(exporter), spans)],
  });
  const tracer = provider.getTracer('hrm-server', VERSION);
  const propagator = new W3CTraceContextPropagator();

  function follow(span: Span, context: Context): TraceSpan {
    const own = trace.setSpan(context, span);
    return {
      traceId: span.spanContext().traceId,
      child: (name) => follow(tracer.startSpan(name, {}, own), own),
      end: (attributes, hasFailed) => endSpan(span, attributes, hasFailed),
    };
  }

  return {
    request(headers, method, route) {
      const parent = propagator.extract(ROOT_CONTEXT, headers, headerGetter);
      const attributes = { 'http.request.method': method, 'http.route': route };
      return follow(tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent), parent);
    },
    step({ name, durationMs, attributes, hasFailed }) {
      const span = tracer.startSpan(name, { root: true, startTime: Date.now() - durationMs });
      endSpan(span, attributes, hasFailed);
    },
    dropped: () => spans.dropped,
    async close() {
      await within(
        FLUSH_MS,
        provider.shutdown().catch(() => undefined),
        () => undefined,
      );
    },
  };
}

const headerGetter = {
  get: (headers: IncomingHttpHeaders, name: string) => defaultTextMapGetter.get(headers, name),
  keys: (headers: IncomingHttpHeaders) => Object.keys(headers),
};

function endSpan(span: Span, attributes: SpanAttributes, hasFailed: boolean): void {
  span.setAttributes(attributes);
  if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** Spans on their way to the collector, and those that did not get there. */
interface SpanCounts {
  held: number;
  dropped: number;
}

/** Spans that wait, at most: OpenTelemetry's own default. */
const MAX_WAITING_SPANS = 2_048;

/** A processor before whose bound spans are dropped, since it drops those beyond it without a word. */
function counting(processor: SpanProcessor, counts: SpanCounts): SpanProcessor {
  const max = Number(process.env.OTEL_BSP_MAX_QUEUE_SIZE) || MAX_WAITING_SPANS;
  return {
    onStart: (span, context) => processor.onStart(span, context),
    onEnd(span) {
      const isSampled = (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
      if (isSampled && counts.held >= max) {
        counts.dropped += 1;
        return;
      }
      if (isSampled) counts.held += 1;
      processor.onEnd(span);
    },
    forceFlush: () => processor.forceFlush(),
    shutdown: () => processor.shutdown(),
  };
}

/** An exporter whose trouble stands in the log: once when it begins, and once when it is over. */
function telling(exporter: SpanExporter, log: Logger, counts: SpanCounts): SpanExporter {
  let isFailing = false;
  function note({ code }: ExportResult): void {
    const hasFailed = code !== ExportResultCode.SUCCESS;
    if (hasFailed && !isFailing)
      log.warn('the collector takes no traces; they are dropped, and nothing else is harmed');
    if (!hasFailed && isFailing) log.info('the collector takes traces again');
    isFailing = hasFailed;
  }
  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void) {
      exporter.export(spans, (result) => {
        counts.held -= spans.length;
        if (result.code !== ExportResultCode.SUCCESS) counts.dropped += spans.length;
        note(result);
        done(result);
      });
    },
    forceFlush: async () => await exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
