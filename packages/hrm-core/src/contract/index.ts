/**
 * The suites that every driver passes, for the drivers here and for yours.
 * @module
 */
export { queueContract } from './queue.js';
export type { ContractApi, QueueUnderTest } from './queue-support.js';
