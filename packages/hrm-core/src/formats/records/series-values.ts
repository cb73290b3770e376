import type { Gatherer } from '../text/gather.js';

/** Milliseconds that a mean may be of to be taken for a reading at its beginning; a longer one is a summary. */
const LONGEST_MEAN_MS = 300_000;

/** A value of an interval. @param untilMs - its end; `null` where it is of one moment. */
export interface IntervalValue {
  readonly deviceId: string;
  readonly userId: string | undefined;
  readonly fromMs: number | null;
  readonly untilMs: number | null;
  readonly rate: number | null;
}

/** Takes a value of a moment or of a short interval for a reading. */
export function gatherInterval(gather: Gatherer, { deviceId, userId, fromMs, untilMs, rate }: IntervalValue): void {
  if (rate !== null && fromMs !== null && untilMs !== null && untilMs - fromMs > LONGEST_MEAN_MS)
    gather.drop('summary');
  else gather.value(deviceId, fromMs, rate, userId);
}
