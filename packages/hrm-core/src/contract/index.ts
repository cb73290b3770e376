/**
 * The suites that every driver passes, for those who write one: they take the test runner's `test` function and use
 * `node:assert`, so they run under any runner.
 * @module
 */
export { type StorageContract, type StorageFixture, storageContract } from './storage.js';
