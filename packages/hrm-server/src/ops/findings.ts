/**
 * What the figures of queue and storage mean: the one place that says when somebody should look. Pure.
 * @module
 */
import type { QueueDepth, QueueWarning, Space, StorageCheck } from 'hrm-core';
import { HIGH_WATER_SHARE, LOW_INODES, LOW_SPACE_BYTES, LOW_SPACE_SHARE, MIN_SPACE_BYTES } from '../limits.js';

/** What a finding is about, as /health names it. */
export type CheckName = 'service' | 'queue' | 'storage';

/** Something that is not as it should be. */
export interface Finding {
  readonly check: CheckName;
  /** Stable, snake_case; the same code means that the same thing still holds, though its reason may count further. */
  readonly code: string;
  /** Plain words: no value of a reading, no file, no user. */
  readonly reason: string;
  /** The same without figures, where it has some: for who is not to know how much everybody sends. */
  readonly plainReason?: string;
  /** `unhealthy`: it cannot do its work. `degraded`: it can, but somebody should look. */
  readonly severity: 'degraded' | 'unhealthy';
}

/** Bounds on the figures of a queue. */
export interface QueueBounds {
  /** Readings, queued and claimed, from which on pushes are refused. */
  readonly highWater: number;
  /** How old the oldest reading that can be claimed may be, milliseconds. */
  readonly maxWaitMs: number;
  /** How long claims may wait to be taken over, milliseconds. */
  readonly maxLeftoverMs: number;
}

/** Figures of a queue at one moment. */
export interface QueueFigures extends QueueDepth {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** How long claims have been waiting to be taken over, milliseconds; 0 when none does. */
  readonly leftoverMs: number;
}

/** What a queue's depth says. */
export function depthFindings(figures: QueueFigures, bounds: QueueBounds): Finding[] {
  const { readings, claimedReadings, deadLetters, endedClaims, oldestMs, nowMs, leftoverMs } = figures;
  const findings: Finding[] = [];
  function find(code: string, reason: string, plainReason = reason): void {
    findings.push({ check: 'queue', code, reason, plainReason, severity: 'degraded' });
  }
  if (deadLetters > 0) {
    find(
      'dead_letters',
      `dead letters: ${deadLetters} (see hrm dlq list)`,
      'there are dead letters (see hrm dlq list)',
    );
  }
  // No defect of this process, and nothing that starting it again or taking it out of service would mend: GET answers.
  if (readings + claimedReadings >= bounds.highWater) {
    find('high_water', 'over the high-water mark, no readings are accepted: run more consumers');
  } else if (readings + claimedReadings >= bounds.highWater * HIGH_WATER_SHARE) {
    const percent = Math.floor((100 * (readings + claimedReadings)) / bounds.highWater);
    find(
      'backlog',
      `the queue is at ${percent} % of its high-water mark: run more consumers before it refuses readings`,
      'the queue comes near its high-water mark: run more consumers before it refuses readings',
    );
  }
  if (oldestMs !== null && nowMs - oldestMs > bounds.maxWaitMs) {
    find('overdue', 'the oldest reading waits longer than it should: is a consumer running?');
  }
  if (endedClaims > 0 && leftoverMs > bounds.maxLeftoverMs) {
    find(
      'leftover_claims',
      `claims of dead consumers wait to be taken over: ${endedClaims} (is a consumer running?)`,
      'claims of dead consumers wait to be taken over (is a consumer running?)',
    );
  }
  return findings;
}

/** What the room under a queue or a storage says. */
export function spaceFindings(check: 'queue' | 'storage', space: Space): Finding[] {
  return [...byteFindings(check, space), ...inodeFindings(check, space)];
}

/** A disk with room and without inodes takes no new file, while what is written to old ones goes on. */
function inodeFindings(check: 'queue' | 'storage', { freeInodes, totalInodes }: Space): Finding[] {
  if (freeInodes == null || totalInodes == null) return [];
  if (freeInodes >= Math.min(totalInodes * LOW_SPACE_SHARE, LOW_INODES)) return [];
  const plainReason = 'few inodes are left (df -i), so few files can still be made';
  const reason = `${plainReason}: ${freeInodes} of ${totalInodes}`;
  return [{ check, code: 'low_inodes', reason, plainReason, severity: 'degraded' }];
}

function byteFindings(check: 'queue' | 'storage', { freeBytes, totalBytes }: Space): Finding[] {
  if (freeBytes === null || freeBytes >= lowSpaceBytes(totalBytes)) return [];
  const of = totalBytes === null ? '' : ` of ${inUnits(totalBytes)}`;
  const plainReason = 'little room is left';
  const reason = `${plainReason}: ${inUnits(freeBytes)}${of}`;
  return [{ check, code: 'low_space', reason, plainReason, severity: 'degraded' }];
}

function lowSpaceBytes(totalBytes: number | null): number {
  if (totalBytes === null) return LOW_SPACE_BYTES;
  const low = Math.min(totalBytes * LOW_SPACE_SHARE, LOW_SPACE_BYTES);
  return Math.max(low, Math.min(MIN_SPACE_BYTES, totalBytes / 2));
}

function inUnits(bytes: number): string {
  const mebibytes = bytes / 1024 ** 2;
  return mebibytes < 1024 ? `${mebibytes.toFixed(0)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}

/** What was set aside says that somebody should look, until it is deleted. */
export function quarantineFindings({ quarantinedFiles: files }: Pick<StorageCheck, 'quarantinedFiles'>): Finding[] {
  if (files === 0) return [];
  const reason = `files in quarantine: ${files} (run hrm verify; delete them when that is dealt with)`;
  const plainReason = 'there are files in quarantine (run hrm verify; delete them when that is dealt with)';
  return [{ check: 'storage', code: 'quarantine', reason, plainReason, severity: 'degraded' }];
}

/** What the queue's server is set to that may lose accepted readings. */
export function warningFindings(warnings: readonly QueueWarning[]): Finding[] {
  return warnings.map(({ code, message }) => ({ check: 'queue', code, reason: message, severity: 'degraded' }));
}

/** What a log that cannot be written says. @param fault - why: the system's code, or `blocked`; `null`: it can. */
export function logFindings(fault: string | null): Finding[] {
  if (fault === null) return [];
  const why = fault === 'blocked' ? 'nobody reads it' : fault;
  const reason = `log lines are lost, since the log cannot be written (${why}); nothing else is`;
  return [{ check: 'service', code: 'log_lost', reason, severity: 'degraded' }];
}

/** What keys that cannot be read say. @param fault - the code of the error. */
export function keyFindings(fault: string | null): Finding[] {
  if (fault === null) return [];
  const reason = `the file of API keys cannot be read (${fault.replaceAll('_', ' ')}); those known so far count on`;
  return [{ check: 'service', code: fault, reason, severity: 'degraded' }];
}
