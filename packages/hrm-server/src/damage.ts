import type { OnDamage } from 'hrm-core';
import type { Logger } from 'pino';
import type { Health } from './health.js';
import { DAMAGE_MEMORY_MS, MAX_REMEMBERED_DAMAGE } from './limits.js';
import { describeDamage } from './log.js';

/** Who hears of damaged files. */
interface Heard {
  readonly log: Logger;
  readonly health: Pick<Health, 'record'>;
}

/** What /health says. */
const REASONS = {
  skipped: 'a stored file cannot be read, and answers are without it: run hrm verify',
  answered: 'a rollup cannot be read, and answers take longer: run hrm verify --repair',
} as const;

/** Makes what queries tell of damaged files a warning in the log, once a file, and a state of health. */
export function createDamageListener({ log, health }: Heard): OnDamage {
  const known = new Set<string>();
  return ({ date, code, message, outcome }) => {
    // What is in quarantine the check of the storage finds, for as long as it is there.
    if (outcome !== 'quarantined') health.record('damage', { reason: REASONS[outcome], lastsMs: DAMAGE_MEMORY_MS });
    // What could not be moved is met by every question again.
    const key = `${outcome} ${date} ${message}`;
    if (known.has(key)) return;
    if (known.size === MAX_REMEMBERED_DAMAGE) known.clear();
    known.add(key);
    const text =
      outcome === 'answered'
        ? 'a rollup cannot be read; the readings answer instead'
        : 'a stored file cannot be read; answers are without it';
    log.warn({ ...describeDamage(message), date, code, outcome }, text);
  };
}
