import type { QueueWarning } from 'hrm-core';
import type { Logger } from 'pino';
import { MAX_WARNINGS } from './limits.js';

/** What a queue's driver warned of: each kind is logged once, and kept for /health. */
export interface Warnings {
  /** To be given to `openQueue`. */
  readonly onWarning: (warning: QueueWarning) => void;
  /** The latest of each code. */
  current(): Iterable<QueueWarning>;
}

/** Begins to collect. */
export function collectWarnings(log: Logger): Warnings {
  const byCode = new Map<string, QueueWarning>();
  return {
    onWarning(warning) {
      const known = byCode.get(warning.code);
      if (known === undefined && byCode.size === MAX_WARNINGS) return;
      byCode.set(warning.code, warning);
      if (known?.message !== warning.message) log.warn({ code: warning.code }, warning.message);
    },
    current: () => byCode.values(),
  };
}
