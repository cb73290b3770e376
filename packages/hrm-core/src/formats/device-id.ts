import { MAX_ID_LENGTH } from '../limits.js';
import { crc32 } from './crc32.js';

const CONTROL_CHARACTERS = /\p{Cc}/gu;
const SPACES = /[\s\u00a0\u202f]+/g;

/** Of a checksum behind a name: a hyphen and eight digits. */
const MARK_LENGTH = 9;

/**
 * A device id of what a file says of a device: NFC, blanks as single spaces, without control characters, of at most 128 UTF-16 code units. The same device
 * has the same id in every export, so addresses, versions and dates do not belong into it. Where a character is lost, or the end of a long
 * name, a checksum of the name stands behind it: no two names become one.
 * @param fallback - where nothing is left.
 */
export function toDeviceId(text: string, fallback: string): string {
  const spaced = text.toWellFormed().normalize('NFC').replace(SPACES, ' ').trim();
  const clean = spaced.replace(CONTROL_CHARACTERS, '').trim();
  if (clean === '') return fallback;
  if (clean === spaced && clean.length <= MAX_ID_LENGTH && text.isWellFormed()) return clean;
  const cut = clean.slice(0, MAX_ID_LENGTH - MARK_LENGTH);
  // What is cut in the midst of a pair is no text.
  const whole = cut.isWellFormed() ? cut : cut.slice(0, -1);
  return `${whole}-${checksumOf(text)}`;
}

/** Of its UTF-16 code units, eight hexadecimal digits. */
function checksumOf(text: string): string {
  const bytes = new Uint8Array(2 * text.length);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit & 0xff;
    bytes[2 * i + 1] = unit >> 8;
  }
  return crc32(bytes, 0).toString(16).padStart(8, '0');
}
