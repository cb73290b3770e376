import { resolve, sep } from 'node:path';
import { MIN_SWEEP_MS } from '../limits.js';
import type { Settings } from '../settings.js';

/** Settings that are allowed each by itself, and make no sense together or where they are. */
export type SettingIssue = 'queue_in_data' | 'lease_short' | 'high_water_low' | 'sweep_soon' | 'anonymous';

/** Those that hold. `queue_in_data` alone keeps the system from working as it should; of the others somebody should know. */
export function settingIssues(settings: Settings): readonly SettingIssue[] {
  const { dataDir, queueDir, leaseMs, batchMaxAgeMs, batchMaxReadings, queueHighWater, sweepAfterMs } = settings;
  const holds: Readonly<Record<SettingIssue, boolean>> = {
    queue_in_data: isInside(queueDir, dataDir),
    // A claim ends while its successors fill.
    lease_short: batchMaxAgeMs >= leaseMs,
    high_water_low: queueHighWater < 2 * batchMaxReadings,
    sweep_soon: sweepAfterMs < MIN_SWEEP_MS,
    anonymous: settings.allowAnonymous,
  };
  return (Object.keys(holds) as SettingIssue[]).filter((issue) => holds[issue]);
}

function isInside(inner: string, outer: string): boolean {
  return `${resolve(inner)}${sep}`.startsWith(`${resolve(outer)}${sep}`);
}
