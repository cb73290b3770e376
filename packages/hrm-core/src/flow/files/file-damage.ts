/**
 * What damage is.
 *
 * Damage is a file's own fault: its bytes are not what they should be, or are no readings. A storage that cannot open or read now
 * (EIO, no permission, too many open files, a mount that is gone) fails the question, and moves nothing. A file is set aside only
 * when it was read twice, the second time opened anew, and was wrong both times, alike: see confirm-damage.ts. And only so many
 * files an hour are: see quarantine-rate.ts.
 */
import { type HrmError, isHrmError } from '../../errors.js';

/** Whether an error is a file's own fault, so that others can be read without it. */
export function isDamage(error: unknown): error is HrmError {
  return isHrmError(error) && error.kind === 'data' && (error.code === DAMAGED || isLeftInPlace(error));
}

const DAMAGED = 'file_damaged';

/** Codes of files that are well, and cannot be read here. */
const LEFT_IN_PLACE: readonly string[] = ['file_too_large', 'file_unsupported'];

/** Whether an error, or a fault, says that a file is no damage: it is never moved, and nobody waits for it. */
export function isLeftInPlace({ code }: { readonly code: string }): boolean {
  return LEFT_IN_PLACE.includes(code);
}

/** `null` for a file's own fault. @throws any other error. */
export function nullIfDamaged(error: unknown): null {
  if (isDamage(error)) return null;
  throw error;
}
