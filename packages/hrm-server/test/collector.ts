/** A collector of traces: what OTLP over HTTP brings to it, in JSON. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A span as it came, its attributes by name. */
interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2 is an error. */
  readonly status: number;
}

interface WireAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface WireSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly WireAttribute[];
  readonly status: { readonly code?: number };
}

interface WireTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

export interface Collector {
  /** As OTEL_EXPORTER_OTLP_ENDPOINT takes it. */
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** Everything that came, as text. */
  readonly bodies: readonly string[];
  readonly resources: readonly Readonly<Record<string, unknown>>[];
  /** What it answers from now on; `null`: nothing at all. */
  answerWith(status: number | null): void;
}

/** Starts one; it ends with the test. */
export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const bodies: string[] = [];
  const resources: Record<string, unknown>[] = [];
  let status: number | null = 200;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (status === null) return;
    if (status === 200 && request.url === '/v1/traces') {
      const body = Buffer.concat(chunks).toString();
      bodies.push(body);
      for (const { resource, scopeSpans } of (JSON.parse(body) as WireTraces).resourceSpans) {
        resources.push(byName(resource.attributes));
        for (const scope of scopeSpans) spans.push(...scope.spans.map(spanOf));
      }
    }
    response.writeHead(request.url === '/v1/traces' ? status : 404, { 'Content-Type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    bodies,
    resources,
    answerWith(code) {
      status = code;
    },
  };
}

function spanOf({ name, traceId, spanId, parentSpanId, status, ...span }: WireSpan): CollectedSpan {
  const durationMs = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6;
  const attributes = byName(span.attributes);
  return { name, traceId, spanId, parentSpanId, durationMs, attributes, status: status.code ?? 0 };
}

function byName(attributes: readonly WireAttribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [type, text] = Object.entries(value)[0] ?? [];
      return [key, type === 'intValue' ? Number(text) : text];
    }),
  );
}
