/**
 * What damage is, and where what is damaged goes.
 *
 * Damage is a file's own fault: its bytes are not what they should be, or are no readings. A storage that cannot open or read now
 * (EIO, no permission, too many open files, a mount that is gone) fails the question, and moves nothing. A file is set aside only
 * when it was read twice, the second time opened anew, and was wrong both times, alike: see confirm-damage.ts. And only so many
 * files an hour are: see quarantine-rate.ts.
 */
import { type HrmError, isHrmError } from '../../errors.js';
import type { Snapshot, Storage } from '../../ports/storage.js';

/** A file that an answer, or a compaction, was made without, or without its rollup. */
export interface DamageReport {
  /** The UTC date of its partition, `YYYYMMDD`. */
  readonly date: string;
  readonly name: string;
  /** `file_damaged`; `rollup_damaged`; `file_too_large` and `file_unsupported`, which are no damage, and never moved. */
  readonly code: string;
  /** For people; without the user. */
  readonly message: string;
  /**
   * `skipped`: it is where it was, since the storage only reads, cannot move it now, or should not. `answered`: what is
   * damaged is derived, and the answer lacks nothing (code `rollup_damaged`). `refused`: so many were set aside within an hour that
   * this one stays; what asked for it fails.
   */
  readonly outcome: 'quarantined' | 'skipped' | 'answered' | 'refused';
}

/** Who hears of files that an answer was made without. */
export type OnDamage = (report: DamageReport) => void;

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

/**
 * Sets a file of a snapshot aside for an error that {@link isDamage}. What keeps it from being moved is no error: a damaged
 * file is in nobody's way where it is.
 * @throws HrmError kind `closed`.
 */
export async function setFileAside(
  storage: Storage,
  snapshot: Snapshot,
  name: string,
  { code, message, cause }: HrmError,
): Promise<'quarantined' | 'gone' | 'skipped'> {
  if (isLeftInPlace({ code })) return 'skipped';
  const detail = cause instanceof Error ? `${message}: ${cause.message}` : message;
  try {
    return await storage.quarantine(snapshot, name, detail);
  } catch (error) {
    if (!isHrmError(error) || error.kind === 'closed') throw error;
    return 'skipped';
  }
}
