import type { NoInstant } from '../file-format.js';
import type { Gatherer } from './gather.js';
import { toNumber } from './numbers.js';
import type { TableReader } from './table-format.js';

/** Where a table has its values, and of which device they are. */
export interface TimeAndRate {
  readonly deviceId: string;
  readonly timeColumn: number;
  readonly rateColumn: number;
  toMs(text: string): number | NoInstant | null;
}

/** Reads rows that have a time and a heart rate each. A row that is too short was cut. */
export function readTimeAndRate(
  gather: Gatherer,
  { deviceId, timeColumn, rateColumn, toMs }: TimeAndRate,
): TableReader {
  return {
    row(fields) {
      const [time, rate] = [fields[timeColumn], fields[rateColumn]];
      if (time === undefined || rate === undefined) gather.drop('damaged');
      else gather.value(deviceId, toMs(time), toNumber(rate));
    },
  };
}
