/**
 * The keys as a server that runs has them: read anew when the file has changed, so that in every process a key counts as
 * soon as it is made, and no more within a second after it was revoked.
 */
import { type Clock, isHrmError, systemClock } from 'hrm-core';
import { findKey, type KeyRecord } from './api-key.js';
import { readKeys } from './key-file.js';
import { isMarked, keysVersion, lostError, markKeys, NO_KEYS_FILE } from './key-place.js';

/** The keys that count now. */
export interface KeyRing {
  /** Whether a key is needed: from when the first was there, for as long as the process runs. */
  isNeeded(): boolean;
  /** The record that a token proves; `null` for any other. */
  find(token: string): KeyRecord | null;
  /** Why the file cannot be read now, as the code of an error; `null`: it can. What was known by then counts on. */
  fault(): string | null;
}

/** What a ring goes by, and who hears of it. */
export interface KeyRingOptions {
  readonly clock?: Clock | undefined;
  /** Another process of this service knows that keys are needed: without a file it is lost. Default false. */
  readonly areNeeded?: boolean | undefined;
  /** Hears once that keys are needed, when that is known. */
  readonly onNeeded?: (() => void) | undefined;
  /** Hears why the file cannot be read, once for each thing that is wrong with it. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Between two looks at the file, ms: what a revoked key may still do. */
const LOOK_EVERY_MS = 500;

/**
 * Opens the keys. That the file vanishes later, or cannot be read, takes no key away and opens no door: the keys known
 * by then count on. An empty list in a file that can be read does take them away.
 * @throws HrmError as {@link readKeys}: a server must not start open because its keys cannot be read.
 */
export function openKeyRing(
  path: string,
  { clock = systemClock, areNeeded = false, onNeeded, onError }: KeyRingOptions = {},
): KeyRing {
  let version = keysVersion(path);
  if (areNeeded && version === NO_KEYS_FILE) throw lostError(path);
  let records = byId(readKeys(path));
  let isNeeded = false;
  let fault: { readonly code: string; readonly version: string } | null = null;
  let lookedMs = clock.nowMs();
  if (version !== NO_KEYS_FILE) need();

  function need(): void {
    if (isNeeded) return;
    isNeeded = true;
    try {
      markKeys(path);
    } catch {
      // Who makes keys marks them, too: here it is for files that were put there, perhaps where nothing can be written.
    }
    onNeeded?.();
  }

  function lookAgain(): void {
    const passedMs = clock.nowMs() - lookedMs;
    if (passedMs < 0 || passedMs >= LOOK_EVERY_MS) look();
  }

  function look(): void {
    lookedMs = clock.nowMs();
    let found = '';
    try {
      found = keysVersion(path);
      if (found === NO_KEYS_FILE && isNeeded) throw lostError(path);
      if (found !== version) records = byId(readKeys(path));
      version = found;
      fault = null;
      if (found !== NO_KEYS_FILE || isMarked(path)) need();
    } catch (error) {
      const code = isHrmError(error) ? error.code : 'internal';
      if (fault?.code === code && fault.version === found) return;
      fault = { code, version: found };
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
      // A key that was made just now is not refused; with a file that cannot be read, wrong keys cost no reading of it.
      if (fault === null) look();
      return findKey(records, token, clock.nowMs());
    },
    fault() {
      lookAgain();
      return fault?.code ?? null;
    },
  };
}

function byId(keys: readonly KeyRecord[]): ReadonlyMap<string, KeyRecord> {
  return new Map(keys.map((key) => [key.id, key]));
}
