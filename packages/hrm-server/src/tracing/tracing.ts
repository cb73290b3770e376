/**
 * What traces are made of.
 * @module
 */
import type { IncomingHttpHeaders } from 'node:http';

/** What a span says of itself: counts and outcomes; no user, no device, no value, no path of a file. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span that runs. */
export interface TraceSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** A part of it, from now on. */
  child(name: string): TraceSpan;
  end(attributes: SpanAttributes, hasFailed: boolean): void;
}

/** A step that is over. */
export interface TracedStep {
  readonly name: 'drain batch' | 'compact';
  /** It ended now, and took so long. */
  readonly durationMs: number;
  readonly attributes: SpanAttributes;
  readonly hasFailed: boolean;
}

/** Where spans go. No method throws or waits for the collector, `close` apart. */
export interface Tracing {
  /** A request's span; it continues the trace of its `traceparent`, if that is one. @see W3C Trace Context */
  request(headers: IncomingHttpHeaders, method: string, route: string): TraceSpan;
  step(step: TracedStep): void;
  /** Spans that no collector took, since the start. */
  dropped(): number;
  /** Sends what is left, within a bound. */
  close(): Promise<void>;
}
