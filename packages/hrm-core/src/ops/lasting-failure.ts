import type { PartitionFailure } from '../ports/storage.js';

/** Codes of failures that trying again does not mend. */
const LASTING_CODES: readonly string[] = [
  'file_damaged',
  'file_too_large',
  'file_unsupported',
  'unstorable_readings',
  'name_taken',
];

/** Whether a partition that failed needs a person: trying again does not mend it. */
export function isLastingFailure({ code }: Pick<PartitionFailure, 'code'>): boolean {
  return LASTING_CODES.includes(code);
}
