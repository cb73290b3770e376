/**
 * Where a watcher stands: the feed's cursor of an element, and the last reading of it that was delivered, `CURSOR.INDEX`; or
 * a cursor of the feed alone, before which everything was delivered.
 */
import { HrmError } from '../errors.js';
import { MAX_CURSOR_LENGTH } from '../limits.js';

/** A position among readings. */
export interface LiveCursor {
  /** Of the element that the next reading may be in. */
  readonly cursor: string;
  /** Readings of that element up to this one were delivered; -1: none. */
  readonly index: number;
}

const FORM = new RegExp(`^([0-9a-z-]{1,${MAX_CURSOR_LENGTH}})(?:\\.(\\d{1,6}))?$`);

/** @see parseLiveCursor */
export function formatLiveCursor({ cursor, index }: LiveCursor): string {
  return index < 0 ? cursor : `${cursor}.${index}`;
}

/**
 * The inverse of {@link formatLiveCursor}. Whether the position still exists is the feed's to say.
 * @param path - of the fault, in the caller's input.
 * @throws HrmError kind `invalid`, code `invalid_cursor`, for what is no cursor.
 */
export function parseLiveCursor(text: unknown, path: string): LiveCursor {
  const [, cursor, index] = (typeof text === 'string' ? FORM.exec(text) : null) ?? [];
  if (cursor === undefined) {
    const message = 'must be the id of an event, as it was sent';
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_cursor', faults: [{ path, message }] });
  }
  return { cursor, index: index === undefined ? -1 : Number(index) };
}

/** Whether a reading was delivered to whoever stands at `after`. */
export function isDelivered(reading: LiveCursor, after: LiveCursor): boolean {
  return reading.cursor < after.cursor || (reading.cursor === after.cursor && reading.index <= after.index);
}
