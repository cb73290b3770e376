/**
 * The watch over queue age and depth, dead letters, room and expired claims, for the log: each health issue once when it
 * begins, and once when it is over.
 * @module
 */
import { type Health, type HealthIssue, pause } from 'hrm-core';
import type { Logger } from 'pino';

/** Inspects every `everyMs` until the signal fires; then resolves. */
export async function monitorHealth(
  health: Pick<Health, 'inspect'>,
  { signal, log, everyMs }: { readonly signal: AbortSignal; readonly log: Logger; readonly everyMs: number },
): Promise<void> {
  let known: ReadonlyMap<string, HealthIssue> = new Map();
  while (!signal.aborted) {
    const issues = await health.inspect();
    // What is found while the drivers are being closed is nobody's business.
    if (signal.aborted) return;
    known = logChanges(known, issues, log);
    await pause(everyMs, signal);
  }
}

function logChanges(
  known: ReadonlyMap<string, HealthIssue>,
  issues: readonly HealthIssue[],
  log: Logger,
): ReadonlyMap<string, HealthIssue> {
  // By code and not by reason: one dead letter more is no change of state.
  const current = new Map(issues.map((issue) => [`${issue.check} ${issue.code} ${issue.severity}`, issue]));
  for (const [key, { check, code, severity, reason }] of current) {
    if (known.has(key)) continue;
    log[severity === 'unhealthy' ? 'error' : 'warn']({ check, code, severity }, `health: ${reason}`);
  }
  for (const [key, { check, code, severity }] of known) {
    if (!current.has(key)) log.info({ check, code, severity }, 'health: this is over');
  }
  return current;
}
