import * as v from 'valibot';
import { type Fault, faultsError, isHrmError } from '../../errors.js';
import { checkImportOptions, parseReceivedAt, userProblem } from '../files/import-options.js';
import type { UploadRules } from './messages.js';

/** The parameters of an upload, as a query has them. */
export type UploadQuery = Readonly<
  { user_id: string } & Partial<Record<'time_zone' | 'received_at' | 'file_name' | Flag, string>>
>;

/** Those that are true or false. */
type Flag = 'keep_low_confidence' | 'strict' | 'dry_run' | 'skip_invalid';

/** UTF-16 code units of a file's name: file systems take 255 bytes. */
const MAX_FILE_NAME_LENGTH = 255;

/** The name of a file, which is shown, and whose ending may tell what the file is. */
const FileNameSchema = v.pipe(
  v.string(),
  v.minLength(1, 'must not be empty'),
  v.maxLength(MAX_FILE_NAME_LENGTH, `must have at most ${MAX_FILE_NAME_LENGTH} characters`),
  v.regex(/^\P{Cc}+$/u, 'must not contain control characters'),
);

const NO_PAST = 'must be now, or a time that is over, such as 2024-01-15T10:00:00Z';
const NO_ZONE = 'must be a time zone, such as Europe/Madrid, UTC or +02:00';

/** Reads how an upload is to be imported. @throws HrmError kind `invalid`, code `invalid_query`, with every fault. */
export function readUploadRules(
  query: UploadQuery,
): Omit<UploadRules, 'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs' | 'retention'> {
  const { user_id: user, time_zone: timeZone, received_at: receivedAt, file_name: fileName = 'file' } = query;
  const faults: Fault[] = [];
  function checked<Result>(path: string, check: () => Result, problem: string): Result | undefined {
    try {
      return check();
    } catch (error) {
      if (!isHrmError(error)) throw error;
      faults.push({ path, message: problem });
      return undefined;
    }
  }
  function flag(name: Flag): boolean {
    const { [name]: text = 'false' } = query;
    if (text !== 'true' && text !== 'false') faults.push({ path: `/${name}`, message: 'must be true or false' });
    return text === 'true';
  }
  const unfit = userProblem(user);
  if (unfit !== null) faults.push({ path: '/user_id', message: unfit });
  checked('/time_zone', () => checkImportOptions({ user: undefined, timeZone }), NO_ZONE);
  const name = v.safeParse(FileNameSchema, fileName);
  if (!name.success) faults.push({ path: '/file_name', message: name.issues[0].message });
  const rules = {
    ...{ user, timeZone, fileName },
    receivedMs: checked('/received_at', () => parseReceivedAt(receivedAt, 'received_at'), NO_PAST),
    keepLowConfidence: flag('keep_low_confidence'),
    strict: flag('strict'),
    dryRun: flag('dry_run'),
    skipInvalid: flag('skip_invalid'),
  };
  if (faults.length > 0) throw faultsError('invalid_query', faults, { what: 'the query is not valid' });
  return rules;
}
