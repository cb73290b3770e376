import type { Storage } from '../../ports/storage.js';

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
  return { id, state: report === null ? 'in_force' : 'finished', report: report === null ? null : JSON.parse(report) };
}

/** The erasures that are not finished. @throws as {@link erasureStatus}. */
export async function openErasures({
  storage: { erasures },
}: {
  readonly storage: Pick<Storage, 'erasures'>;
}): Promise<readonly ErasureStatus[]> {
  return (await erasures.open()).map(({ id }) => ({ id, state: 'in_force', report: null }));
}
