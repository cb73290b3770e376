/** What the dashboard asks the API for. */
import { type FixedInterval, isHrmError, type Latest, type Resolve, type Row } from 'hrm-core/client';
import { openClient } from './api.js';
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
  const question = { userId, start, end, interval };
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

/** Asks for a user's last reading; `null` where there is none, or it cannot be asked for. @throws as {@link loadRows}. */
export async function loadLatest(userId: string, signal: AbortSignal): Promise<Latest['latest']> {
  return (await askAbout(() => openClient().latest(userId, { signal })))?.latest ?? null;
}

/** `null` about the users `.` and `..`: they have rows, and no path of their own. */
async function askAbout<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (isHrmError(error) && error.code === 'invalid_query') return null;
    throw error;
  }
}
