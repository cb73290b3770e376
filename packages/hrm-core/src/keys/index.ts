/**
 * API keys: made, listed and revoked in a file, and known to whoever answers by them.
 * @module
 */

export {
  type Access,
  type Admission,
  type AdmissionComponents,
  type Credentials,
  createAdmission,
  keyError,
  refusedKey,
  requireValid,
} from './admission.js';
export {
  isEnding,
  type KeyInput,
  type KeyLimits,
  type KeyRecord,
  keyLimitsOf,
  type NewKey,
  SCOPES,
  type Scope,
} from './api-key.js';
export { type Foreign, foreignOwner, writableAround } from './exposure.js';
export { isLoopback, mustHaveKeys, normaliseHost } from './host-name.js';
export { createKey, type RotatedKey, readKeys, revokeKey, rotateKey, unknownKeysError } from './key-file.js';
export { type KeyRing, type KeyRingOptions, openKeyRing } from './key-ring.js';
export { describeKey, keyIdIn, keyToWire, noKeysText, type ShownKey } from './key-text.js';
export { readLastUsed } from './last-used.js';
export { type Issuer, type IssuerComponents, type IssuerSettings, openIssuer } from './oidc/issuer.js';
export { type OidcSettings, withIssuer } from './oidc/with-issuer.js';
