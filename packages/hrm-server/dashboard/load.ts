/** What the dashboard asks the API for. */
import { call, callJsonIfThere, readWhole } from './api.js';
import type { Interval, Range } from './range.js';
import { type Rows, readRows } from './rows.js';

/** A question about one user. */
export interface RowQuestion {
  readonly userId: string;
  readonly range: Range;
  readonly interval: Interval;
  /** `null`: all devices together. */
  readonly deviceId: string | null;
}

/** Asks for rows. @throws Refusal; an `AbortError` when the signal fires. */
export async function loadRows({ userId, range, interval, deviceId }: RowQuestion, signal: AbortSignal): Promise<Rows> {
  const question = new URLSearchParams({
    user_id: userId,
    start: new Date(range.fromMs).toISOString(),
    end: new Date(range.toMs).toISOString(),
    interval,
  });
  if (deviceId !== null) question.set('device_id', deviceId);
  const response = await call(`metrics/heart-rate?${question}`, { headers: { Accept: 'text/csv' }, signal });
  return await readWhole(readRows(response), signal);
}

/** The last reading of a user. */
export interface Latest {
  readonly device_id: string;
  readonly timestamp: string;
  readonly heart_rate: number;
}

/** Asks for a user's devices; `null` where the server does not tell. @throws as {@link loadRows}. */
export async function loadDevices(userId: string, signal: AbortSignal): Promise<readonly string[] | null> {
  const path = `users/${encodeURIComponent(userId)}/devices`;
  const answer = await callJsonIfThere<{ devices: readonly { device_id: string }[] }>(path, { signal });
  return answer?.devices.map(({ device_id: id }) => id) ?? null;
}

/** Asks for a user's last reading; `null` where there is none, or the server does not tell. @throws as {@link loadRows}. */
export async function loadLatest(userId: string, signal: AbortSignal): Promise<Latest | null> {
  const path = `users/${encodeURIComponent(userId)}/latest`;
  return (await callJsonIfThere<{ latest: Latest | null }>(path, { signal }))?.latest ?? null;
}
