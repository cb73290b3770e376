import type { Fault } from '../../errors.js';
import type { FileAccount } from '../../formats/judge/account.js';
import type { ImportSummary } from '../import-readings.js';

/** What became of a file. The names are API. */
export type FileOutcome =
  /** It was read; where it has damage, the account says so. */
  | 'imported'
  /** An archive that is damaged: what stands before is imported, see `error`. */
  | 'damaged'
  /** It was imported before, in the same way, and has not changed. */
  | 'passed_over'
  /** A link, a hidden file or no file in a directory or an archive, see `error`. */
  | 'not_read'
  /** By strictness: nothing of it was enqueued. */
  | 'refused'
  /** No format knows it. */
  | 'unknown'
  /** It cannot be read, or not be read on, see `error`; `enqueued` says how much of it was. */
  | 'failed';

/** A file and what became of it. */
export interface FileResult {
  /** As it is named to people. */
  readonly file: string;
  readonly outcome: FileOutcome;
  /** Found in a directory or an archive: nobody says that there are readings in it. */
  readonly isFound: boolean;
  /** Readings that the queue holds durably. */
  readonly enqueued: number;
  /** Of a device's file, an export or Parquet. */
  readonly account: FileAccount | null;
  /** Of a file of readings: CSV, NDJSON. */
  readonly rows: ImportSummary | null;
  readonly error: FileError | null;
}

/** Why there is nothing, or no more, of a file. */
export interface FileError {
  /** Stable, snake_case. */
  readonly code: string;
  readonly message: string;
  /** The first 100 faults of rows. */
  readonly faults?: readonly Fault[];
}

/** A result of a file of which nothing is known yet. */
export function resultOf(file: string, isFound: boolean, outcome: FileOutcome, more: Partial<FileResult> = {}) {
  return { file, isFound, outcome, enqueued: 0, account: null, rows: null, error: null, ...more } satisfies FileResult;
}

/** The files that should have been imported and were not: a directory holds others, too, and what somebody names should have readings. */
export function failedFiles(results: readonly FileResult[]): readonly FileResult[] {
  return results.filter(
    ({ outcome, isFound }) =>
      outcome === 'failed' ||
      outcome === 'refused' ||
      (outcome === 'unknown' && !isFound) ||
      (outcome === 'not_read' && !isFound),
  );
}

/** Whether a file or an archive is damaged, and nothing stands before the damage. */
export function isAllDamage({ outcome, account }: FileResult): boolean {
  if (outcome === 'damaged') return true;
  return outcome === 'imported' && account !== null && account.readings === 0 && account.damageCount > 0;
}

/** Whether some file is damaged, and its first part was imported. */
export function haveDamage(results: readonly FileResult[]): boolean {
  return results.some(({ outcome, account }) => outcome === 'damaged' || (account?.damageCount ?? 0) > 0);
}
