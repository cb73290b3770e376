import type { Metric, Registry } from 'prom-client';

/** How often, and how long, requests of one route and method took. Plain numbers: this is in the way of every request. */
export interface RouteTimes {
  /** @param status - `null`: the client went away before it was answered. */
  add(status: number | null, seconds: number): void;
}

/** Upper bounds, seconds: a POST takes a millisecond, a year of minutes a second. */
export const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

interface Counted {
  readonly route: string;
  readonly method: string;
  /** `null` for `aborted`. */
  readonly statuses: Map<number | null, number>;
  /** Per bound, and one for what is above all; not added up. */
  readonly buckets: number[];
  seconds: number;
}

/** Statuses that are told of before there is one: Prometheus sees no rise from nothing to the first, and alerts would miss it. */
const FAILURES: readonly (readonly [status: number, count: number])[] = [
  [500, 0],
  [503, 0],
];

/** A value as prom-client writes it. */
interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * Adds `hrm_requests_total` and `hrm_request_duration_seconds` to a registry. Not prom-client's own counter and histogram:
 * to find a series by its labels took 4 % of the time of a POST.
 * @returns the times of a route and method, always the same for the same.
 */
export function addRouteTimes(registry: Registry): (route: string, method: string) => RouteTimes {
  const known = new Map<string, Map<string, RouteTimes>>();
  const all: Counted[] = [];
  registry.registerMetric(
    metricOf(
      'hrm_requests_total',
      'counter',
      'Requests that are over; status aborted: the client went away; route other: none of the API.',
      () => all.flatMap(requestValues),
    ),
  );
  registry.registerMetric(
    metricOf(
      'hrm_request_duration_seconds',
      'histogram',
      'From the head of a request to the last byte of its answer.',
      () => all.flatMap(durationValues),
    ),
  );
  return (route, method) => {
    const ofRoute = known.get(route) ?? new Map<string, RouteTimes>();
    const there = ofRoute.get(method);
    if (there !== undefined) return there;
    const buckets = new Array<number>(REQUEST_SECONDS.length + 1).fill(0);
    const counted: Counted = { route, method, statuses: new Map(FAILURES), buckets, seconds: 0 };
    const times: RouteTimes = { add: (status, seconds) => addTo(counted, status, seconds) };
    all.push(counted);
    known.set(route, ofRoute.set(method, times));
    return times;
  };
}

function addTo(counted: Counted, status: number | null, seconds: number): void {
  const { statuses, buckets } = counted;
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  let i = 0;
  while (i < REQUEST_SECONDS.length && seconds > (REQUEST_SECONDS[i] ?? 0)) i += 1;
  buckets[i] = (buckets[i] ?? 0) + 1;
  counted.seconds += seconds;
}

function requestValues({ route, method, statuses }: Counted): Value[] {
  return [...statuses].map(([status, value]) => {
    const labels = { route, method, status: status === null ? 'aborted' : String(status) };
    return { metricName: 'hrm_requests_total', labels, value };
  });
}

function durationValues({ route, method, buckets, seconds }: Counted): Value[] {
  const labels = { route, method };
  let count = 0;
  const values = buckets.map((added, i): Value => {
    count += added;
    const le = REQUEST_SECONDS[i] ?? '+Inf';
    return { metricName: 'hrm_request_duration_seconds_bucket', labels: { le, ...labels }, value: count };
  });
  if (count === 0) return [];
  return [
    ...values,
    { metricName: 'hrm_request_duration_seconds_sum', labels, value: seconds },
    { metricName: 'hrm_request_duration_seconds_count', labels, value: count },
  ];
}

/** What a registry asks of a metric; prom-client makes such ones itself when it aggregates. */
function metricOf(name: string, type: string, help: string, values: () => Value[]): Metric {
  const get = async () => ({ name, help, type, aggregator: 'sum', values: values() });
  return { name, help, type, aggregator: 'sum', get } as unknown as Metric;
}
