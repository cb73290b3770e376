import type { Gatherer } from '../text/gather.js';
import { quantityFactor } from '../text/heart-rate-unit.js';
import { member, textOf } from '../text/json-format.js';
import { toNumber } from '../text/numbers.js';

/** Whose series it is, and when it begins. */
export interface SeriesSetting {
  readonly deviceId: string;
  readonly userId: string | undefined;
  readonly fromMs: number | null;
}

/** Units of R5's interval, UCUM. */
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['min', 60_000],
  ['h', 3_600_000],
]);

/**
 * Reads a series: values at one interval, of R4 in milliseconds, of R5 in a unit, or at offsets of their own.
 * @see HL7 FHIR SampledData: `E` is a gap, `L` is below what the device measures, `U` above
 */
export function readSampledData(series: unknown, { deviceId, userId, fromMs }: SeriesSetting, gather: Gatherer): void {
  const values = tokens(member(series, 'data'));
  const origin = member(series, 'origin');
  const scale = quantityFactor(origin);
  if (scale === null || (toNumber(member(series, 'dimensions')) ?? 1) !== 1) {
    gather.drop('damaged', values.length);
    gather.note('unknown_unit', 'a series has a unit that is not known, or several values at a time: it is not taken');
    return;
  }
  const zero = toNumber(member(origin, 'value')) ?? 0;
  const factor = toNumber(member(series, 'factor')) ?? 1;
  const timeAt = timesOf(series, fromMs);
  values.forEach((token, i) => {
    if (token === 'E') gather.drop('absent');
    else if (token === 'L') gather.drop('too_low');
    else if (token === 'U') gather.drop('too_high');
    else gather.value(deviceId, timeAt(i), ((toNumber(token) ?? Number.NaN) * factor + zero) * scale, userId);
  });
}

function timesOf(series: unknown, fromMs: number | null): (index: number) => number | null {
  const unitMs = UNIT_MS.get(textOf(member(series, 'intervalUnit')) ?? '') ?? null;
  const offsets = tokens(member(series, 'offsets'));
  if (fromMs === null) return () => null;
  if (offsets.length > 0)
    return (index) => {
      const offset = toNumber(offsets[index]);
      return offset === null || unitMs === null ? null : fromMs + offset * unitMs;
    };
  const interval = toNumber(member(series, 'interval'));
  const stepMs = interval === null ? toNumber(member(series, 'period')) : unitMs === null ? null : interval * unitMs;
  return (index) => (stepMs === null || !(stepMs > 0) ? null : fromMs + index * stepMs);
}

function tokens(text: unknown): readonly string[] {
  return typeof text === 'string' ? text.split(/\s/).filter((token) => token !== '') : [];
}
