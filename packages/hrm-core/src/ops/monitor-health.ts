import { pause } from '../waits.js';
import type { Health } from './health.js';
import type { HealthIssue } from './health-issues.js';

/** How often a watch looks, and who hears of it. */
export interface MonitorOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Between two looks. */
  readonly everyMs: number;
  readonly onBegin: (issue: HealthIssue) => void;
  readonly onEnd: (issue: HealthIssue) => void;
}

/**
 * Watches queue age and depth, dead letters, room and expired claims until the signal fires; then resolves. Each health issue is told of once
 * when it begins, and once when it is over.
 */
export async function monitorHealth(
  health: Pick<Health, 'inspect'>,
  { signal, everyMs, onBegin, onEnd }: MonitorOptions,
): Promise<void> {
  let known: ReadonlyMap<string, HealthIssue> = new Map();
  while (!signal.aborted) {
    const issues = await health.inspect();
    // What is found while the drivers are being closed is nobody's business.
    if (signal.aborted) return;
    // By code and not by reason: one dead letter more is no change of state.
    const current = new Map(issues.map((issue) => [`${issue.check} ${issue.code} ${issue.severity}`, issue]));
    for (const [key, issue] of current) if (!known.has(key)) onBegin(issue);
    for (const [key, issue] of known) if (!current.has(key)) onEnd(issue);
    known = current;
    await pause(everyMs, signal);
  }
}
