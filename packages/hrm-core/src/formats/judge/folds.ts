/** Which of the two hours is meant that a clock shows where it is set back. The text of a time does not tell; the times around it do. */

/** Hears of all times of one series, in the order of the file. */
export interface Folds {
  /**
   * Whether the later of two instants is meant.
   * @param wallMs - what the clock showed, as if it stood in Greenwich.
   * @param isTwice - whether it showed that twice.
   */
  isSecond(wallMs: number, isTwice: boolean): boolean;
}

/** Times further apart are of two changes of the clock. */
const APART_MS = 86_400_000;

/** Begins a series: before the first time nothing is known, and times go forward. */
export function createFolds(): Folds {
  let lastMs: number | null = null;
  let wasTwice = false;
  let isBackwards = false;
  let isSecond = false;
  return {
    isSecond(wallMs, isTwice) {
      const step = lastMs === null ? 0 : wallMs - lastMs;
      if (isTwice && wasTwice && Math.abs(step) < APART_MS) {
        // Where times go the other way than they do, the clock was set.
        if (isBackwards ? step > 0 : step < 0) isSecond = !isBackwards;
      } else {
        // The newest may stand first in a file.
        if (isTwice) isBackwards = step < 0;
        isSecond = isTwice && isBackwards;
      }
      lastMs = wallMs;
      wasTwice = isTwice;
      return isSecond;
    },
  };
}
