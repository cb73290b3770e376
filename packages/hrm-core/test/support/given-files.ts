/** Files of pure tests: readings as planning and answering see them, in no storage. */
import { columnsFromReadings, type Reading } from '../../src/pure/columns.js';
import { type DevicePriority, mergeReadings } from '../../src/pure/merge.js';
import { spansOf } from '../../src/pure/rollup/rollup.js';
import { decodeRollup } from '../../src/pure/rollup/rollup-codec.js';
import { encodeRollup, rollUp } from './roll-up.js';

/** A file's readings, and what its rollup was made under; `null`: it has none. */
export interface GivenFile {
  readonly readings: readonly Reading[];
  readonly rolledUpBy: DevicePriority | null;
  /** Whether it is known when in each minute its readings lie. */
  readonly hasSpans?: boolean;
}

/** Every device of a user is a row group. */
export function storeFile(
  readings: readonly Reading[],
  rolledUpBy: DevicePriority | null,
  dayMs: number,
  hasSpans = false,
) {
  const merged = mergeReadings([columnsFromReadings(readings)]);
  const rollup = rolledUpBy === null ? null : rollUp(merged, dayMs, rolledUpBy);
  const groups = new Map<string, Reading[]>();
  for (const one of readings) {
    const key = JSON.stringify([one.userId, one.deviceId]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return {
    rollup: rollup === null ? null : decodeRollup(encodeRollup(rollup)),
    spans: hasSpans && rollup !== null ? spansOf(merged, dayMs) : null,
    groups: [...groups.values()].map((group) => {
      const times = group.map(({ timestampMs }) => timestampMs);
      const { userId, deviceId } = group[0] as Reading;
      const columns = mergeReadings([columnsFromReadings(group)]);
      return { userId, deviceId, fromMs: Math.min(...times), lastMs: Math.max(...times), columns };
    }),
  };
}
