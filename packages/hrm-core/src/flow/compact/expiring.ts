/**
 * Partitions of which some readings are kept no longer, and others are: their files are made anew. Nothing is published to them when a day
 * ends, so nothing says that they are dirty: once a day, and whenever the rules change, all that may be meant are looked at.
 */
import { throwIfAborted } from '../../errors.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { ListOptions, Partition, Storage } from '../../ports/storage.js';
import { firstKeptDate } from '../../pure/erasure/retention.js';

/** A look at all of them. */
export interface ExpiryPass {
  /** Dates before this one are looked at. */
  readonly beforeDate: string;
  /** All were looked at. */
  done(): void;
}

/** The last whole pass of this process. */
const passes = new WeakMap<Storage, string>();

/** Begins a pass; `null` where the last one was of today, or everything goes by whole days. */
export async function beginExpiryPass(storage: Storage): Promise<ExpiryPass | null> {
  const { retention, today } = await storage.erasures.current();
  const { record } = retention;
  if (retention.isNone || record === null || record.rules.length === 0) return null;
  const key = `${record.since_ms}/${today}`;
  if (passes.get(storage) === key) return null;
  return {
    beforeDate: firstKeptDate(today, retention.fewestDays),
    done: () => void passes.set(storage, key),
  };
}

/** Those that a pass is of. */
export async function* expiringPartitions(
  storage: Storage,
  { beforeDate }: ExpiryPass,
  options: ListOptions,
): AsyncGenerator<Partition, void, undefined> {
  const { retention, today } = await storage.erasures.current();
  for (const date of await storage.dates(options)) {
    if (date >= beforeDate) return;
    throwIfAborted(options.signal, 'compacting');
    const range = { fromDate: date, toDate: date };
    for (const directories of [[SHARED_DIRECTORY], undefined]) {
      for await (const partition of storage.partitions({ ...range, directories }, options)) {
        await options.yieldTurn?.();
        if (retention.expiryOf(partition, today) !== null) yield partition;
      }
    }
  }
}
