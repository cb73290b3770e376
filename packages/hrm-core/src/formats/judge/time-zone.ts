/** The instants of wall clocks, by the zones that the machine's or the browser's own Intl knows. */
import { faultError } from '../../errors.js';
import { DAY_MS, MAX_FILE_DEVICES } from '../../limits.js';
import { findZone, ZONE_EXAMPLES } from '../../pure/time/time-zone.js';
import type { FormatContext, LocalTime } from '../file-format.js';
import type { FileNote } from './account.js';
import { createFolds, type Folds } from './folds.js';

/** Turns wall clocks' times into instants, and remembers what was odd. */
export interface TimeZone extends Pick<FormatContext, 'toEpochMs'> {
  /** Times that became no instant since no zone was given. */
  missingCount(): number;
  /** Whether it was used, and how often a time was there twice, or never. */
  notes(): readonly FileNote[];
}

/**
 * A zone for one file.
 * @param name - `Europe/Madrid`, `+02:00`, `UTC`; `undefined`: times without a zone are no instants.
 * @throws HrmError kind `invalid`, code `invalid_time_zone`.
 */
export function createTimeZone(name: string | undefined): TimeZone {
  if (name === undefined) return createNoZone();
  const offsetAt = offsetsOf(name);
  const folds = new Map<string, Folds>();
  let [used, twice, never] = [0, 0, 0];
  function foldsOf(series: string): Folds {
    let found = folds.get(series);
    if (found !== undefined) return found;
    // More series than devices that are told apart are dropped anyway.
    if (folds.size >= MAX_FILE_DEVICES) folds.clear();
    found = createFolds();
    folds.set(series, found);
    return found;
  }
  return {
    toEpochMs(local, series = '') {
      used += 1;
      const wallMs = wallMsOf(local);
      const [beforeMs, afterMs] = [offsetAt(wallMs - DAY_MS), offsetAt(wallMs + DAY_MS)];
      const isBefore = beforeMs === afterMs || offsetAt(wallMs - beforeMs) === beforeMs;
      const isAfter = beforeMs !== afterMs && offsetAt(wallMs - afterMs) === afterMs;
      const isSecond = foldsOf(series).isSecond(wallMs, isBefore && isAfter);
      if (isBefore && isAfter) twice += 1;
      if (!isBefore && !isAfter) {
        never += 1;
        return 'no_time';
      }
      return wallMs - (isBefore && !isSecond ? beforeMs : afterMs);
    },
    missingCount: () => 0,
    notes: () =>
      [
        {
          code: 'time_zone_used',
          message: `times without a time zone are taken as of ${name}`,
          count: used,
        },
        {
          code: 'ambiguous_time',
          message: `the clock was set back in ${name}: of the hour that was there twice the first counts, until the times go back`,
          count: twice,
        },
        {
          code: 'skipped_time',
          message: `the clock was set forward in ${name}: there was no such time, and the value has none`,
          count: never,
        },
      ].filter(({ count }) => count > 0),
  };
}

const ZONE_NEEDED =
  'times have no time zone, and none is assumed: say where they were taken, --time-zone Europe/Madrid';

function createNoZone(): TimeZone {
  let missing = 0;
  return {
    toEpochMs() {
      missing += 1;
      return 'no_zone';
    },
    missingCount: () => missing,
    notes: () => (missing === 0 ? [] : [{ code: 'no_zone', message: `some ${ZONE_NEEDED}`, count: missing }]),
  };
}

/** The error of a file of which no time has a zone, where none was given. */
export function timeZoneNeededError() {
  return faultError('time_zone_needed', `its ${ZONE_NEEDED}`);
}

function wallMsOf({ year, month, day, hour, minute, second, millisecond = 0 }: LocalTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
}

/** What a zone's clocks are ahead of UTC by, milliseconds, at an instant. */
function offsetsOf(name: string): (epochMs: number) => number {
  const zone = findZone(name);
  if (zone === null)
    throw faultError('invalid_time_zone', `${JSON.stringify(name)} is no time zone: name one such as ${ZONE_EXAMPLES}`);
  return (epochMs) => zone.spanAt(epochMs).offsetMs;
}
