/**
 * What the figures of queue and storage mean: the one place that says when somebody should look, for /health, `hrm health` and
 * `hrm doctor` alike.
 * @module
 */
import { HIGH_WATER_SHARE, MAX_EXPIRED_CLAIMS_MS } from '../limits.js';
import type { QueueDepth, QueueWarning } from '../ports/queue.js';
import type { Space } from '../ports/space.js';
import type { StorageCheck } from '../ports/storage.js';
import { bytesText } from '../words.js';
import { isOverdue, type WaitSettings } from './overdue.js';
import { type Room, spaceState } from './space-state.js';

/** How a service is, the best first. `unhealthy`: it cannot do its work. `degraded`: it can, but somebody should look. */
export const HEALTH_STATUSES = ['healthy', 'degraded', 'unhealthy'] as const;

/** One of {@link HEALTH_STATUSES}. */
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

/** Something that is not as it should be. */
export interface HealthIssue {
  /** What it is about, as /health names it. */
  readonly check: 'service' | 'queue' | 'storage';
  /** Stable, snake_case; the same code means that the same thing still holds, though its reason may count further. */
  readonly code: string;
  /** Plain words: no value of a reading, no file, no user. */
  readonly reason: string;
  /** The same without figures, where it has some: for who is not to know how much everybody sends. */
  readonly plainReason?: string;
  readonly severity: Exclude<HealthStatus, 'healthy'>;
}

/** How a service is: as bad as the worst that was found. */
export function statusOfIssues(issues: readonly Pick<HealthIssue, 'severity'>[]): HealthStatus {
  const severities = issues.map(({ severity }) => severity);
  return (['unhealthy', 'degraded'] as const).find((one) => severities.includes(one)) ?? 'healthy';
}

/** The settings that a queue's depth is judged by. */
export interface QueueHealthSettings extends WaitSettings {
  /** Readings, queued and claimed, from which on pushes are refused; without it there is no bound. */
  readonly queueHighWater?: number | undefined;
}

/** Figures of a queue at one moment. */
export interface QueueFigures extends QueueDepth {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** How long claims have been waiting to be taken over, milliseconds; 0 when none does. */
  readonly expiredClaimsMs: number;
}

/** What a queue's depth says. */
export function depthIssues(figures: QueueFigures, settings: QueueHealthSettings): HealthIssue[] {
  const { queueHighWater: highWater = Number.POSITIVE_INFINITY } = settings;
  const { readings, claimedReadings, deadLetters, endedClaims, oldestMs, nowMs, expiredClaimsMs } = figures;
  const issues: HealthIssue[] = [];
  function find(code: string, reason: string, plainReason = reason): void {
    issues.push({ check: 'queue', code, reason, plainReason, severity: 'degraded' });
  }
  if (deadLetters !== null && deadLetters > 0) {
    find(
      'dead_letters',
      `dead letters: ${deadLetters} (see hrm dlq list)`,
      'there are dead letters (see hrm dlq list)',
    );
  }
  // No defect of this process, and nothing that starting it again or taking it out of service would mend: GET answers.
  if (readings + claimedReadings >= highWater) {
    find('high_water', 'over the high-water mark, no readings are accepted: run more consumers');
  } else if (readings + claimedReadings >= highWater * HIGH_WATER_SHARE) {
    const percent = Math.floor((100 * (readings + claimedReadings)) / highWater);
    find(
      'backlog',
      `the queue is at ${percent} % of its high-water mark: run more consumers before it refuses readings`,
      'the queue comes near its high-water mark: run more consumers before it refuses readings',
    );
  }
  if (isOverdue(oldestMs, nowMs, settings)) {
    find('overdue', 'the oldest reading waits longer than it should: is a consumer running?');
  }
  if (endedClaims > 0 && expiredClaimsMs > MAX_EXPIRED_CLAIMS_MS) {
    find(
      'expired_claims',
      `claims of dead consumers wait to be taken over: ${endedClaims} (is a consumer running?)`,
      'claims of dead consumers wait to be taken over (is a consumer running?)',
    );
  }
  return issues;
}

/** What the room under a queue or a storage says. */
export function spaceIssues(check: 'queue' | 'storage', space: Space): HealthIssue[] {
  return [...byteIssues(check, space), ...inodeIssues(check, space)];
}

/** A disk with room and without inodes takes no new file, while what is written to old ones goes on. */
function inodeIssues(check: 'queue' | 'storage', { freeInodes, totalInodes }: Space): HealthIssue[] {
  if (!isLow(spaceState({ freeBytes: null, totalBytes: null, freeInodes, totalInodes }).inodes)) return [];
  const plainReason = 'few inodes are left (df -i), so few files can still be made';
  const reason = `${plainReason}: ${freeInodes} of ${totalInodes}`;
  return [{ check, code: 'low_inodes', reason, plainReason, severity: 'degraded' }];
}

function byteIssues(check: 'queue' | 'storage', { freeBytes, totalBytes }: Space): HealthIssue[] {
  if (freeBytes === null || !isLow(spaceState({ freeBytes, totalBytes }).bytes)) return [];
  const of = totalBytes === null ? '' : ` of ${bytesText(totalBytes)}`;
  const plainReason = 'little room is left';
  const reason = `${plainReason}: ${bytesText(freeBytes)}${of}`;
  return [{ check, code: 'low_space', reason, plainReason, severity: 'degraded' }];
}

function isLow(room: Room): boolean {
  return room === 'low' || room === 'none';
}

/** What was set aside says that somebody should look, until it is deleted. */
export function quarantineIssues({ quarantinedFiles: files }: Pick<StorageCheck, 'quarantinedFiles'>): HealthIssue[] {
  if (files === 0) return [];
  const reason = `files in quarantine: ${files} (run hrm verify; delete them when that is dealt with)`;
  const plainReason = 'there are files in quarantine (run hrm verify; delete them when that is dealt with)';
  return [{ check: 'storage', code: 'quarantine', reason, plainReason, severity: 'degraded' }];
}

/** What the queue's server is set to that may lose accepted readings. */
export function warningIssues(warnings: readonly QueueWarning[]): HealthIssue[] {
  return warnings.map(({ code, message, advice }) => ({
    check: 'queue',
    code,
    reason: `${message}: ${advice}`,
    severity: 'degraded',
  }));
}

/** What keys say that cannot be read, or that end soon. @param fault - the code of the error. @param ending - how many. */
export function keyIssues(fault: string | null, ending: number): HealthIssue[] {
  if (fault === null) return ending === 0 ? [] : [endingIssue(ending)];
  const reason =
    fault === 'issuer_unreachable'
      ? 'the issuer of HRM_OIDC_ISSUER cannot be asked for its keys; those known so far count on for a day'
      : `the file of API keys cannot be read (${fault.replaceAll('_', ' ')}); those known so far count on`;
  return [{ check: 'service', code: fault, reason, severity: 'degraded' }];
}

function endingIssue(ending: number): HealthIssue {
  const plainReason = 'API keys end soon (hrm keys list shows which; hrm keys rotate makes their successors)';
  return {
    check: 'service',
    code: 'keys_ending',
    reason: `${plainReason}: ${ending}`,
    plainReason,
    severity: 'degraded',
  };
}

/** What an audit log that cannot be written says, or has lost. @param state - `null`: there is none. */
export function auditIssues(state: { readonly lost: number; readonly fault: string | null } | null): HealthIssue[] {
  if (state === null || (state.fault === null && state.lost === 0)) return [];
  const { lost, fault } = state;
  const why = fault === null ? 'could not be written for a while' : `cannot be written (${fault})`;
  const plainReason = `the audit log ${why}${lost > 0 ? ', and events were lost' : ''}`;
  const reason = lost > 0 ? `${plainReason}: ${lost}` : plainReason;
  return [{ check: 'service', code: 'audit_failing', reason, plainReason, severity: 'degraded' }];
}
