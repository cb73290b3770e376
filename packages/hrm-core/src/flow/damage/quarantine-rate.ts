/** How many files a process sets aside within an hour: above that it stops, and says so. */
import { HrmError } from '../../errors.js';
import { MAX_QUARANTINED_FILES, QUARANTINE_WINDOW_MS } from '../../limits.js';
import type { Storage } from '../../ports/storage.js';

/** When files were set aside, by the process's own clock, ascending; of each opened storage. */
const times = new WeakMap<Storage, number[]>();

/**
 * Takes a place for one file.
 * @returns what gives the place back, where nothing is set aside after all; `null`: there is none.
 */
export function takeQuarantinePlace(storage: Storage, nowMs = performance.now()): (() => void) | null {
  const taken = (times.get(storage) ?? []).filter((ms) => nowMs - ms < QUARANTINE_WINDOW_MS);
  times.set(storage, taken);
  if (taken.length >= MAX_QUARANTINED_FILES) return null;
  taken.push(nowMs);
  return () => {
    const left = times.get(storage) ?? [];
    const at = left.indexOf(nowMs);
    if (at >= 0) left.splice(at, 1);
  };
}

/** What a question fails with whose file cannot be read, and cannot be set aside for the rate. */
export function quarantineHalted(cause: HrmError): HrmError {
  return new HrmError(
    `${MAX_QUARANTINED_FILES} files were set aside within an hour, so no more are: look at the disk or service that the data are on, then run hrm verify --repair`,
    { kind: 'unavailable', code: 'quarantine_halted', cause },
  );
}
