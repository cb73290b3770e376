/**
 * What is known of immutable files, remembered: footers, rollups, and the readings of small parts and of row groups that an
 * answer needed. Bounded in bytes; what was not used for the longest time goes first.
 */
import { CACHE_SETTLE_MS, MAX_CACHE_BYTES } from '../../limits.js';
import { HASHED_NAME } from '../../names.js';
import type { Footer } from '../../parquet/footer.js';
import type { Partition, Storage, StoredFile } from '../../ports/storage.js';

/** A memory of a bounded size. */
export interface FileCache {
  get(key: string): unknown;
  /** As `get`, and does not count as a use. */
  peek(key: string): unknown;
  /** @param bytes - what the value takes, about; a value larger than the cache is not kept. */
  set(key: string, value: unknown, bytes: number): void;
}

/** Creates a cache of at most `maxBytes`. */
export function createFileCache(maxBytes: number): FileCache {
  const entries = new Map<string, { readonly value: unknown; readonly bytes: number }>();
  let held = 0;
  function forget(key: string): void {
    held -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  }
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      // A Map keeps the order of insertion: the first is the one not used for longest.
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    peek: (key) => entries.get(key)?.value,
    set(key, value, bytes) {
      forget(key);
      if (bytes > maxBytes) return;
      entries.set(key, { value, bytes });
      held += bytes;
      for (const oldest of entries.keys()) {
        if (held <= maxBytes) break;
        forget(oldest);
      }
    },
  };
}

const caches = new WeakMap<Storage, FileCache>();

/** The cache of a storage's files: one for each opened storage, gone when it is. */
export function cacheOf(storage: Storage): FileCache {
  let cache = caches.get(storage);
  if (cache === undefined) {
    cache = createFileCache(MAX_CACHE_BYTES);
    caches.set(storage, cache);
  }
  return cache;
}

/** The key of what is known of a file; no name has this separator in it. */
export function versionKey(
  { name, version }: Pick<StoredFile, 'name' | 'version'>,
  { date, directory }: Partition,
): string {
  return `${date}\n${directory}\n${name}\n${version}`;
}

/**
 * Keeps what is known of a file, unless it is so young that another one may be given its version. And unless another program has
 * given it a name that looks like a hash: it is none, since such names are those of files that this system writes.
 */
export function remember(
  cache: FileCache,
  { file, footer }: { readonly file: StoredFile; readonly footer: Pick<Footer, 'checksumKind'> },
  key: string,
  value: unknown,
  bytes: number,
): void {
  const isHashed = HASHED_NAME.test(file.name);
  if (isHashed ? footer.checksumKind === 'foreign' : file.ageMs < CACHE_SETTLE_MS) return;
  cache.set(key, value, bytes);
}
