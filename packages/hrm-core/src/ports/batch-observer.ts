/** Who hears of batches. */
import type { QueuedReadings } from '../pure/reading/queued-readings.js';
import type { Steps } from '../steps.js';

/** Hears what a consumer stored. */
export interface BatchObserver {
  /** The readings of a batch, once they are durable; those that could not be stored are among them, and come again. It must not throw. */
  stored(readings: QueuedReadings): Steps<void>;
}
