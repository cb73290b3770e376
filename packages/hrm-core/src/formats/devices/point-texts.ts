import type { FormatContext } from '../file-format.js';
import type { PieceGatherer } from '../gather-pieces.js';
import { parseInstant } from '../parse-instant.js';

const NUMBER = /^[+-]?\d{1,9}(?:\.\d{1,20})?$/;

/** The heart rate of a point as text; `null` where it has none, which is counted. */
export function textToHeartRate(text: string, gatherer: Pick<PieceGatherer, 'drop'>): number | null {
  if (NUMBER.test(text)) return Number(text);
  gatherer.drop(text === '' ? 'absent' : 'damaged');
  return null;
}

/**
 * Reads the instants of a file's points, as text; `null` for what is none. Where others have a zone, one without is damaged; where none has, it is
 * asked for.
 * @throws HrmError code `time_zone_needed`.
 */
export function createInstantReader({ toEpochMs }: Pick<FormatContext, 'toEpochMs'>): (text: string) => number | null {
  let hasZones = false;
  return (text) => {
    const parsed = parseInstant(text);
    if (parsed === null) return null;
    if ('local' in parsed) return hasZones ? null : toEpochMs(parsed.local);
    hasZones = true;
    return parsed.epochMs;
  };
}
