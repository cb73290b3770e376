/**
 * Who asks, as HTTP says it: the key of the `Authorization` header, and the headers that tell what is left of its rate. What a key may do
 * is `hrm-core/keys`' to say.
 */
import {
  type Access,
  type AdmissionComponents,
  type Credentials,
  createAdmission as createKeyAdmission,
  keyError,
} from 'hrm-core/keys';
import type { Operation } from 'hrm-core/schemas';
import type { RateState } from 'hrm-core/shares';
import { headerValues, type RawHead } from '../http/header-values.js';

const BEARER = /^Bearer +(\S+) *$/i;

/** Admits requests. */
export interface Admission {
  /** To be waited for before the other. @throws as that of `hrm-core/keys`. */
  prepare(incoming: RawHead, scope: Operation['scope']): Promise<void> | null;
  /** @throws HrmError as the admission of `hrm-core/keys`. */
  admit(incoming: RawHead, scope: Operation['scope']): Access;
}

/** @param settings.rateLimit - requests a minute and key; 0: any number. */
export function createAdmission(components: AdmissionComponents, settings: { readonly rateLimit: number }): Admission {
  const admission = createKeyAdmission(components, settings);
  return {
    // Without an issuer no call pays for it.
    prepare: (incoming, scope) =>
      components.keys?.verify === undefined ? null : admission.prepare(credentialsOf(incoming), scope),
    admit: (incoming, scope) => admission.admit(credentialsOf(incoming), scope),
  };
}

function credentialsOf(incoming: RawHead): Credentials {
  const values = headerValues(incoming, 'authorization');
  const [, token] = BEARER.exec(values[0] ?? '') ?? [];
  return {
    token,
    requireToken() {
      if (values.length === 0)
        throw keyError('key_missing', 'an API key is needed: send it as Authorization: Bearer hrm_…');
      if (token === undefined || values.length > 1)
        throw keyError('key_wrong', 'the Authorization header must be Bearer and an API key, once');
      return token;
    },
  };
}

/** What an answer says of the rate. @see draft-ietf-httpapi-ratelimit-headers-10 */
export function rateHeaders(rate: RateState | null): Readonly<Record<string, string>> {
  if (rate === null) return {};
  const { limit, windowSeconds, left, untilFullSeconds } = rate;
  return {
    'RateLimit-Policy': `"default";q=${limit};w=${windowSeconds}`,
    RateLimit: `"default";r=${left};t=${untilFullSeconds}`,
  };
}
