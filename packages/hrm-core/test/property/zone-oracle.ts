/** The intervals of time zones, stated apart from the code under test: by the Temporal API alone, one instant at a time. */
import { Temporal } from 'temporal-polyfill';

const MINUTES: Record<string, number> = { '1m': 1, '5m': 5, '15m': 15, '1h': 60 };

/** Where the interval begins that an instant is in. */
export function zonedStart(epochMs: number, interval: string, timeZone: string): number {
  const at = Temporal.Instant.fromEpochMilliseconds(epochMs).toZonedDateTimeISO(timeZone);
  const minutes = MINUTES[interval];
  if (minutes === undefined) {
    // While the clocks show the day before again, the next one has begun.
    for (let date = at.toPlainDate().add({ days: 2 }); ; date = date.subtract({ days: 1 })) {
      const first = firstDate(date, interval);
      if (startOf(date, timeZone) <= epochMs) return startOf(first, timeZone);
    }
  }
  const clock = at.hour * 3_600_000 + at.minute * 60_000 + at.second * 1_000 + at.millisecond;
  return changeWithin(epochMs - (clock % (minutes * 60_000)), epochMs, timeZone, 'last');
}

/** Where it ends. */
export function zonedEnd(startMs: number, interval: string, timeZone: string): number {
  const at = Temporal.Instant.fromEpochMilliseconds(startMs).toZonedDateTimeISO(timeZone);
  const minutes = MINUTES[interval];
  if (minutes === undefined) {
    const step = interval === '1mo' ? { months: 1 } : interval === '1w' ? { weeks: 1 } : { days: 1 };
    for (let date = firstDate(at.toPlainDate(), interval).add(step); ; date = date.add(step)) {
      if (startOf(date, timeZone) > startMs) return startOf(date, timeZone);
    }
  }
  const clock = at.hour * 3_600_000 + at.minute * 60_000 + at.second * 1_000;
  const endMs = startMs + minutes * 60_000 - (clock % (minutes * 60_000));
  return changeWithin(endMs, startMs, timeZone, 'first');
}

/** The change of the clocks that is next to an instant, within an hour of it and not beyond an edge; the edge where there is none. */
function changeWithin(edgeMs: number, epochMs: number, timeZone: string, which: 'first' | 'last'): number {
  const offset = (ms: number) =>
    Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).offsetNanoseconds;
  const isAfter = which === 'first';
  let [same, other] = [epochMs, isAfter ? edgeMs - 1 : edgeMs];
  if (same === other || offset(same) === offset(other)) return edgeMs;
  while (Math.abs(other - same) > 1) {
    const middle = Math.floor((same + other) / 2);
    if (offset(middle) === offset(epochMs)) same = middle;
    else other = middle;
  }
  return isAfter ? other : same;
}

/** An instant as rows show it: with the offset in whole minutes. */
export function zonedText(epochMs: number, timeZone: string): string {
  const instant = Temporal.Instant.fromEpochMilliseconds(epochMs);
  const offset = Math.round(instant.toZonedDateTimeISO(timeZone).offsetNanoseconds / 6e10);
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  const text = `${offset < 0 ? '-' : '+'}${`${hours}`.padStart(2, '0')}:${`${minutes}`.padStart(2, '0')}`;
  return instant.toString({ timeZone: text, smallestUnit: 'second' });
}

function firstDate(date: Temporal.PlainDate, interval: string): Temporal.PlainDate {
  if (interval === '1mo') return date.with({ day: 1 });
  return interval === '1w' ? date.subtract({ days: date.dayOfWeek - 1 }) : date;
}

function startOf(date: Temporal.PlainDate, timeZone: string): number {
  return date.toZonedDateTime(timeZone).epochMilliseconds;
}
