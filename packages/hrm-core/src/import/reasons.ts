/** Why rows were refused, and how often. */
export interface Reason {
  /** With the field: `heart_rate must be …`; never the value. */
  readonly message: string;
  /** Faults of this kind; a row may have several. */
  readonly count: number;
  /** The first places, `FILE:LINE`. */
  readonly examples: readonly string[];
}

/** By message. */
export type Reasons = Map<string, Reason>;

/** Different reasons that are told apart: messages are few, and a file could make many of them. */
const MAX_REASONS = 50;
const MAX_EXAMPLES = 3;

/** Counts a reason; those beyond the bound count as one. */
export function addReason(reasons: Reasons, reason: Reason): void {
  const message = reasons.has(reason.message) || reasons.size < MAX_REASONS ? reason.message : 'other reasons';
  const { count = 0, examples = [] } = reasons.get(message) ?? {};
  const all = examples.length < MAX_EXAMPLES ? [...examples, ...reason.examples].slice(0, MAX_EXAMPLES) : examples;
  reasons.set(message, { message, count: count + reason.count, examples: all });
}

/** The most frequent first. */
export function rankReasons(reasons: Reasons): readonly Reason[] {
  return [...reasons.values()].sort((a, b) => b.count - a.count);
}
