/** When rows begin and end, as texts: of UTC `2024-01-15T10:00:00Z`, of a time zone `2024-01-15T10:00:00-03:00`. */
import { DAY_MS, MINUTE_MS } from '../../limits.js';
import { formatTimestamp } from '../reading/timestamp.js';
import { offsetText, shownOffsetMs, UTC, type Zone } from '../time/time-zone.js';

/** What a clock shows. */
interface Shown {
  /** `2024-01-15T`. */
  date: string;
  /** Milliseconds of the day. */
  clockMs: number;
  /** `Z`, or `-03:00`. */
  offset: string;
}

/**
 * Reads a zone's clock. Nearly every instant is of the date and the offset of the one before.
 * @returns what always gives the same object, with what it shows then.
 */
export function createClock(zone: Zone | null): (epochMs: number) => Readonly<Shown> {
  const shown: Shown = { date: '', clockMs: 0, offset: 'Z' };
  let span = UTC.spanAt(0);
  let aheadMs = 0;
  let dayMs = Number.NaN;
  function setTo(epochMs: number, of: Zone): void {
    span = of.spanAt(epochMs);
    aheadMs = shownOffsetMs(span.offsetMs);
    shown.offset = offsetText(aheadMs);
  }
  if (zone !== null) setTo(0, zone);
  return (epochMs) => {
    if (zone !== null && (epochMs < span.fromMs || epochMs >= span.untilMs)) setTo(epochMs, zone);
    const localMs = epochMs + aheadMs;
    const startMs = Math.floor(localMs / DAY_MS) * DAY_MS;
    if (startMs !== dayMs) {
      dayMs = startMs;
      shown.date = formatTimestamp(dayMs).slice(0, 11);
    }
    shown.clockMs = localMs - startMs;
    return shown;
  };
}

/** Formats the starts and ends of rows. @param zone - `null`: UTC. */
export function instantFormatter(zone: Zone | null): (epochMs: number) => string {
  const read = createClock(zone);
  return (epochMs) => {
    const { date, clockMs, offset } = read(epochMs);
    return date + clockText(clockMs) + offset;
  };
}

/** `10:07:00`. */
export function clockText(clockMs: number): string {
  if (clockMs % MINUTE_MS === 0) return MINUTE_TEXTS[clockMs / MINUTE_MS] as string;
  return formatTimestamp(clockMs).slice(11, 19);
}

/** `00:00:00` to `23:59:00`. */
const MINUTE_TEXTS = Array.from({ length: DAY_MS / MINUTE_MS }, (_, minute) =>
  formatTimestamp(minute * MINUTE_MS).slice(11, 19),
);
