import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { faultError } from '../../errors.js';
import { COLUMN_ROLES } from '../../formats/file-format.js';
import { createTimeZone } from '../../formats/judge/time-zone.js';
import type { RetentionRecord } from '../../pure/erasure/retention.js';
import { IdSchema } from '../../pure/reading/reading.js';
import type { SpoolOptions } from '../archive/spool.js';
import type { ImportOptions, ImportProgress } from '../import-readings.js';
import type { InputSurroundings } from '../inputs.js';
import type { FinishedFiles } from './finished-files.js';
import type { HealthChunkOptions } from './health-chunks.js';

/** How files are imported. */
export interface ImportFilesOptions
  extends Pick<ImportOptions, 'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs' | 'skipInvalid' | 'onWait' | 'stallMs'>,
    InputSurroundings,
    SpoolOptions {
  /** Whose readings they are, where a file does not say. */
  readonly user?: string | undefined;
  /** Of times that have none in a file; default: such a file is refused. */
  readonly timeZone?: string | undefined;
  /** Keep values that the device does not trust; default false. */
  readonly keepLowConfidence?: boolean | undefined;
  /** The columns of tables by what they are of, where their names do not tell: `{ heart_rate: 'Puls' }`. */
  readonly columns?: HealthChunkOptions['columns'];
  /**
   * When the readings count as received, epoch milliseconds. Default: those of devices' files before everything that was posted, so that importing a file
   * again never undoes a correction; those of CSV, NDJSON and Parquet now.
   */
  readonly receivedMs?: number | 'now' | undefined;
  /** Refuse a file that has damage, or values that are none for another reason than that there was nothing to measure. */
  readonly strict?: boolean | undefined;
  /** Judge everything as an import does, and enqueue nothing. */
  readonly dryRun?: boolean | undefined;
  /** Files that are passed over, and where those that are done are remembered. */
  readonly finished?: FinishedFiles | null | undefined;
  /** How long readings are kept, as it is stored: older ones are dropped, and counted. Default: for ever. */
  readonly retention?: RetentionRecord | null | undefined;
  /** Called very often. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/**
 * Refuses what no file could be imported with.
 * @throws HrmError kind `invalid`, code `invalid_user` or `invalid_time_zone`.
 */
export function checkImportOptions({ user, timeZone }: Pick<ImportFilesOptions, 'user' | 'timeZone'>): void {
  createTimeZone(timeZone);
  const problem = user === undefined ? null : userProblem(user);
  if (problem !== null) throw faultError('invalid_user', `the user ${problem}`, '/user_id');
}

/** What is wrong with a user that is named for an import; `null`: nothing. */
export function userProblem(user: string): string | null {
  return v.safeParse(IdSchema, user).issues?.[0].message ?? (user.trim() === '' ? 'must not be blank' : null);
}

/**
 * What decides which readings an import makes of a file, as a short text. A file that was imported with another one is not done.
 * @param place - where the readings go: the queue's place, or the server's.
 */
export function importFingerprint(
  {
    user,
    timeZone,
    keepLowConfidence = false,
    columns = {},
    receivedMs,
    naiveTimestamps,
    maxFutureMs,
    maxPastMs,
    skipInvalid = false,
    retention = null,
  }: ImportFilesOptions,
  place: string,
): string {
  const sorted = Object.entries(columns).sort(([a], [b]) => (a < b ? -1 : 1));
  const options = [user, timeZone, keepLowConfidence, sorted, receivedMs, skipInvalid];
  const rules = [
    naiveTimestamps,
    maxFutureMs,
    maxPastMs,
    ...(retention === null ? [] : [retention.days, retention.rules]),
  ];
  const text = JSON.stringify([place, options, rules]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/**
 * Reads when readings count as received.
 * @param name - of the option, for the error.
 * @throws HrmError kind `invalid`, code `invalid_received_at`, for what is no time, and for one ahead.
 */
export function parseReceivedAt(text: string | undefined, name: string): number | 'now' | undefined {
  if (text === undefined || text === 'now') return text;
  const ms = /(?:Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (ms >= 0 && ms <= Date.now()) return ms;
  const message = `${name} must be now, or a time that is over, such as 2024-01-15T10:00:00Z`;
  throw faultError('invalid_received_at', message, '/received_at');
}

/**
 * Reads names of columns: `heart_rate=Puls`.
 * @param name - of the option, for the error.
 * @throws HrmError kind `invalid`, code `invalid_column`, for what names no field of a reading.
 */
export function parseColumns(given: readonly string[], name: string): ImportFilesOptions['columns'] {
  if (given.length === 0) return undefined;
  const columns = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf('=');
    const role = text.slice(0, Math.max(0, at));
    if (at < 1 || at === text.length - 1 || !COLUMN_ROLES.some((one) => one === role)) {
      const message = `${name} must be FIELD=NAME, where the field is one of ${COLUMN_ROLES.join(', ')}`;
      throw faultError('invalid_column', message);
    }
    columns.set(role, text.slice(at + 1));
  }
  return Object.fromEntries(columns);
}
