/**
 * The keys as a server that runs has them: read anew when the file has changed, so that in every process a key counts as
 * soon as it is made, and no more within a second after it was revoked.
 */
import { isHrmError } from '../errors.js';
import { type Clock, systemClock } from '../ports/clock.js';
import { findKey, isEnding, type KeyRecord } from './api-key.js';
import { readKeys } from './key-file.js';
import { isMarked, keysVersion, lostError, markKeys, NO_KEYS_FILE } from './key-place.js';
import { createUseTracker } from './last-used.js';

/** The keys that count now. */
export interface KeyRing {
  /** Whether a key is needed: from when the first was there, for as long as the process runs. */
  isNeeded(): boolean;
  /** The record that a token proves; `null` for any other. */
  find(token: string): KeyRecord | null;
  /**
   * Proves a token that is no key of the file, so that {@link KeyRing.find} knows it. `null`: there is nothing to prove.
   * @throws HrmError code `key_wrong`, with the reason; kind `unavailable` where it cannot be proved now.
   */
  verify?(token: string): Promise<void> | null;
  /**
   * Hears, as soon as that is known, that other keys count than before, or that some are needed: half a second later at the
   * latest, also while nobody asks.
   * @returns what ends the listening; again is harmless.
   */
  onChange(listener: () => void): () => void;
  /** Notes that a key was used: when, to the hour, is kept. */
  noteUse(id: string): void;
  /** How many keys end soon, and are not replaced. */
  ending(): number;
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
  /** Since when listeners were told of everything, epoch ms. */
  let toldMs = lookedMs;
  let isChanged = false;
  const listeners = new Set<() => void>();
  const uses = createUseTracker(path, (id) => records.has(id));
  let timer: NodeJS.Timeout | null = null;
  if (version !== NO_KEYS_FILE) need();

  function need(): void {
    if (isNeeded) return;
    isNeeded = true;
    isChanged = true;
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
      if (found !== version) {
        records = byId(readKeys(path));
        isChanged = true;
      }
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

  /** One timer for all listeners, and none without: what lasts for hours asks nothing by itself. */
  function lookForListeners(): void {
    if (listeners.size === 0) {
      if (timer !== null) clearInterval(timer);
      timer = null;
      return;
    }
    look();
    const sinceMs = toldMs;
    toldMs = clock.nowMs();
    const isNews = isChanged || hasEnded(records, sinceMs, toldMs);
    isChanged = false;
    if (isNews) for (const listener of [...listeners]) listener();
  }

  return {
    onChange(listener) {
      // Two may listen with one function.
      const listening = () => listener();
      listeners.add(listening);
      timer ??= setInterval(lookForListeners, LOOK_EVERY_MS).unref();
      return () => listeners.delete(listening);
    },
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
    noteUse: (id) => uses.note(id, clock.nowMs()),
    ending() {
      lookAgain();
      return [...records.values()].filter((key) => isEnding(key, clock.nowMs())).length;
    },
    fault() {
      lookAgain();
      return fault?.code ?? null;
    },
  };
}

/** Whether the time of a key came between two moments. */
function hasEnded(records: ReadonlyMap<string, KeyRecord>, sinceMs: number, nowMs: number): boolean {
  for (const { expires_ms: endMs } of records.values())
    if (endMs !== null && endMs > sinceMs && endMs <= nowMs) return true;
  return false;
}

function byId(keys: readonly KeyRecord[]): ReadonlyMap<string, KeyRecord> {
  return new Map(keys.map((key) => [key.id, key]));
}
