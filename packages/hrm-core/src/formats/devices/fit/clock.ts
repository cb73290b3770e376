/** The times of one file. All are seconds since 1989-12-31T00:00:00Z, UTC. @see FIT protocol, "Date Time" and "Compressed Timestamp Header" */

const EPOCH_SECONDS = 631_065_600;
/** What is smaller counts from when the device was switched on, and is no time. */
const MIN_TIMESTAMP = 0x10000000;

/** Remembers the last time, to which others are given relatively. */
export interface FitClock {
  /** Hears of a message with a whole timestamp. */
  setTimestamp(seconds: number): void;
  /** The time of a message with 5 bits of it in its header; `undefined` where none was before. */
  fromCompressed(offset: number): number | undefined;
  /** The time of which only the low 16 bits are there; `undefined` where none was before. */
  from16Bits(low: number): number | undefined;
}

/** Begins without a time. */
export function createFitClock(): FitClock {
  let whole: number | undefined;
  let last: number | undefined;
  return {
    setTimestamp(seconds) {
      whole = seconds;
      last = seconds;
    },
    fromCompressed(offset) {
      if (last === undefined) return undefined;
      last += (offset - last) & 0x1f;
      return last;
    },
    from16Bits(low) {
      if (whole === undefined) return undefined;
      // The nearest one, before or behind: whole timestamps run ahead of others by minutes.
      const ahead = (low - whole) & 0xffff;
      return whole + (ahead >= 0x8000 ? ahead - 0x10000 : ahead);
    },
  };
}

/** Epoch milliseconds; NaN where it is no time. */
export function fitTimeMs(seconds: number | undefined): number {
  return seconds === undefined || seconds < MIN_TIMESTAMP ? Number.NaN : (seconds + EPOCH_SECONDS) * 1000;
}
