/** What the places of alerts have in common. */
import { HrmError } from '../../errors.js';

/** What alerts are in: within the data, where readers of Parquet files do not look. */
export const ALERTS_NAME = '.alerts';

/** Names that lead out of no place. */
const NAME = /^[a-z0-9][a-z0-9.-]*(?:\/[a-z0-9][a-z0-9.-]*){0,3}$/;

/** @throws RangeError for a name that no file of an alert has: a defect of the caller. */
export function requireName(name: string): string {
  if (name.length > 200 || !NAME.test(name)) throw new RangeError(`${name} is no name of an alert's file`);
  return name;
}

/** The error of a place that cannot do it now. @param advice - why, and what to do about it. */
export function alertsError(place: string, advice: string, cause: unknown): HrmError {
  return new HrmError(`the alerts in ${place} cannot be had: ${advice}`, {
    kind: 'unavailable',
    code: 'alerts_unavailable',
    cause,
  });
}
