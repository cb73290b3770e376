import { type DamageReport, type Health, inWords, isHrmError } from 'hrm-core';
import type { Logger } from 'pino';
import { DAMAGE_MEMORY_MS, MAX_REMEMBERED_DAMAGE, STORAGE_FAILURE_MEMORY_MS } from '../limits.js';
import { describeFile } from '../log/log.js';
import type { Metrics } from '../metrics/index.js';
import type { RequestFields } from '../routes/requests.js';

/** Who hears of damaged files. */
interface Heard {
  readonly log: Logger;
  readonly health: Pick<Health, 'record'>;
  readonly metrics: Pick<Metrics, 'damaged'>;
}

/** Hears of a damaged file; `fields` are the log line's, of the request that met it. */
export type DamageListener = (report: DamageReport, fields?: RequestFields) => void;

/** What /health says. */
const REASONS = {
  skipped: 'a stored file cannot be read, and answers are without it: run hrm verify',
  answered: 'a rollup cannot be read, and answers take longer: run hrm verify --repair',
  refused:
    'so many stored files cannot be read that no more are set aside, and what needs them fails: look at the disk, then run hrm verify --repair',
} as const;

/** Makes a request that failed for the storage a state of health, for a while: the check itself only writes, and may go well. */
export function recordStorageFailure(health: Pick<Health, 'record'>, error: unknown): void {
  if (!isHrmError(error) || error.kind !== 'unavailable' || !error.code.startsWith('storage_')) return;
  const reason = `requests failed within the last minute for the storage (${inWords(error.code)}): look at the disk and the system log`;
  health.record('storage failure', { reason, lastsMs: STORAGE_FAILURE_MEMORY_MS });
}

/** What the log says. */
const TEXTS = {
  quarantined: 'a stored file cannot be read; answers are without it',
  skipped: 'a stored file cannot be read; answers are without it',
  answered: 'a rollup cannot be read; the readings answer instead',
  refused: 'a stored file cannot be read; too many were set aside within an hour, so it stays, and what needs it fails',
} as const;

/** Makes what queries tell of damaged files a warning in the log, once a file, a state of health, and a count. */
export function createDamageListener({ log, health, metrics }: Heard): DamageListener {
  const known = new Set<string>();
  return ({ date, name, code, message, outcome }, fields = {}) => {
    metrics.damaged(outcome);
    // What is in quarantine the check of the storage finds, for as long as it is there.
    if (outcome !== 'quarantined') health.record('damage', { reason: REASONS[outcome], lastsMs: DAMAGE_MEMORY_MS });
    // What could not be moved is met by every question again.
    const key = `${outcome} ${date} ${message}`;
    if (known.has(key)) return;
    if (known.size === MAX_REMEMBERED_DAMAGE) known.clear();
    known.add(key);
    log.warn({ ...fields, ...describeFile({ date, name }), code, outcome }, TEXTS[outcome]);
  };
}
