import { HrmError, isHrmError } from 'hrm-core';

/** What a question's fields are as flags, in the words of the SDK and of the wire. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  userId: 'user',
  user_id: 'user',
  deviceId: 'device',
  device_id: 'device',
};

/** An error about a question in the words of the command line, `--user must …`; every other as it is. */
export function inFlagNames(error: unknown): unknown {
  if (!isHrmError(error) || error.code !== 'invalid_query' || error.faults.length === 0) return error;
  const faults = error.faults.map(({ path, message }) => {
    const name = path.slice(1);
    return { path: `/${FLAG_NAMES[name] ?? name}`, message };
  });
  const message = faults.map(({ path, message }) => `--${path.slice(1)} ${message}`).join('\n');
  return new HrmError(message, { kind: 'invalid', code: error.code, faults, cause: error });
}
