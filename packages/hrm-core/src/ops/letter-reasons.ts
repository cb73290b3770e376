import { MAX_COUNTED_LETTERS, MAX_LETTER_REASONS } from '../limits.js';
import type { DeadLetters } from '../ports/queue.js';

/** Why dead letters are dead: of the oldest of them, some hundreds. */
export interface LetterReasons {
  /** Letters that were looked at: {@link MAX_COUNTED_LETTERS} at most. */
  readonly looked: number;
  /** The most frequent first, {@link MAX_LETTER_REASONS} at most. */
  readonly reasons: readonly {
    /** Stable. */
    readonly code: string;
    readonly count: number;
    /** When the oldest and the newest of them were set aside, epoch ms. */
    readonly oldestMs: number;
    readonly newestMs: number;
  }[];
}

/** Counts dead letters by the code of their reason, and reads nothing else of them. @throws HrmError as the queue does. */
export async function countLetterReasons(letters: Pick<DeadLetters, 'list'>): Promise<LetterReasons> {
  const found = new Map<string, { count: number; oldestMs: number; newestMs: number }>();
  let looked = 0;
  for (let afterId: string | undefined; looked < MAX_COUNTED_LETTERS; ) {
    const page = await letters.list({ afterId, limit: MAX_COUNTED_LETTERS - looked });
    for (const { reason, deadMs } of page) {
      const code = /^[a-z][a-z0-9_]{0,63}(?=:|$)/.exec(reason)?.[0] ?? 'other';
      const { count, oldestMs, newestMs } = found.get(code) ?? { count: 0, oldestMs: deadMs, newestMs: deadMs };
      found.set(code, {
        count: count + 1,
        oldestMs: Math.min(oldestMs, deadMs),
        newestMs: Math.max(newestMs, deadMs),
      });
    }
    looked += page.length;
    afterId = page.at(-1)?.id;
    if (afterId === undefined) break;
  }
  const reasons = [...found].map(([code, counts]) => ({ code, ...counts })).sort((a, b) => b.count - a.count);
  return { looked, reasons: reasons.slice(0, MAX_LETTER_REASONS) };
}
