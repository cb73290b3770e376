import { createMetrics } from '../../packages/hrm-server/src/metrics/index.js';
import { codes, page, table } from './markdown.js';

const INTRO = `\`GET /metrics\` is what Prometheus reads. [Monitoring](../guides/monitor.md) says where it is, what to watch, and what the labels mean.
No label names a user, a device or anything else that a client chose.`;

/** Of prom-client's metrics, what is shown. */
interface Measured {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly { readonly labels: Readonly<Record<string, unknown>> }[];
}

/** The page of the metrics. */
export async function metricsPage(): Promise<string> {
  const space = { freeBytes: 0, totalBytes: 0, freeInodes: 0, totalInodes: 0, place: 'queue' } as const;
  const queue = {
    readings: 0,
    claimedReadings: 0,
    deadLetters: 0,
    endedClaims: 0,
    oldestMs: null,
    nowMs: 0,
    highWater: 0,
  };
  const look = () => Promise.resolve({ issues: [], queue: { ...queue, elements: 0 }, history: [], space: [space] });
  const { timesOf, queried, report, close } = createMetrics({ health: { look } });
  // Labels are seen where there is a value.
  timesOf('/', 'GET').add(200, 0);
  queried({ kind: 'json_minute', seconds: 0, bytes: 0 });
  const metrics = (await report()) as unknown as readonly Measured[];
  close();
  const rows = metrics.map(({ name, type, help, values }) => [`\`${name}\``, type, codes(labelsOf(values)), help]);
  return page('# Metrics', INTRO, table(['metric', 'type', 'labels', 'what'], rows));
}

/** Without the bound of a histogram's bucket. */
function labelsOf(values: Measured['values']): string[] {
  return [...new Set(values.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== 'le');
}
