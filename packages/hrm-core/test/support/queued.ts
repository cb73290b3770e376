/** Readings of a queue's elements, one by one. */
import type { Reading } from '../../src/pure/columns.js';
import { type QueuedReadings, readingAt } from '../../src/pure/reading/queued-readings.js';

/** Each as an object, in order. */
export function listOf(readings: QueuedReadings): Reading[] {
  return Array.from({ length: readings.length }, (_, row) => readingAt(readings, row));
}
