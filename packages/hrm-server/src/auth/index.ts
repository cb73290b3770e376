/**
 * API keys: made, listed and revoked in a file that the server reads. They are those of `hrm-core/keys`.
 * @module
 */
export * from 'hrm-core/keys';
