/** What every storage driver proves; see ports/storage.ts for the promises in words. */
import type { Storage } from '../ports/storage.js';
import { erasureCases } from './storage-erasures.js';
import { publishCases, sizeCases, snapshotCases, versionCases } from './storage-files.js';
import { listingCases, replaceCases } from './storage-partitions.js';
import { quarantineCases } from './storage-quarantine.js';
import { removalCases } from './storage-removal.js';
import { settingsCases } from './storage-settings.js';
import type { StorageCase, StorageTraits } from './storage-support.js';

export type { StorageTraits };

/** One place to store in, empty at first. */
export interface StorageFixture {
  /** Opens the same place: each call is one more handle on it, as another process would have. */
  open(): Promise<Storage>;
  /** Deletes the place; every handle is closed by then. */
  dispose(): Promise<void>;
}

/** What the suite needs of its caller. */
export interface StorageContract {
  /** The runner's function that declares a test: vitest's `test`, node:test's `test`. */
  readonly test: (name: string, body: () => Promise<void>) => void;
  /** Makes an empty place, once a test. */
  readonly fixture: () => Promise<StorageFixture>;
  readonly traits?: StorageTraits | undefined;
}

/** Declares the suite's tests. */
export function storageContract(contract: StorageContract): void {
  const cases = [
    publishCases,
    snapshotCases,
    versionCases,
    sizeCases,
    replaceCases,
    quarantineCases,
    removalCases,
    listingCases,
    settingsCases,
    erasureCases,
  ].flat();
  for (const [name, body] of cases) contract.test(name, () => runCase(contract, body));
}

async function runCase(contract: StorageContract, body: (given: StorageCase) => Promise<void>): Promise<void> {
  const fixture = await contract.fixture();
  const handles: Storage[] = [];
  async function another(): Promise<Storage> {
    const storage = await fixture.open();
    handles.push(storage);
    return storage;
  }
  try {
    await body({ storage: await another(), another, traits: contract.traits ?? {} });
  } finally {
    for (const storage of handles) await storage.close();
    await fixture.dispose();
  }
}
