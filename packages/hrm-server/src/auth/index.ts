/**
 * API keys: made, listed and revoked in a file that the server reads.
 * @module
 */

export { type KeyInput, type KeyRecord, type NewKey, SCOPES, type Scope } from './api-key.js';
export { type Foreign, foreignOwner, writableAround } from './exposure.js';
export { createKey, readKeys, revokeKey } from './key-file.js';
