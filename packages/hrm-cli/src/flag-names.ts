/**
 * Errors in the words of the command line: a setting that was given as a flag is named by its flag, and what is asked for by the
 * option that says it.
 */
import { HrmError, isHrmError } from 'hrm-core';
import { SETTINGS, type SettingSources } from 'hrm-core/settings';

/** What a question's fields are as flags, in the words of the SDK and of the wire. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  userId: 'user',
  user_id: 'user',
  deviceId: 'device',
  device_id: 'device',
  timeZone: 'time-zone',
  time_zone: 'time-zone',
  maxHeartRate: 'max-heart-rate',
  birthYear: 'birth-year',
  restingRate: 'resting-rate',
  max_heart_rate: 'max-heart-rate',
  birth_year: 'birth-year',
  resting_rate: 'resting-rate',
};

/** The same error, in these words; what is no HrmError as it is. */
export function inFlagNames(error: unknown, flags: SettingSources['flags']): unknown {
  if (!isHrmError(error)) return error;
  return error.code === 'invalid_query' && error.faults.length > 0 ? nameOptions(error) : nameSettings(error, flags);
}

/** `--user must …` */
function nameOptions(error: HrmError): HrmError {
  const faults = error.faults.map(({ path, message }) => {
    const name = path.slice(1);
    return { path: `/${FLAG_NAMES[name] ?? name}`, message };
  });
  const message = faults.map(({ path, message }) => `--${path.slice(1)} ${message}`).join('\n');
  return new HrmError(message, { kind: error.kind, code: error.code, faults, cause: error });
}

function nameSettings(error: HrmError, flags: SettingSources['flags']): HrmError {
  const given = SETTINGS.filter(({ name }) => flags?.[name] !== undefined);
  const flagOf = new Map(given.map(({ variable, flag }) => [variable, `--${flag}`]));
  const message = error.message.replaceAll(/\w+/g, (word) => flagOf.get(word) ?? word);
  if (message === error.message) return error;
  const { kind, code, faults, faultCount, cause } = error;
  return new HrmError(message, { kind, code, faults, faultCount, cause });
}
