import { type DamageReport, fileFields, type Health, recordDamage } from 'hrm-core';
import type { Logger } from 'pino';
import { MAX_REMEMBERED_DAMAGE } from '../limits.js';
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
    recordDamage(health, { outcome });
    // What could not be moved is met by every question again.
    const key = `${outcome} ${date} ${message}`;
    if (known.has(key)) return;
    if (known.size === MAX_REMEMBERED_DAMAGE) known.clear();
    known.add(key);
    log.warn({ ...fields, ...fileFields({ date, name }), code, outcome }, TEXTS[outcome]);
  };
}
