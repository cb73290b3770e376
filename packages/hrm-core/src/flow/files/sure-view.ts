/**
 * A store as whoever rewrites or deletes sees it: as of the last UTC day that has surely come. What is hidden since a later day, and may be so by a clock
 * that is wrong, is there like anything else, and is kept in whatever is made of it.
 */
import type { Clock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import { attestedDay } from './attested-day.js';

/** The view of each storage; one at a time, with what is remembered by it. */
const views = new WeakMap<Storage, { readonly day: number; readonly view: Storage }>();

/**
 * The view of a store: mostly the store itself.
 * @throws HrmError kind `unavailable`, kind `closed` when aborted.
 */
export async function sureView(storage: Storage, clock: Clock, options: CallOptions = {}): Promise<Storage> {
  const { retention, today } = await storage.erasures.current();
  if (retention.isNone) return storage;
  const day = await attestedDay(storage, clock, options);
  if (day >= today) return storage;
  let known = views.get(storage);
  if (known?.day !== day) {
    known = { day, view: viewOf(storage, day) };
    views.set(storage, known);
  }
  return known.view;
}

function viewOf(storage: Storage, asOf: number): Storage {
  const current = () => storage.erasures.current(asOf);
  return {
    ...storage,
    erasures: { ...storage.erasures, current },
    snapshot: (partition, options) => storage.snapshot(partition, { ...options, asOf }),
    versions: (partition, options) => storage.versions(partition, { ...options, asOf }),
    async *partitions(range, options) {
      const { isGone } = await current();
      for await (const partition of storage.partitions({ ...range, expired: true }, options))
        if (range.expired === true || !isGone(partition)) yield partition;
    },
    async *quarantined(options) {
      const { maskOf } = await current();
      for await (const aside of storage.quarantined(options))
        yield { ...aside, file: { ...aside.file, mask: maskOf(aside.partition) } };
    },
  };
}
