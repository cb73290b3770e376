import type { HealthIssue } from 'hrm-core';

/** What a log that cannot be written says. @param fault - why: the system's code, or `blocked`; `null`: it can. */
export function logIssues(fault: string | null): HealthIssue[] {
  if (fault === null) return [];
  const why = fault === 'blocked' ? 'nobody reads it' : fault;
  const reason = `log lines are lost, since the log cannot be written (${why}); nothing else is`;
  return [{ check: 'service', code: 'log_lost', reason, severity: 'degraded' }];
}

/** What keys that cannot be read say. @param fault - the code of the error. */
export function keyIssues(fault: string | null): HealthIssue[] {
  if (fault === null) return [];
  const reason = `the file of API keys cannot be read (${fault.replaceAll('_', ' ')}); those known so far count on`;
  return [{ check: 'service', code: fault, reason, severity: 'degraded' }];
}
