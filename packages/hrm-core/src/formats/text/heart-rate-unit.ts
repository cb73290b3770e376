import { member, textOf } from './json-format.js';

/** What a unit has to be multiplied by to be beats a minute; in small letters. */
const FACTORS: ReadonlyMap<string, number> = new Map([
  ['/min', 1],
  ['1/min', 1],
  ['{beats}/min', 1],
  ['{beat}/min', 1],
  ['beats/min', 1],
  ['beats/minute', 1],
  ['beats per minute', 1],
  ['beat/min', 1],
  ['{heartbeats}/min', 1],
  ['{heart beats}/min', 1],
  ['bpm', 1],
  ['count/min', 1],
  ['min-1', 1],
  ['/s', 60],
  ['1/s', 60],
  ['{beats}/s', 60],
  ['count/s', 60],
  ['hz', 60],
]);

/** What a value of a unit has to be multiplied by to be beats a minute; `null` for a unit that is not known. */
export function unitFactor(unit: string): number | null {
  return FACTORS.get(unit.trim().toLowerCase()) ?? null;
}

/** The same of a Quantity, by its code or else its unit. Without any it is as the profile says. */
export function quantityFactor(quantity: unknown): number | null {
  const unit = textOf(member(quantity, 'code')) ?? textOf(member(quantity, 'unit'));
  return unit === null ? 1 : unitFactor(unit);
}
