/** Who is told of damage, and where a damaged file goes. `files/file-damage.ts` says what damage is. */

import { type HrmError, isHrmError } from '../../errors.js';
import type { Snapshot, Storage } from '../../ports/storage.js';
import { isLeftInPlace } from '../files/file-damage.js';

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

/** What each outcome means for whoever asked, and what to do. */
export const DAMAGE_ADVICE: Readonly<Record<DamageReport['outcome'], string>> = {
  quarantined: 'the answer is without it: run hrm verify',
  skipped: 'the answer is without it: run hrm verify',
  answered: 'run hrm verify --repair',
  refused: 'it stays where it is, since many were set aside within an hour',
};

/** Who hears of files that an answer was made without. */
export type OnDamage = (report: DamageReport) => void;

/**
 * Sets a file of a snapshot aside for an error that `isDamage`. What keeps it from being moved is no error: a damaged
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
