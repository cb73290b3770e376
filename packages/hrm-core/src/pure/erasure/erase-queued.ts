/**
 * Readings of the queue and the erasures: what was accepted before one is dropped, and what was accepted after it is stored as received
 * in a later minute than the erasure is of. So a stored reading says by itself whether it is erased, whoever stores it and when.
 */
import { MINUTE_MS } from '../../limits.js';
import type { Steps } from '../../steps.js';
import { ROWS_A_STEP } from '../columns.js';
import type { QueuedReadings } from '../reading/queued-readings.js';
import type { Erasure } from './erasure.js';
import { deviceTest, type ErasureRegister, isInRange } from './register.js';

/** What erasures leave of a batch. */
export interface LeftReadings {
  /** Rows that are not erased, ascending. */
  readonly rows: Uint32Array;
  /** When each reading counts as received, epoch ms: of all rows of the batch. */
  readonly receivedMs: Float64Array;
}

/**
 * Finds what erasures leave of a batch.
 * @param stampOf - when a row was accepted, epoch ms.
 * @returns `null` where no user of the batch has an erasure.
 */
export function* eraseQueued(
  readings: QueuedReadings,
  register: ErasureRegister,
  stampOf: (row: number) => number,
): Steps<LeftReadings | null> {
  if (register.all.length === 0) return null;
  const users: (readonly Erasure[])[] = [];
  for (const [u, userId] of readings.users.entries()) {
    if (u % USERS_A_STEP === USERS_A_STEP - 1) yield;
    users.push(register.ofUser(userId));
  }
  if (users.every((some) => some.length === 0)) return null;
  const isDevice = deviceTest(readings.devices);
  const receivedMs = Float64Array.from(readings.receivedMs);
  const rows = new Uint32Array(readings.length);
  let count = 0;
  for (let row = 0; row < readings.length; row += 1) {
    if (row % ROWS_A_STEP === ROWS_A_STEP - 1) yield;
    const erasures = users[readings.user[row] as number] as readonly Erasure[];
    const [ms, device] = [readings.timestampMs[row] as number, readings.device[row] as number];
    let isErased = false;
    for (const erasure of erasures) {
      if (!isInRange(erasure, ms) || !isDevice(erasure, device)) continue;
      if (stampOf(row) <= erasure.until_ms) isErased = true;
      receivedMs[row] = Math.max(receivedMs[row] as number, (erasure.until_minute + 1) * MINUTE_MS);
    }
    if (isErased) continue;
    rows[count] = row;
    count += 1;
  }
  return { rows: rows.subarray(0, count), receivedMs };
}

/** Users whose ids are hashed before others have a turn: a millisecond's work or two. */
const USERS_A_STEP = 512;
