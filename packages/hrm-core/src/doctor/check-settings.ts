import { type SettingIssue, settingIssues } from '../ops/setting-issues.js';
import { explainUnknownVariables, type Settings } from '../settings.js';
import { type CheckResult, resultsOf } from './check-result.js';

/** The oldest Node.js that this runs on: `engines` of package.json. */
const MIN_NODE = [20, 19] as const;

/** Looks at the Node.js that this runs on. @param version - `20.19.0`. */
export function checkNode(version: string): readonly CheckResult[] {
  const { ok, problem } = resultsOf('node');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1]);
  if (isOld)
    return [problem('node_old', `Node.js ${version} is too old`, `install Node.js ${MIN_NODE.join('.')} or newer`)];
  return [ok('node', `Node.js ${version}`)];
}

/** Looks at settings that are allowed each by itself, and make no sense together or where they are. */
export function checkSettings(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): readonly CheckResult[] {
  const { ok, warning, problem } = resultsOf('settings');
  const results: CheckResult[] = [];
  for (const { name, meant } of explainUnknownVariables(env)) {
    const advice = meant === undefined ? 'remove it; hrm serve --help lists the settings' : `did you mean ${meant}?`;
    results.push(warning('unknown_variable', `the environment has ${name}, which is no setting`, advice));
  }
  for (const issue of settingIssues(settings)) {
    const [message, advice] = wordsOf(issue, settings);
    // Of the others somebody should know; this one spoils what others read.
    results.push((issue === 'queue_in_data' ? problem : warning)(issue, message, advice));
  }
  return results.length > 0 ? results : [ok('settings', 'they are sound')];
}

function wordsOf(issue: SettingIssue, settings: Settings): readonly [message: string, advice: string] {
  const { leaseMs, batchMaxAgeMs, queueHighWater, sweepAfterMs } = settings;
  switch (issue) {
    case 'queue_in_data':
      return [
        'the queue directory lies in the data directory, where tools look for Parquet files',
        'set HRM_QUEUE_DIR to a directory outside of HRM_DATA_DIR',
      ];
    case 'lease_short':
      return [
        `batches may fill as long (${batchMaxAgeMs} ms) as a claim holds (${leaseMs} ms)`,
        'set HRM_LEASE_MS to several times HRM_BATCH_MAX_AGE_MS',
      ];
    case 'high_water_low':
      return [
        `the queue refuses readings at ${queueHighWater}, which is less than two batches`,
        'set HRM_QUEUE_HIGH_WATER to many times HRM_BATCH_MAX_READINGS',
      ];
    case 'sweep_soon':
      return [
        `replaced files are deleted after ${sweepAfterMs} ms: tools that read the files may miss some`,
        'set HRM_SWEEP_AFTER_MS to 10000 or more',
      ];
    case 'anonymous':
      return [
        'whoever reaches the API reads and writes everything (HRM_ALLOW_ANONYMOUS)',
        'keep it behind something that asks who calls, or unset it',
      ];
  }
}
