import { resolve, sep } from 'node:path';
import type { Settings } from 'hrm-core/settings';
import { findUnknownVariables } from '../unknown-variables.js';
import { type Finding, findingsOf } from './finding.js';

/** The oldest Node.js that this runs on: `engines` of package.json. */
const MIN_NODE = [20, 19] as const;

/** Less leaves readers from outside, such as DuckDB, without the files that they are about to open. */
const MIN_SWEEP_MS = 10_000;

/** Looks at the Node.js that this runs on. @param version - `20.19.0`. */
export function checkNode(version: string): readonly Finding[] {
  const { ok, problem } = findingsOf('node');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1]);
  if (isOld)
    return [problem('node_old', `Node.js ${version} is too old`, `install Node.js ${MIN_NODE.join('.')} or newer`)];
  return [ok('node', `Node.js ${version}`)];
}

/** Looks at settings that are allowed each by itself, and make no sense together or where they are. */
export function checkSettings(settings: Settings, env: NodeJS.ProcessEnv): readonly Finding[] {
  const { ok, warning, problem } = findingsOf('settings');
  const findings: Finding[] = [];
  for (const { name, meant } of findUnknownVariables(env)) {
    const advice = meant === undefined ? 'remove it; hrm serve --help lists the settings' : `did you mean ${meant}?`;
    findings.push(warning('unknown_variable', `the environment has ${name}, which is no setting`, advice));
  }
  const { dataDir, queueDir, leaseMs, batchMaxAgeMs, batchMaxReadings, queueHighWater, sweepAfterMs } = settings;
  if (isInside(queueDir, dataDir)) {
    const message = 'the queue directory lies in the data directory, where tools look for Parquet files';
    findings.push(problem('queue_in_data', message, 'set HRM_QUEUE_DIR to a directory outside of HRM_DATA_DIR'));
  }
  if (batchMaxAgeMs >= leaseMs) {
    const message = `batches may ripen as long (${batchMaxAgeMs} ms) as a claim holds (${leaseMs} ms)`;
    findings.push(warning('lease_short', message, 'set HRM_LEASE_MS to several times HRM_BATCH_MAX_AGE_MS'));
  }
  if (queueHighWater < 2 * batchMaxReadings) {
    const message = `the queue refuses readings at ${queueHighWater}, which is less than two batches`;
    findings.push(warning('high_water_low', message, 'set HRM_QUEUE_HIGH_WATER to many times HRM_BATCH_MAX_READINGS'));
  }
  if (sweepAfterMs < MIN_SWEEP_MS) {
    const message = `replaced files are deleted after ${sweepAfterMs} ms: tools that read the files may miss some`;
    findings.push(warning('sweep_soon', message, `set HRM_SWEEP_AFTER_MS to ${MIN_SWEEP_MS} or more`));
  }
  if (settings.allowAnonymous) {
    const message = 'whoever reaches the API reads and writes everything (HRM_ALLOW_ANONYMOUS)';
    findings.push(warning('anonymous', message, 'keep it behind something that asks who calls, or unset it'));
  }
  return findings.length > 0 ? findings : [ok('settings', 'they are sound')];
}

function isInside(inner: string, outer: string): boolean {
  return `${resolve(inner)}${sep}`.startsWith(`${resolve(outer)}${sep}`);
}
