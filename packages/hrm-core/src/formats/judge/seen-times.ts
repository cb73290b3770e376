import { DAY_MS, MAX_SEEN_SLOTS } from '../../limits.js';

/** Remembers which instants of which series were met. */
export interface SeenTimes {
  /** Adds an instant. @returns whether it was there before; `false` as well where it cannot be remembered. */
  has(series: number, timeMs: number): boolean;
  /** Whether there was no room for some of them. */
  isFull(): boolean;
}

/** Milliseconds of a day by open addressing: a slot holds one more than them, and 0 is free. */
interface DayTimes {
  slots: Uint32Array;
  count: number;
}

const FIRST_SLOTS = 16;
/** An odd number near 2^32 divided by the golden ratio spreads what follows each other. */
const SPREAD = 0x9e3779b1;

/** @param maxSlots - four bytes each; default {@link MAX_SEEN_SLOTS}. */
export function createSeenTimes(maxSlots = MAX_SEEN_SLOTS): SeenTimes {
  const series: Map<number, DayTimes>[] = [];
  let slotCount = 0;
  let isFull = false;
  // Values mostly follow each other.
  let last: { readonly series: number; readonly day: number; readonly times: DayTimes } | null = null;

  function timesOf(index: number, day: number): DayTimes | null {
    if (last !== null && last.series === index && last.day === day) return last.times;
    let days = series[index];
    if (days === undefined) {
      days = new Map();
      series[index] = days;
    }
    let times = days.get(day);
    if (times === undefined) {
      if (slotCount + FIRST_SLOTS > maxSlots) return null;
      slotCount += FIRST_SLOTS;
      times = { slots: new Uint32Array(FIRST_SLOTS), count: 0 };
      days.set(day, times);
    }
    last = { series: index, day, times };
    return times;
  }

  return {
    has(index, timeMs) {
      const day = Math.floor(timeMs / DAY_MS);
      const key = timeMs - day * DAY_MS + 1;
      const times = timesOf(index, day);
      if (times === null) {
        isFull = true;
        return false;
      }
      const at = findSlot(times.slots, key);
      if (times.slots[at] === key) return true;
      // At most half of them are taken, so that searches stay short.
      if (2 * (times.count + 1) > times.slots.length) {
        if (slotCount + times.slots.length > maxSlots) {
          isFull = true;
          return false;
        }
        slotCount += times.slots.length;
        times.slots = grown(times.slots);
      }
      times.slots[findSlot(times.slots, key)] = key;
      times.count += 1;
      return false;
    },
    isFull: () => isFull,
  };
}

/** Where a key is, or where it would be put. */
function findSlot(slots: Uint32Array, key: number): number {
  const mask = slots.length - 1;
  let at = (Math.imul(key, SPREAD) >>> 7) & mask;
  while (slots[at] !== 0 && slots[at] !== key) at = (at + 1) & mask;
  return at;
}

function grown(slots: Uint32Array): Uint32Array {
  const larger = new Uint32Array(2 * slots.length);
  for (const key of slots) if (key !== 0) larger[findSlot(larger, key)] = key;
  return larger;
}
