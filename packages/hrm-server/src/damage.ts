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

/** Makes what queries tell of damaged files a warning in the log, once a file, and a state of health. */
export function createDamageListener({ log, health }: Heard): OnDamage {
  const known = new Set<string>();
  return ({ date, code, message, outcome }) => {
    const reason =
      outcome === 'quarantined'
        ? 'a damaged file was set aside: look into .quarantine, and run hrm verify'
        : 'a stored file cannot be read, and answers are without it: run hrm verify';
    health.record('damage', { reason, lastsMs: DAMAGE_MEMORY_MS });
    // What could not be moved is met by every question again.
    const key = `${outcome} ${date} ${message}`;
    if (known.has(key)) return;
    if (known.size === MAX_REMEMBERED_DAMAGE) known.clear();
    known.add(key);
    log.warn(
      { ...describeDamage(message), date, code, outcome },
      'a stored file cannot be read; answers are without it',
    );
  };
}
