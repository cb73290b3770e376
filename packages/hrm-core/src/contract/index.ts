/**
 * The suites that every driver passes, for those who write one: they take the test runner's functions and use
 * `node:assert`, so they run under any runner.
 * @module
 */
export { queueContract } from './queue.js';
export { type QueueContract, type QueueFixture, seededRandom } from './queue-support.js';
export { type StorageContract, type StorageFixture, type StorageTraits, storageContract } from './storage.js';
