import { MAX_ID_LENGTH } from '../limits.js';

const CONTROL_CHARACTERS = /\p{Cc}/gu;
const SPACES = /[\s\u00a0\u202f]+/g;

/**
 * A device id of what a file says of a device: NFC, blanks as single spaces, without control characters, of at most 128 UTF-16 code units. The same device
 * has the same id in every export, so addresses, versions and dates do not belong into it.
 * @param fallback - where nothing is left.
 */
export function toDeviceId(text: string, fallback: string): string {
  const clean = text.toWellFormed().normalize('NFC').replace(SPACES, ' ').replace(CONTROL_CHARACTERS, '').trim();
  const cut = clean.slice(0, MAX_ID_LENGTH);
  // What is cut in the midst of a pair is no text.
  const whole = cut.isWellFormed() ? cut : cut.slice(0, -1);
  return whole === '' ? fallback : whole;
}
