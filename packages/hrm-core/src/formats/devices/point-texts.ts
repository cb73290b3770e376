import type { PieceGatherer } from '../gather-pieces.js';

const NUMBER = /^[+-]?\d{1,9}(?:\.\d{1,20})?$/;

/** The heart rate of a point as text; `null` where it has none, which is counted. */
export function textToHeartRate(text: string, gatherer: Pick<PieceGatherer, 'drop'>): number | null {
  if (NUMBER.test(text)) return Number(text);
  gatherer.drop(text === '' ? 'absent' : 'damaged');
  return null;
}
