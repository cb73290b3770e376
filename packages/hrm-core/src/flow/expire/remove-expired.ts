import { throwIfAborted } from '../../errors.js';
import { MAX_LISTED_PARTITIONS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import { dayOfMs, firstKeptDate } from '../../pure/erasure/retention.js';
import { attestedDay } from '../files/attested-day.js';
import { createYielder } from '../files/yielder.js';

/** What `removeExpired` works on. */
export interface RemoveExpiredComponents {
  readonly storage: Storage;
  /** Tells which days are over; the machine's by default. */
  readonly clock?: Clock | undefined;
}

/** How. */
export interface RemoveExpiredSettings {
  /** The clock is right, whatever else says so; default false. Only a person knows. */
  readonly trustClock?: boolean | undefined;
}

/** What is deleted. */
export interface ExpirySummary {
  /** UTC dates of which something was deleted. */
  readonly dates: number;
  /** Files. */
  readonly files: number;
  /**
   * UTC dates whose days are over by the clock, of which something stays on the disk, since nothing else says that its day has come. None of it
   * is answered.
   */
  readonly held: number;
}

/**
 * Deletes the days that are kept no longer, as the store says how long: whole users' days, and whole dates at once. Nothing is read, and
 * nothing is rewritten. What goes of a file while the rest of it stays, `compact` leaves out.
 *
 * Where only the clock says that a day is over, it stays: see `attestedDay`. Any number of processes may do this at once, and die at any
 * moment.
 *
 * @throws HrmError kind `unavailable` when the storage cannot now, kind `closed` when aborted.
 * @example
 * const { dates, held } = await removeExpired({ storage });
 */
export async function removeExpired(
  { storage, clock = systemClock }: RemoveExpiredComponents,
  { trustClock = false }: RemoveExpiredSettings = {},
  options: CallOptions = {},
): Promise<ExpirySummary> {
  const { retention } = await storage.erasures.current();
  const summary = { dates: 0, files: 0, held: 0 };
  if (retention.isNone) return summary;
  const today = dayOfMs(clock.nowMs());
  const surely = trustClock ? today : await attestedDay(storage, clock, options);
  const { yieldTurn } = createYielder(options);
  const kept = firstKeptDate(today, retention.fewestDays);
  for (const date of await storage.dates(options)) {
    if (date >= kept) break;
    throwIfAborted(options.signal, 'deleting days that are over');
    const shared = { date, directory: SHARED_DIRECTORY };
    const goneOn = retention.goneOn(shared);
    if (goneOn <= surely) {
      summary.files += await storage.discard(date, null, { ...options, yieldTurn });
      summary.dates += 1;
      continue;
    }
    let isHeld = goneOn <= today;
    let isAny = false;
    let some: string[] = [];
    async function discardSome(): Promise<void> {
      if (some.length === 0) return;
      isAny = true;
      summary.files += await storage.discard(date, some, { ...options, yieldTurn });
      some = [];
    }
    const range = { fromDate: date, toDate: date, expired: true };
    for await (const partition of storage.partitions(range, { ...options, yieldTurn })) {
      const own = retention.goneOn(partition);
      if (own <= surely) some.push(partition.directory);
      else isHeld ||= own <= today;
      if (some.length === MAX_LISTED_PARTITIONS) await discardSome();
    }
    await discardSome();
    if (isAny) summary.dates += 1;
    if (isHeld) summary.held += 1;
  }
  return summary;
}
