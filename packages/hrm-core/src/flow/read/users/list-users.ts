/**
 * The users that have readings, a page at a time. Who there is, the names of directories say, and the user column of shared parts; of the
 * users on the page alone a reading is read.
 */
import { throwIfAborted } from '../../../errors.js';
import { DAY_MS, LISTED_DATES } from '../../../limits.js';
import type { Storage } from '../../../ports/storage.js';
import { parseQuestion } from '../../../pure/answer/question.js';
import type { DevicePriority } from '../../../pure/merge.js';
import { dashedDate, dateStartMs } from '../../../pure/partition.js';
import { parseUsersInput, type UsersInput, type UsersQuestion } from '../../../pure/users-question.js';
import { compareUtf8 } from '../../../pure/utf8.js';
import { readAhead } from '../../files/read-ahead.js';
import { createYielder } from '../../files/yielder.js';
import type { DeviceReading, DevicesOptions } from '../devices.js';
import { type FoundUser, findUsers } from './find-users.js';
import { newestReading } from './newest-reading.js';

/** What `listUsers` works on. */
export interface ListUsersComponents {
  readonly storage: Storage;
}

/** Which users, and how their newest reading is chosen. */
export interface ListUsersInput extends UsersInput {
  /** Only these, as a key may be bound to; `null`, as by default: all. */
  readonly userIds?: readonly string[] | null | undefined;
  /** Decides between devices at the same millisecond; default: the smaller device_id. */
  readonly priority?: DevicePriority | undefined;
}

/** A user that has readings. */
export interface ListedUser {
  readonly userId: string;
  /** The newest reading by its timestamp, as `latest` tells it. */
  readonly latest: DeviceReading & { readonly deviceId: string };
}

/** Some users, and how to go on. */
export interface UsersPage {
  /** By user_id in UTF-8 byte order. May be fewer than `limit`, and none, where there are more pages. */
  readonly users: readonly ListedUser[];
  /** `after` of the next page; `null`: this is the last. */
  readonly next: string | null;
  /**
   * The first UTC date that was looked at, `2024-01-15`; `null`: there is no such date. Whose readings are all before it is not listed. Of a list
   * of certain users it is the date that was asked for, else 1970-01-01: on which dates others have readings is no matter of theirs.
   */
  readonly since: string | null;
}

/**
 * Lists users that have stored readings on the newest dates, or since a date. It looks at the names of all of these dates' partitions for each
 * page, and holds no more than two pages of them. Of certain users it looks at all of their own days. Readings still queued are not in it.
 *
 * Where a file system does not tell `Ana` from `ana`, such users share a directory, and only the one that it is named after is listed.
 * @throws HrmError kind `invalid`, code `invalid_query`; kind `unavailable` when the storage cannot now; kind `closed` when aborted. A damaged
 *   file is no error: see `onDamage`.
 * @example
 * const { users, next } = await listUsers({ storage }, { search: 'an', limit: 20 });
 */
export async function listUsers(
  { storage }: ListUsersComponents,
  { userIds = null, priority = {}, ...input }: ListUsersInput = {},
  options: DevicesOptions = {},
): Promise<UsersPage> {
  const question = parseUsersInput(input);
  const dates = await datesOf(storage, question, options);
  // With certain users the dates of others must not show: neither which there are, nor how many.
  const first = userIds === null ? dates[0] : (question.sinceDate ?? FIRST_DATE);
  const last = dates.at(-1);
  const since = first === undefined ? null : dashedDate(first);
  if (first === undefined || last === undefined) return { users: [], next: null, since };
  const isBehind = (userId: string) => input.after === undefined || compareUtf8(userId, input.after) > 0;
  const isWanted = (userId: string) => isBehind(userId) && question.isWanted(userId);
  // One more than the page has tells whether there is another.
  const most = question.limit + 1;
  const range = { fromDate: first, toDate: last };
  const found =
    userIds === null
      ? await findUsers(storage, { ...range, isWanted, most }, options)
      : givenUsers(userIds.filter(isWanted), last).slice(0, most);
  const page = found.slice(0, question.limit);
  const users: ListedUser[] = [];
  const yielder = createYielder(options);
  async function read({ userId, date }: FoundUser) {
    throwIfAborted(options.signal, 'the query');
    await yielder.yieldTurn();
    const asked = parseQuestion({ userId, start: 0, end: 0, priority }, RULES);
    const whose = { ...asked, fromMs: startOf(first as string), toMs: startOf(date) + DAY_MS };
    return { userId, latest: await newestReading(storage, whose, { ...options, yielder }) };
  }
  for await (const { userId, latest } of readAhead(page, read, storage.readAhead ?? 0)) {
    if (latest !== null) users.push({ userId, latest });
  }
  return { users, next: found.length > page.length ? (page.at(-1)?.userId ?? null) : null, since };
}

/** A page for programs, in the names of the wire. */
export function usersToWire({ users, next, since }: UsersPage) {
  const rows = users.map(({ userId, latest: { deviceId, timestamp, heartRate } }) => {
    return { user_id: userId, latest: { device_id: deviceId, timestamp, heart_rate: heartRate } };
  });
  return { users: rows, count: rows.length, next, since };
}

const FIRST_DATE = '19700101';

const RULES = { naiveTimestamps: 'reject', wireNames: false } as const;

function startOf(date: string): number {
  return dateStartMs(date) as number;
}

/** The dates to look at, ascending, of the calendar. */
async function datesOf(
  storage: Storage,
  { sinceDate }: UsersQuestion,
  options: DevicesOptions,
): Promise<readonly string[]> {
  const { yieldTurn } = createYielder(options);
  const dates = (await storage.dates({ signal: options.signal, yieldTurn })).filter(
    (date) => dateStartMs(date) !== null,
  );
  return sinceDate === null ? dates.slice(-LISTED_DATES) : dates.filter((date) => date >= sinceDate);
}

function givenUsers(userIds: readonly string[], date: string): FoundUser[] {
  return [...new Set(userIds)].sort(compareUtf8).map((userId) => ({ userId, date }));
}
