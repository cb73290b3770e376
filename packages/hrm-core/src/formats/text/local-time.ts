import type { FormatContext, LocalTime, NoInstant } from '../file-format.js';
import { asUtcMs, parseInstant } from '../parse-instant.js';

/** The instant of a text, by the offset that it has, or else by the zone that was given; `null` for what is no time. */
export function instantOf(text: string, context: Pick<FormatContext, 'toEpochMs'>): number | NoInstant | null {
  const time = parseInstant(text);
  if (time === null) return null;
  return 'epochMs' in time ? time.epochMs : context.toEpochMs(time.local);
}

/** The instant of a text that has an offset, or of one without it in UTC; `null` for what is no time. */
export function utcInstant(text: unknown): number | null {
  const time = typeof text === 'string' ? parseInstant(text) : null;
  if (time === null) return null;
  return 'epochMs' in time ? time.epochMs : asUtcMs(time.local);
}

/** The instant of a text with an offset; `null` for what has none, or is no time. */
export function offsetInstant(text: unknown): number | null {
  const time = typeof text === 'string' ? parseInstant(text) : null;
  return time !== null && 'epochMs' in time ? time.epochMs : null;
}

/** What a wall clock showed, as if it stood in Greenwich; `null` for what is no time, or has an offset. */
export function wallMsOf(text: unknown): number | null {
  const time = typeof text === 'string' ? parseInstant(text) : null;
  return time !== null && 'local' in time ? asUtcMs(time.local) : null;
}

/**
 * The instant at which a clock of the given zone showed this.
 * @param wallMs - as if it stood in Greenwich.
 * @param series - see {@link FormatContext.toEpochMs}.
 */
export function zonedMs(wallMs: number, context: FormatContext, series?: string): number | NoInstant {
  return context.toEpochMs(localOf(wallMs), series);
}

/** An instant so much later; why there is none stays. */
export function laterBy(startMs: number | NoInstant | null, elapsedMs: number): number | NoInstant | null {
  return typeof startMs === 'number' ? startMs + elapsedMs : startMs;
}

function localOf(wallMs: number): LocalTime {
  const shown = new Date(wallMs);
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth() + 1,
    day: shown.getUTCDate(),
    hour: shown.getUTCHours(),
    minute: shown.getUTCMinutes(),
    second: shown.getUTCSeconds(),
    millisecond: shown.getUTCMilliseconds(),
  };
}
