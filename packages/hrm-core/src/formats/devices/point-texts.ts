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

/** The instant of a point as text; `null` where it has none. @throws HrmError code `time_zone_needed`. */
export function textToEpochMs(text: string, { toEpochMs }: Pick<FormatContext, 'toEpochMs'>): number | null {
  const parsed = parseInstant(text);
  if (parsed === null) return null;
  return 'epochMs' in parsed ? parsed.epochMs : toEpochMs(parsed.local);
}
