import { type Fault, faultsError } from '../errors.js';
import { dateStartMs } from './partition.js';
import { isId } from './reading/reading.js';

/**
 * Refuses settings of a compaction or verification that cannot be meant.
 * @param durations - milliseconds by name, from 0.
 * @throws HrmError kind `invalid`, code `invalid_settings`, with every fault.
 */
export function checkSettings(
  { userId, date }: { readonly userId?: string | undefined; readonly date?: string | undefined },
  durations: Readonly<Record<string, number>> = {},
): void {
  const faults: Fault[] = [];
  if (userId !== undefined && !isId(userId)) faults.push({ path: '/userId', message: 'must be a user_id' });
  if (date !== undefined && dateStartMs(date) === null) {
    faults.push({ path: '/date', message: 'must be YYYYMMDD, a day of the calendar' });
  }
  for (const [name, ms] of Object.entries(durations)) {
    if (!(Number(ms) >= 0)) faults.push({ path: `/${name}`, message: 'must be milliseconds, from 0' });
  }
  if (faults.length > 0) throw faultsError('invalid_settings', faults);
}
