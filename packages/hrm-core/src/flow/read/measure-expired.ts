import { throwIfAborted } from '../../errors.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage } from '../../ports/storage.js';
import { dayOfMs, firstKeptDate, type Retention } from '../../pure/erasure/retention.js';
import { createYielder } from '../files/yielder.js';

/** Partitions that are sized before others have a turn. */
const SIZED_AT_ONCE = 512;

/** Whole days that are kept no longer and are still on the disk: what would go. */
export interface ExpiredSize {
  /** UTC days that readings are kept where no rule says otherwise; `null`: for ever. */
  readonly days: number | null;
  /** Rules of users and devices. */
  readonly rules: number;
  /** UTC dates of which something goes. */
  readonly dates: number;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Counts the whole days of users that go, by how long readings are kept. Readings that go while others of their file stay are not counted.
 * @param retention - default: as the store says.
 * @returns `null` where everything is kept for ever.
 * @throws HrmError kind `unavailable` when the storage cannot now; kind `closed` when aborted.
 */
export async function measureExpired(
  {
    storage,
    clock = systemClock,
  }: {
    readonly storage: Pick<Storage, 'dates' | 'partitions' | 'sizes' | 'erasures'>;
    readonly clock?: Clock | undefined;
  },
  retention: Retention | null,
  options: CallOptions = {},
): Promise<ExpiredSize | null> {
  const kept = retention ?? (await storage.erasures.current()).retention;
  if (kept.isNone) return null;
  const today = dayOfMs(clock.nowMs());
  const size = { dates: 0, files: 0, bytes: 0 };
  const { yieldTurn } = createYielder(options);
  for (const date of await storage.dates(options)) {
    if (date >= firstKeptDate(today, kept.fewestDays)) break;
    throwIfAborted(options.signal, 'measuring');
    const before = size.files;
    let some: Partition[] = [{ date, directory: SHARED_DIRECTORY }].filter((one) => kept.goneOn(one) <= today);
    async function addSome(): Promise<void> {
      for (const { files, bytes } of await storage.sizes(some, options)) {
        size.files += files;
        size.bytes += bytes;
      }
      some = [];
    }
    for await (const partition of storage.partitions({ fromDate: date, toDate: date, expired: true }, options)) {
      await yieldTurn();
      if (kept.goneOn(partition) <= today) some.push(partition);
      if (some.length >= SIZED_AT_ONCE) await addSome();
    }
    await addSome();
    if (size.files > before) size.dates += 1;
  }
  return { days: kept.record?.days ?? null, rules: kept.record?.rules.length ?? 0, ...size };
}
