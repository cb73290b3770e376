import type { Storage } from '../../ports/storage.js';
import type { Erasure } from '../../pure/erasure/erasure.js';
import { createRegister } from '../../pure/erasure/register.js';
import { formatInstant } from '../../pure/reading/timestamp.js';

/** How far an erasure is: as the API has it. */
export interface ErasureStatus {
  readonly id: string;
  /** `in_force`: nothing of it is answered. `finished`: nothing of it is on a disk or in a queue of the system. */
  readonly state: 'in_force' | 'finished';
  /** What was done, once it is finished. */
  readonly report: unknown;
}

/**
 * Tells how far an erasure is.
 * @returns `null` where there is none of this id.
 * @throws HrmError kind `unavailable` when the storage cannot now.
 */
export async function erasureStatus(
  { storage: { erasures } }: { readonly storage: Pick<Storage, 'erasures'> },
  id: string,
): Promise<ErasureStatus | null> {
  if (!(await erasures.all()).some((erasure) => erasure.id === id)) return null;
  const report = await erasures.report(id);
  return statusOf(id, report);
}

function statusOf(id: string, report: string | null): ErasureStatus {
  return report === null ? { id, state: 'in_force', report } : { id, state: 'finished', report: JSON.parse(report) };
}

/** The erasures that are not finished. @throws as {@link erasureStatus}. */
export async function openErasures({
  storage: { erasures },
}: {
  readonly storage: Pick<Storage, 'erasures'>;
}): Promise<readonly ErasureStatus[]> {
  return (await erasures.open()).map(({ id }) => statusOf(id, null));
}

/** An erasure of a user's readings, in the names of the wire: which readings, without ids, and what was done. */
export interface ErasureOfUser extends ErasureStatus {
  readonly of: 'all devices' | 'one device';
  /** Measured from then on, ISO 8601 in UTC; `null`: from the first on. */
  readonly start: string | null;
  /** Exclusive; `null`: to the last. */
  readonly end: string | null;
  /** Received until then. */
  readonly accepted_until: string;
}

/** The erasures of a user, the oldest first. They have no ids: those are found that were made for this one. @throws as {@link erasureStatus}. */
export async function erasuresOfUser(
  { storage: { erasures } }: { readonly storage: Pick<Storage, 'erasures'> },
  userId: string,
): Promise<readonly ErasureOfUser[]> {
  const own = [...createRegister(await erasures.all()).ofUser(userId)].sort((a, b) => a.until_ms - b.until_ms);
  const certificates: ErasureOfUser[] = [];
  for (const erasure of own) certificates.push(certificate(erasure, await erasures.report(erasure.id)));
  return certificates;
}

function certificate(
  { id, device, from_ms: fromMs, to_ms: toMs, until_ms: untilMs }: Erasure,
  report: string | null,
): ErasureOfUser {
  const { state, report: done } = statusOf(id, report);
  return {
    id,
    of: device === null ? 'all devices' : 'one device',
    start: fromMs === null ? null : formatInstant(fromMs),
    end: toMs === null ? null : formatInstant(toMs),
    accepted_until: formatInstant(untilMs),
    state,
    report: done,
  };
}
