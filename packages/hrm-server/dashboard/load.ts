/** What the dashboard asks the API for. */
import { type DayFigures, type FixedInterval, isHrmError, type Latest, type Resolve, type Row } from 'hrm-core/client';
import { openClient } from './api.js';
import { timeZone, toDate } from './clocks.js';
import type { Range } from './range.js';
import { collectRows, type Rows } from './rows.js';

/** A question about one user. */
export interface RowQuestion {
  readonly userId: string;
  readonly range: Range;
  readonly interval: FixedInterval;
  /** `null`: all devices together. */
  readonly deviceId: string | null;
  /** Which devices count, where several were worn. */
  readonly resolve?: Resolve | undefined;
}

/** Asks for rows. @throws HrmError as the client's calls; kind `closed` when the signal fires. */
export async function loadRows(
  { userId, range, interval, deviceId, resolve }: RowQuestion,
  signal: AbortSignal,
): Promise<Rows> {
  const { fromMs: start, toMs: end } = range;
  // Rows of a day are the person's own days; shorter ones are the same in every zone, or said to be UTC's.
  const question = { userId, start, end, interval, ...(interval === '1d' && { timeZone: timeZone() }) };
  if (deviceId === null) return await collectRows(openClient().query({ ...question, resolve }, { signal }));
  // Which device a row has is known then.
  const fields = ['heartRate', 'min', 'max', 'count'] as const;
  const rows = openClient().query({ ...question, deviceId, fields }, { signal });
  return await collectRows(withDevices(rows, [deviceId]));
}

async function* withDevices(rows: AsyncIterable<Omit<Row, 'deviceIds'>>, deviceIds: readonly string[]) {
  for await (const row of rows) yield { ...row, deviceIds };
}

/** Asks for a user's devices; `null` where that cannot be asked. @throws as {@link loadRows}. */
export async function loadDevices(userId: string, signal: AbortSignal): Promise<readonly string[] | null> {
  const devices = await askAbout(() => openClient().devices(userId, { signal }));
  return devices?.map(({ deviceId }) => deviceId) ?? null;
}

/**
 * Asks for the figures of a user's days by the clocks that are shown, ascending; `null` where they cannot be asked for.
 * @param range - of whole days. @throws as {@link loadRows}.
 */
export async function loadDays(
  { userId, range: { fromMs, toMs }, resolve }: Pick<RowQuestion, 'userId' | 'range' | 'resolve'>,
  maxHeartRate: number | undefined,
  signal: AbortSignal,
): Promise<readonly DayFigures[] | null> {
  // The API knows no day before that.
  const [start = '', end = ''] = [fromMs, toMs].map((atMs) => toDate(Math.max(0, atMs)));
  const question = { userId, start, end, timeZone: timeZone(), maxHeartRate, resolve };
  return await askAbout(() => openClient().daily(question, { signal }));
}

/** Asks for a user's last reading; `null` where there is none, or it cannot be asked for. @throws as {@link loadRows}. */
export async function loadLatest(userId: string, signal: AbortSignal): Promise<Latest['latest']> {
  return (await askAbout(() => openClient().latest(userId, { signal })))?.latest ?? null;
}

/** The last of the questions about a user, answered or not. */
let asked: Promise<unknown> = Promise.resolve();

/**
 * Asks about a user, one question after the other: of those that it has to look for long, the server answers a client one at a time, and
 * refuses the others. `null` about the users `.` and `..`: they have rows, and no path of their own.
 */
async function askAbout<T>(ask: () => Promise<T>): Promise<T | null> {
  const answer = asked.then(ask);
  asked = answer.catch(() => undefined);
  try {
    return await answer;
  } catch (error) {
    if (isHrmError(error) && error.code === 'invalid_query') return null;
    throw error;
  }
}
