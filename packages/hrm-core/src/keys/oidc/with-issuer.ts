/** Keys of a file, and beside them the tokens of an issuer. */
import type { Settings } from '../../settings.js';
import type { KeyRing } from '../key-ring.js';
import { isSubjectId } from './claims.js';
import { type IssuerComponents, isIssuersToken, openIssuer } from './issuer.js';

/** The settings of the issuer. */
export type OidcSettings = Pick<Settings, 'oidcIssuer' | 'oidcAudience' | 'oidcScopesClaim' | 'oidcUsersClaim'>;

/** Adds the issuer that the settings name, so that its tokens count as keys do; without one the keys are as they were. */
export async function withIssuer(
  ring: KeyRing,
  { oidcIssuer, oidcAudience, oidcScopesClaim, oidcUsersClaim }: OidcSettings,
  components: IssuerComponents = {},
): Promise<KeyRing> {
  if (oidcIssuer === '') return ring;
  const names = { scopesClaim: oidcScopesClaim, usersClaim: oidcUsersClaim };
  const issuer = await openIssuer({ issuer: oidcIssuer, audience: oidcAudience, ...names }, components);
  return {
    ...ring,
    isNeeded: () => true,
    verify: issuer.verify,
    find: (token) => (isIssuersToken(token) ? issuer.find(token) : ring.find(token)),
    onChange(listener) {
      const stops = [ring.onChange(listener), issuer.onChange(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    // The file has uses of its own keys.
    noteUse(id) {
      if (!isSubjectId(id)) ring.noteUse(id);
    },
    fault: () => ring.fault() ?? issuer.fault(),
  };
}
