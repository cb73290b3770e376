/** How long readings are kept, as settings say it. */
import * as v from 'valibot';
import { errorCode, HrmError } from './errors.js';
import {
  createRetention,
  createRetentionRecord,
  KEEP_ALL,
  type Retention,
  type RetentionInput,
  RetentionRulesSchema,
} from './pure/erasure/retention.js';
import { readRegularFile } from './regular-file.js';
import type { Settings } from './settings.js';

/** The settings that say it. */
export type RetentionSettings = Partial<Pick<Settings, 'retentionDays' | 'retentionFile'>>;

/**
 * Reads what settings say; `null` where they say nothing, so that what the store says goes on.
 * @throws HrmError kind `invalid`, code `invalid_retention`, where the file of the rules is wrong; kind `unavailable`, code `retention_unreadable`.
 */
export function readRetention({
  retentionDays = 'store',
  retentionFile = '',
}: RetentionSettings): RetentionInput | null {
  if (retentionDays === 'store' && retentionFile === '') return null;
  const days = retentionDays === 'store' || retentionDays === 0 ? null : retentionDays;
  return { days, rules: retentionFile === '' ? [] : readRules(retentionFile) };
}

/** Of hashes that are stored nowhere: so that the same rules are told by the same text. */
const UNSTORED_SALT = '0'.repeat(32);

/** How long readings are kept by settings alone: for ever, where they say nothing. @throws as {@link readRetention}. */
export function retentionOf(settings: RetentionSettings): Retention {
  const input = readRetention(settings);
  return input === null ? KEEP_ALL : createRetention(createRetentionRecord(input, { salt: UNSTORED_SALT, nowMs: 0 }));
}

function readRules(path: string): RetentionInput['rules'] {
  let text: string | null;
  try {
    text = readRegularFile(path)?.text ?? null;
  } catch (cause) {
    throw unreadableError(path, errorCode(cause) === 'ENOENT' ? 'does not exist' : 'cannot be read', cause);
  }
  if (text === null) throw unreadableError(path, 'is no file');
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), RetentionRulesSchema), text);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = issue.path?.map(({ key }) => String(key)).join('/') ?? '';
  // The words of valibot repeat the input, which names people.
  const what = issue.type === 'check' ? issue.message : 'is wrong';
  const message = `the rules in ${path} (HRM_RETENTION_FILE): ${where === '' ? 'the list' : where} ${what}: it must be a JSON list of {"user_id", "device_id", "days"}, days a number from 1 or null`;
  throw new HrmError(message, { kind: 'invalid', code: 'invalid_retention' });
}

function unreadableError(path: string, problem: string, cause?: unknown): HrmError {
  const message = `the rules in ${path} (HRM_RETENTION_FILE): the file ${problem}`;
  return new HrmError(message, { kind: 'unavailable', code: 'retention_unreadable', cause });
}
