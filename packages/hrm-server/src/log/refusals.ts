/**
 * Log lines about requests that failed. Anybody may make any number of them, without a key: so some of each kind are logged in
 * a minute, and the others counted.
 * @module
 */
import { codeOf, errorFields } from 'hrm-core';
import type { Logger } from 'pino';
import { MAX_LOGGED_REFUSALS, REFUSAL_WINDOW_MS } from '../limits.js';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** What is known of one kind in the minute that began with its first. */
interface Kind {
  logged: number;
  counted: number;
}

/** By log, and in it by the code of the problem: codes are a bounded set. */
const kindsOf = new WeakMap<Logger, Map<string, Kind>>();

/** Logs that a request failed, or counts it. @param fields - what the line says besides the error. */
export function logRefusal(log: Logger, level: Level, error: unknown, fields: object, message: string): void {
  if (!log.isLevelEnabled(level)) return;
  const kind = kindOf(log, level, codeOf(error));
  if (kind.logged < MAX_LOGGED_REFUSALS) {
    kind.logged += 1;
    log[level]({ ...fields, ...errorFields(error) }, message);
  } else kind.counted += 1;
}

function kindOf(log: Logger, level: Level, code: string): Kind {
  const kinds = kindsOf.get(log) ?? new Map<string, Kind>();
  kindsOf.set(log, kinds);
  const known = kinds.get(code);
  if (known !== undefined) return known;
  const kind = { logged: 0, counted: 0 };
  kinds.set(code, kind);
  setTimeout(() => {
    kinds.delete(code);
    if (kind.counted > 0) log[level]({ code, count: kind.counted }, 'more requests failed like those before');
  }, REFUSAL_WINDOW_MS).unref();
  return kind;
}
