/**
 * The clocks that the page goes by: the browser's, until those of another time zone are taken. What a day of a zone is, the API's own rules
 * say.
 */
import { dayAt, findZone, firstAt, INTERVAL_MS, offsetText, shownOffsetMs, UTC, type Zone } from 'hrm-core/client';
import { locale } from './texts/texts.js';

const DAY_MS = INTERVAL_MS['1d'];

/** The browser's time zone: `Europe/Madrid`. */
export const browserZone: string = new Intl.DateTimeFormat().resolvedOptions().timeZone;

let zone: Zone = findZone(browserZone) ?? UTC;

/** The zone whose clocks are shown: `Europe/Madrid`. */
export function timeZone(): string {
  return zone.name;
}

/** Goes by the clocks of a zone; without one, and of one that this browser does not know, by its own. @returns whether they are others now. */
export function takeZone(name: string | undefined): boolean {
  const before = zone.name;
  zone = findZone(name !== undefined && isKnown(name) ? name : browserZone) ?? UTC;
  return zone.name !== before;
}

function isKnown(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch {
    return false;
  }
}

/** What the clocks show at a moment, in the UTC members of a date. */
export function clockAt(atMs: number): Date {
  return new Date(atMs + zone.spanAt(atMs).offsetMs);
}

/** The date that a moment is of, in the UTC members of a date: that of the day which it lies in. */
export function dateAt(atMs: number): Date {
  return new Date(dayAt(zone, atMs) * DAY_MS);
}

/** When the clocks show a time for the first time. @param clockMs - as {@link clockAt} has it. */
export function momentOf(clockMs: number): number {
  return firstAt(zone, clockMs);
}

/** What `datetime-local` shows for a moment. */
export function toLocalInput(atMs: number): string {
  return clockAt(atMs).toISOString().slice(0, 16);
}

/** The moment that a text names: by its offset, or by these clocks where it has none; NaN: none. */
export function readMoment(text: string): number {
  if (/(?:Z|[+-]\d\d:?\d\d)$/i.test(text)) return Date.parse(text);
  const clockMs = Date.parse(`${text.includes('T') ? text : `${text}T00:00`}Z`);
  return Number.isNaN(clockMs) ? clockMs : momentOf(clockMs);
}

/** The date of a moment, as the API names days: `2024-01-15`. */
export function toDate(atMs: number): string {
  return dateAt(atMs).toISOString().slice(0, 10);
}

/** A moment with the offset that the clocks have then: the hour that comes twice in autumn is named twice differently. */
export function toOffsetText(atMs: number): string {
  const text = `${toLocalInput(atMs)}${offsetText(shownOffsetMs(zone.spanAt(atMs).offsetMs))}`;
  // Clocks of long ago were not set by whole minutes.
  return Date.parse(text) === atMs ? text : new Date(atMs).toISOString();
}

/** What writes moments by these clocks, whichever they are when it is asked. */
export function createFormat(options: Intl.DateTimeFormatOptions): () => Intl.DateTimeFormat {
  let name = '';
  let format: Intl.DateTimeFormat;
  return () => {
    if (name !== zone.name) format = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone.name });
    name = zone.name;
    return format;
  };
}

const OFFSET = createFormat({ timeZoneName: 'shortOffset' });

/** The zone with what it is ahead of UTC at a moment: `Europe/Madrid, GMT+1`. */
export function zoneName(atMs: number): string {
  if (zone.name === 'UTC') return zone.name;
  const parts = OFFSET().formatToParts(atMs);
  return `${zone.name}, ${parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''}`;
}
