import { fetchKeys } from '../keys/oidc/key-set.js';
import type { Settings } from '../settings.js';
import { plural } from '../words.js';
import { type CheckResult, resultsOf } from './check-result.js';

/** Asks the issuer of logins for its keys, where there is one. */
export async function checkIssuer({ oidcIssuer }: Pick<Settings, 'oidcIssuer'>): Promise<readonly CheckResult[]> {
  if (oidcIssuer === '') return [];
  const { ok, problem } = resultsOf('login');
  try {
    const { keys } = await fetchKeys(oidcIssuer, fetch);
    return [ok('issuer', `the issuer answers, with ${plural(keys.length, 'key')}`)];
  } catch (error) {
    const message = `the issuer ${oidcIssuer} cannot be asked for its keys: ${error instanceof Error ? error.message : error}`;
    return [problem('issuer_unreachable', message, 'look at HRM_OIDC_ISSUER, and at the way to it')];
  }
}
