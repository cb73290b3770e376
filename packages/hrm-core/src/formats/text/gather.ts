import type { NoInstant } from '../file-format.js';
import { createPieceGatherer, type PieceGatherer } from '../gather-pieces.js';

/** Gathers values as the fields of a file are. */
export interface Gatherer extends Omit<PieceGatherer, 'add'> {
  /**
   * A value of a device.
   * @param timeMs - epoch milliseconds; `null` where there is no time, or why there is none, which is counted.
   * @param heartRate - `null` where there is none, NaN where it is no number; either is counted.
   * @param userId - where the file itself says whose it is.
   */
  value(deviceId: string, timeMs: number | NoInstant | null, heartRate: number | null, userId?: string): void;
}

/** Begins to gather. */
export function createGatherer(): Gatherer {
  const { add, ...gather } = createPieceGatherer();
  return {
    ...gather,
    value(deviceId, timeMs, heartRate, userId) {
      if (heartRate === null) gather.drop('absent');
      else if (!Number.isFinite(heartRate)) gather.drop('damaged');
      else if (typeof timeMs === 'string') gather.drop(timeMs);
      else if (timeMs === null || !Number.isFinite(timeMs)) gather.drop('no_time');
      else add(deviceId, timeMs, heartRate, userId);
    },
  };
}
