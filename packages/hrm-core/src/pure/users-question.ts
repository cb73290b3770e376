/** Which users a caller may ask for, before anything is listed. */
import * as v from 'valibot';
import { type Fault, faultsError } from '../errors.js';
import { LISTED_USERS, MAX_LISTED_USERS } from '../limits.js';
import { dateStartMs } from './partition.js';
import { IdSchema } from './reading/reading.js';

/** A page of the list of users. */
export interface UsersInput {
  /** Only users whose id has this text in it, in capitals or not; 1 to 128 UTF-16 code units. */
  readonly search?: string | undefined;
  /** Only users behind this id, exclusive: `next` of the page before. */
  readonly after?: string | undefined;
  /** Users of a page, 1 to 1,000, also as text; default 100. */
  readonly limit?: number | string | undefined;
  /** The first UTC date to look at, `2024-01-15`; default: the newest 31 dates that have something. */
  readonly since?: string | undefined;
}

/** The same, understood. */
export interface UsersQuestion {
  isWanted(userId: string): boolean;
  readonly limit: number;
  /** `YYYYMMDD`, inclusive; `null`: the newest dates. */
  readonly sinceDate: string | null;
}

/** @throws HrmError kind `invalid`, code `invalid_query`, with every fault. */
export function parseUsersInput({ search, after, limit = LISTED_USERS, since }: UsersInput): UsersQuestion {
  const faults: Fault[] = [];
  for (const [name, value] of Object.entries({ search, after })) {
    const result = v.safeParse(v.optional(IdSchema), value);
    if (!result.success) faults.push({ path: `/${name}`, message: result.issues[0].message });
  }
  const most = /^[1-9]\d{0,3}$/.test(String(limit)) ? Number(limit) : 0;
  if (most < 1 || most > MAX_LISTED_USERS)
    faults.push({ path: '/limit', message: `must be a whole number from 1 to ${MAX_LISTED_USERS}` });
  const sinceDate = since === undefined ? null : dateOf(since);
  if (since !== undefined && sinceDate === null)
    faults.push({ path: '/since', message: 'must be a UTC date like 2024-01-15, from 1970 on' });
  if (faults.length > 0) throw faultsError('invalid_query', faults, { what: 'the query is not valid' });
  const part = search?.toLowerCase();
  return {
    isWanted: (userId) => part === undefined || userId.toLowerCase().includes(part),
    limit: most,
    sinceDate,
  };
}

function dateOf(text: unknown): string | null {
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(text)) return null;
  const date = text.replaceAll('-', '');
  return dateStartMs(date) === null ? null : date;
}
