import {
  createHealth as createWatch,
  type Health,
  type HealthIssue,
  type MonitorOptions,
  monitorHealth,
  type QueueHealthSettings,
  type HealthComponents as WatchComponents,
} from 'hrm-core';
import type { LogLosses } from 'hrm-core/process';
import type { Logger } from 'pino';
import { logLosses } from '../log/log.js';

/** What a health check looks at. */
export interface HealthComponents extends Omit<WatchComponents, 'ownIssues'> {
  /** What of the log was lost; by default of this process' own. */
  readonly lossesOfLog?: (() => LogLosses) | undefined;
}

/** Creates the watch of a service, which looks at its log, too. */
export function createHealth(
  { lossesOfLog = logLosses, ...components }: HealthComponents,
  settings: QueueHealthSettings,
): Health {
  return createWatch({ ...components, ownIssues: () => logIssues(lossesOfLog().fault) }, settings);
}

/** What a log that cannot be written says. @param fault - why: the system's code, or `blocked`; `null`: it can. */
function logIssues(fault: string | null): HealthIssue[] {
  if (fault === null) return [];
  const why = fault === 'blocked' ? 'nobody reads it' : fault;
  const reason = `log lines are lost, since the log cannot be written (${why}); nothing else is`;
  return [{ check: 'service', code: 'log_lost', reason, severity: 'degraded' }];
}

/** Logs each health issue once when it begins, and once when it is over, until the signal fires. */
export async function logHealth(
  health: Pick<Health, 'inspect'>,
  { log, ...options }: { readonly log: Logger } & Pick<MonitorOptions, 'signal' | 'everyMs'>,
): Promise<void> {
  await monitorHealth(health, {
    ...options,
    onBegin({ reason, check, code, severity }) {
      log[severity === 'unhealthy' ? 'error' : 'warn']({ check, code, severity }, `health: ${reason}`);
    },
    onEnd: ({ check, code, severity }) => log.info({ check, code, severity }, 'health: this is over'),
  });
}
