/**
 * What is kept no longer goes: whole days from the disk, then what is beside the files: dead letters and quarantine. What goes of files that
 * stay, `compact` leaves out.
 */
import { forgetExpiredLetters, forgetQuarantined } from './flow/erase/forget-aside.js';
import { type ExpirySummary, type RemoveExpiredSettings, removeExpired } from './flow/expire/remove-expired.js';
import { attestedDay } from './flow/files/attested-day.js';
import { sureView } from './flow/files/sure-view.js';
import { type Clock, systemClock } from './ports/clock.js';
import type { CallOptions, Queue } from './ports/queue.js';
import type { Storage } from './ports/storage.js';
import { dayOfMs } from './pure/erasure/retention.js';

/** What `expire` works on. */
export interface ExpireComponents {
  readonly storage: Storage;
  /** Its dead letters go, too. */
  readonly queue?: Pick<Queue, 'deadLetters'> | undefined;
  /** Tells which days are over; the machine's by default. */
  readonly clock?: Clock | undefined;
}

/** What went. */
export interface ExpireSummary extends ExpirySummary {
  /** Dead letters. */
  readonly letters: number;
  /** Files in quarantine. */
  readonly quarantined: number;
}

/**
 * One run: deletes what is kept no longer, as `removeExpired` does, and dead letters and files in quarantine with readings that are.
 * @throws HrmError as `removeExpired`.
 * @example
 * await expire({ storage, queue });
 */
export async function expire(
  { storage, queue, clock = systemClock }: ExpireComponents,
  { trustClock = false }: RemoveExpiredSettings = {},
  options: CallOptions = {},
): Promise<ExpireSummary> {
  const { retention } = await storage.erasures.current();
  if (retention.isNone) return { dates: 0, files: 0, held: 0, letters: 0, quarantined: 0 };
  const summary = await removeExpired({ storage, clock }, { trustClock }, options);
  const surely = trustClock ? dayOfMs(clock.nowMs()) : await attestedDay(storage, clock, options);
  const sure = trustClock ? storage : await sureView(storage, clock, options);
  const quarantined = await forgetQuarantined({ storage: sure }, options, true);
  const letters = queue === undefined ? 0 : await forgetExpiredLetters({ queue }, { retention, surely }, options);
  return { ...summary, letters, quarantined };
}
