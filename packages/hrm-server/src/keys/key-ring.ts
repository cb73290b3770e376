/**
 * The keys as a server that runs has them: read anew when the file has changed, so that in every process a key counts as
 * soon as it is made, and no more within a second after it was revoked.
 */
import { type Clock, systemClock } from 'hrm-core';
import { findKey, type KeyRecord } from './api-key.js';
import { keysVersion, NO_KEYS_FILE, readKeys } from './key-file.js';

/** The keys that count now. */
export interface KeyRing {
  /** Whether a key is needed: from when the first was there, for as long as the process runs. */
  isNeeded(): boolean;
  /** The record that a token proves; `null` for any other. */
  find(token: string): KeyRecord | null;
}

/** How a ring tells that the file could not be read, and that the keys known so far count on. */
export interface KeyRingOptions {
  readonly clock?: Clock | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Between two looks at the file, ms: what a revoked key may still do. */
const LOOK_EVERY_MS = 500;

/**
 * Opens the keys. That the file vanishes later, or cannot be read, takes no key away and opens no door: the keys known
 * by then count on. An empty list in a file that can be read does take them away.
 * @throws HrmError as {@link readKeys}: a server must not start open because its keys cannot be read.
 */
export function openKeyRing(path: string, { clock = systemClock, onError }: KeyRingOptions = {}): KeyRing {
  let version = keysVersion(path);
  let records = byId(readKeys(path));
  let isNeeded = version !== NO_KEYS_FILE;
  let lookedMs = clock.nowMs();

  function lookAgain(): void {
    const passedMs = clock.nowMs() - lookedMs;
    if (passedMs < 0 || passedMs >= LOOK_EVERY_MS) look();
  }

  function look(): void {
    lookedMs = clock.nowMs();
    try {
      const found = keysVersion(path);
      if (found === version || found === NO_KEYS_FILE) return;
      records = byId(readKeys(path));
      version = found;
      isNeeded = true;
    } catch (error) {
      onError?.(error);
    }
  }

  return {
    isNeeded() {
      lookAgain();
      return isNeeded;
    },
    find(token) {
      lookAgain();
      const key = findKey(records, token, clock.nowMs());
      if (key !== null) return key;
      // A key that was made just now is not refused.
      look();
      return findKey(records, token, clock.nowMs());
    },
  };
}

function byId(keys: readonly KeyRecord[]): ReadonlyMap<string, KeyRecord> {
  return new Map(keys.map((key) => [key.id, key]));
}
