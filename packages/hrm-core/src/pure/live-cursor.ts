/**
 * Where a watcher stands: the feed's cursor of an element, and the last reading of it that was delivered.
 */

/** What the id of an event looks like. One of another version is a position that nobody knows, and no mistake of whoever sends it. */
export const LIVE_ID = /^[0-9A-Za-z_.-]{1,128}$/;

/** A position among readings. */
export interface LiveCursor {
  /** Of the element that the next reading may be in. */
  readonly cursor: string;
  /** Readings of that element up to this one were delivered; -1: none. */
  readonly index: number;
}

/** Whether a reading was delivered to whoever stands at `after`. */
export function isDelivered(reading: LiveCursor, after: LiveCursor): boolean {
  return reading.cursor < after.cursor || (reading.cursor === after.cursor && reading.index <= after.index);
}
