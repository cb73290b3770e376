import type { VerifySummary } from '../flow/verify/verify.js';
import type { PartitionFailure } from '../ports/storage.js';
import { isLastingFailure } from './lasting-failure.js';

/** How a run ended: well; with something that a person has to look at; with something that another run may do. */
export type RunOutcome = 'done' | 'data' | 'unavailable';

/** What failures of partitions come to: where both kinds failed, the one that needs a person. */
export function failuresOutcome(failures: readonly Pick<PartitionFailure, 'code'>[]): RunOutcome {
  if (failures.length === 0) return 'done';
  return failures.some(isLastingFailure) ? 'data' : 'unavailable';
}

/** What a verification comes to. What was set aside with something that cannot be read is lost, as far as this knows: a person has to hear of it. */
export function verifyOutcome({ faults, faultCount, quarantine, failures }: VerifySummary): RunOutcome {
  const isAllListed = faults.length === faultCount;
  const isMended = isAllListed && faults.every(({ outcome }) => outcome === 'repaired');
  if (!isMended || quarantine.salvageable > quarantine.salvaged) return 'data';
  return failures.length === 0 ? 'done' : 'unavailable';
}
