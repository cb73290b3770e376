/**
 * What a process around the service needs: that of `hrm-core/process`. It loads nothing of the service.
 * @module
 */
export * from 'hrm-core/process';
export { MAX_WORKERS } from './limits.js';
