/**
 * API keys: made, listed and revoked in a file that the server reads. They are those of `hrm-core/keys`.
 * @module
 */

export {
  createKey,
  type Foreign,
  foreignOwner,
  type KeyInput,
  type KeyRecord,
  type NewKey,
  readKeys,
  revokeKey,
  SCOPES,
  type Scope,
  writableAround,
} from 'hrm-core/keys';
