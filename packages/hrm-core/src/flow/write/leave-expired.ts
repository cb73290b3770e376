/** Readings whose days were over before they were stored. */
import type { Clock } from '../../ports/clock.js';
import type { Storage } from '../../ports/storage.js';
import { ROWS_A_STEP } from '../../pure/columns.js';
import { dayOfMs, isExpiredAt, type Retention } from '../../pure/erasure/retention.js';
import { type QueuedReadings, readingAt } from '../../pure/reading/queued-readings.js';
import { attestedDay } from '../files/attested-day.js';

/**
 * Finds the readings of a batch that are still kept. Where only the clock says that a day is over, its readings are stored: they are
 * answered as little, and nothing is lost by a clock that is wrong.
 * @returns their rows, ascending; `null`: all are.
 * @throws HrmError kind `unavailable`.
 */
export async function keptRows(
  { storage, clock }: { readonly storage: Pick<Storage, 'erasures' | 'dates'>; readonly clock: Clock },
  readings: QueuedReadings,
  yieldTurn: () => Promise<void>,
): Promise<Uint32Array | null> {
  const { retention, today } = await storage.erasures.current();
  if (retention.isNone || !(await hasExpired(readings, retention, today, yieldTurn))) return null;
  const surely = Math.min(today, await attestedDay(storage, clock));
  const rows = new Uint32Array(readings.length);
  let count = 0;
  for (let row = 0; row < readings.length; row += 1) {
    if (row % ROWS_A_STEP === ROWS_A_STEP - 1) await yieldTurn();
    if (isRowExpired(readings, row, retention, surely)) continue;
    rows[count] = row;
    count += 1;
  }
  return count === readings.length ? null : rows.subarray(0, count);
}

async function hasExpired(
  readings: QueuedReadings,
  retention: Retention,
  today: number,
  yieldTurn: () => Promise<void>,
): Promise<boolean> {
  for (let row = 0; row < readings.length; row += 1) {
    if (row % ROWS_A_STEP === ROWS_A_STEP - 1) await yieldTurn();
    if (isRowExpired(readings, row, retention, today)) return true;
  }
  return false;
}

/** Whether a reading is kept no longer. Of nearly all of them the time alone says that it is. */
export function isRowExpired(readings: QueuedReadings, row: number, retention: Retention, today: number): boolean {
  if (dayOfMs(readings.timestampMs[row] as number) + retention.fewestDays > today) return false;
  return isExpiredAt(retention, readingAt(readings, row), today);
}
