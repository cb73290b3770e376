import { statSync } from 'node:fs';
import { isHrmError } from '../errors.js';
import { isEnding, type KeyRecord } from '../keys/api-key.js';
import { mustHaveKeys } from '../keys/host-name.js';
import { readKeys } from '../keys/key-file.js';
import type { Settings } from '../settings.js';
import { plural } from '../words.js';
import { type CheckResult, resultsOf } from './check-result.js';
import { rightsOfOthers } from './check-storage.js';
import { ownerResults, writableResults } from './check-surroundings.js';

/** What of the settings decides who is answered. */
type KeySettings = Pick<Settings, 'keysFile' | 'host' | 'allowAnonymous' | 'oidcIssuer'>;

/** Looks at the file of API keys: whether a server would start with it, who may read it, and which keys have ended. */
export function checkKeys(settings: KeySettings, nowMs: number): readonly CheckResult[] {
  const { keysFile, host } = settings;
  const { ok, warning, problem } = resultsOf('keys');
  let keys: readonly KeyRecord[];
  try {
    keys = readKeys(keysFile);
  } catch (error) {
    if (!isHrmError(error)) throw error;
    return [problem(error.code, error.message, 'mend that first: hrm serve does not start without its keys')];
  }
  const stats = statSync(keysFile, { throwIfNoEntry: false });
  if (stats === undefined) {
    if (settings.oidcIssuer !== '') return [ok('keys', 'there are none: tokens of HRM_OIDC_ISSUER are needed')];
    if (!mustHaveKeys(settings)) return [ok('keys', 'there are none: whoever reaches the API is answered')];
    const message = `hrm serve does not listen on ${host} without API keys`;
    return [problem('keys_missing', message, 'make one with hrm keys create, or unset HRM_HOST')];
  }
  const ended = keys.filter(({ expires_ms }) => expires_ms !== null && expires_ms <= nowMs).length;
  const results: CheckResult[] = [...rightsResults(keysFile)];
  if (ended === keys.length)
    results.push(warning('keys_none', 'no key counts: nobody is answered', 'make one with hrm keys create'));
  else if (ended > 0) {
    const message = `${plural(ended, 'key')} of ${keys.length} ended`;
    results.push(warning('keys_ended', message, 'hrm keys list shows which; hrm keys revoke takes them away'));
  }
  const ending = keys.filter((key) => isEnding(key, nowMs)).length;
  if (ending > 0) {
    const message = `${plural(ending, 'key')} of ${keys.length} end soon`;
    results.push(warning('keys_ending', message, 'hrm keys list shows which; hrm keys rotate makes their successors'));
  }
  return results.length > 0 ? results : [ok('keys', plural(keys.length, 'key'))];
}

/** Whether others may read or change the file of keys. */
function rightsResults(keysFile: string): readonly CheckResult[] {
  const { warning, problem } = resultsOf('keys');
  const mode = statSync(keysFile, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) === 0) return [];
  const { rights, isProblem } = rightsOfOthers(mode);
  const message = `others may ${rights} the file of keys`;
  return [(isProblem ? problem : warning)('permissions', message, `run chmod go= ${keysFile}`)];
}

/** Looks for who else may make keys, or read whose there are: what a server says when it starts. */
export function checkKeyExposure(keysFile: string): readonly CheckResult[] {
  return [...rightsResults(keysFile), ...writableResults('keys', keysFile), ...ownerResults(keysFile)];
}
