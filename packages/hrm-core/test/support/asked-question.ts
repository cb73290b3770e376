import { createGrid } from '../../src/pure/answer/grid.js';
import { type FixedInterval, INTERVAL_MS } from '../../src/pure/answer/interval.js';
import type { Question } from '../../src/pure/answer/question.js';

/** A question of UTC as the code has it, and as the oracle does. */
export type AskedQuestion = Question & { readonly intervalMs: number };

/** Gives a question the intervals of its width, and the rules by default. */
export function asked(question: Omit<AskedQuestion, 'grid' | 'resolve'> & Partial<AskedQuestion>): AskedQuestion {
  const [name] = Object.entries(INTERVAL_MS).find(([, widthMs]) => widthMs === question.intervalMs) ?? ['1m'];
  return { resolve: 'reading', ...question, grid: createGrid(name as FixedInterval, null) };
}
