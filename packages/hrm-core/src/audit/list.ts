/** Looking for events: about whom, by which key, when. */
import { type Fault, faultsError } from '../errors.js';
import { parseInstant } from '../pure/answer/question.js';
import type { Instant } from '../pure/reading/timestamp.js';
import { type AuditEvent, type AuditLinks, isAuditEvent } from './event.js';
import { readAudit, requireLogPath } from './files.js';

/** Which events; all by default. */
export interface AuditSearch {
  /** About this user. An event about everybody is about each. */
  readonly userId?: string | undefined;
  /** With this key, or about it. */
  readonly key?: string | undefined;
  /** From then on, inclusive. */
  readonly from?: Instant | undefined;
  /** Before then, exclusive. */
  readonly to?: Instant | undefined;
}

/**
 * Lists events, in the order of the log.
 * @throws HrmError kind `invalid`, code `invalid_search`, for a time that is none; kind `unavailable`, code `audit_unreadable`.
 */
export async function* listAudit(
  path: string,
  { userId, key, from = 0, to = Number.MAX_SAFE_INTEGER }: AuditSearch = {},
): AsyncGenerator<AuditLinks & AuditEvent, void, undefined> {
  requireLogPath(path);
  const [fromMs, toMs] = [epochMs('from', from), epochMs('to', to)];
  for await (const line of readAudit(path)) {
    if (!isAuditEvent(line)) continue;
    const timeMs = Date.parse(line.time);
    if (timeMs < fromMs || timeMs >= toMs) continue;
    const isAbout = userId === undefined || line.users === null || line.users.includes(userId);
    const isByKey = key === undefined || line.key === key || line.keys?.includes(key) === true;
    if (isAbout && isByKey) yield line;
  }
}

function epochMs(name: string, instant: Instant): number {
  if (instant === Number.MAX_SAFE_INTEGER) return instant;
  const parsed = parseInstant(instant, 'reject');
  if (typeof parsed === 'number') return parsed;
  const faults: readonly Fault[] = [{ path: `/${name}`, message: parsed }];
  throw faultsError('invalid_search', faults);
}
