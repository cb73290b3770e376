import { Counter, Histogram, type Registry } from 'prom-client';
import type { QueryKind } from './query-kind.js';
import { addRouteTimes, REQUEST_SECONDS, type RouteTimes } from './route-times.js';

/** A query that was answered. */
interface AnsweredQuery {
  readonly kind: QueryKind;
  readonly seconds: number;
  /** Sent, headers too, as packed. */
  readonly bytes: number;
}

/** What the API counts. */
export interface RequestMetrics {
  /** What counts the requests of a route and method, both of bounded sets, when they are over. */
  timesOf(route: string, method: string): RouteTimes;
  queried(query: AnsweredQuery): void;
  /** Readings that the queue holds now. */
  accepted(readings: number): void;
  /** @param reason - a problem's code. What is none of {@link REJECTIONS} is `other`. */
  rejected(reason: string, readings: number): void;
}

/** The reasons that are told apart: what a POST of readings can be refused for. */
const REJECTIONS: ReadonlySet<string> = new Set([
  'aborted',
  'bad_gzip',
  'bad_host',
  'body_too_large',
  'client_gone',
  'empty_batch',
  'foreign_device',
  'foreign_host',
  'foreign_user',
  'internal',
  'invalid_readings',
  'key_missing',
  'key_wrong',
  'not_a_reading',
  'not_an_array',
  'not_json',
  'not_utf8',
  'queue_busy',
  'queue_closed',
  'queue_denied',
  'queue_full',
  'queue_missing',
  'queue_read_only',
  'queue_unavailable',
  'rate_limited',
  'request_timeout',
  'scope_missing',
  'too_busy',
  'too_many_readings',
  'unsupported_encoding',
  'unsupported_media_type',
  'unsupported_transfer_encoding',
]);

const BYTES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/** @param registry - the service's own. */
export function createRequestMetrics(registry: Registry): RequestMetrics {
  const registers = [registry];
  // A plain number, since it is in the way of every POST.
  let acceptedReadings = 0;
  new Counter({
    name: 'hrm_readings_accepted_total',
    help: 'Readings that the queue took: answered with 202.',
    registers,
    collect() {
      this.reset();
      this.inc(acceptedReadings);
    },
  });
  const rejected = new Counter({
    name: 'hrm_readings_rejected_total',
    help: 'Readings refused, by the code of the problem: all of a refused batch; one where the body was not read.',
    labelNames: ['reason'],
    registers,
  });
  // Prometheus sees no rise from nothing to the first.
  for (const reason of [...REJECTIONS, 'other']) rejected.inc({ reason }, 0);
  const timesOf = addRouteTimes(registry);
  const queries = new Histogram({
    name: 'hrm_query_duration_seconds',
    help: 'Queries answered, to their last byte, by form and interval; not_modified: the copy of the client holds.',
    labelNames: ['kind'],
    buckets: [...REQUEST_SECONDS],
    registers,
  });
  const queryBytes = new Histogram({
    name: 'hrm_query_response_bytes',
    help: 'Size of the answers to queries as sent: packed, with headers.',
    labelNames: ['kind'],
    buckets: BYTES,
    registers,
  });
  return {
    timesOf,
    queried({ kind, seconds, bytes }) {
      queries.observe({ kind }, seconds);
      queryBytes.observe({ kind }, bytes);
    },
    accepted(readings) {
      acceptedReadings += readings;
    },
    rejected: (reason, readings) => rejected.inc({ reason: REJECTIONS.has(reason) ? reason : 'other' }, readings),
  };
}
