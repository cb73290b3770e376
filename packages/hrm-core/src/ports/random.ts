import { randomUUID } from 'node:crypto';

/** Chance as the flow sees it; injected, so that a test can repeat a run. */
export interface Random {
  /** A fresh id of letters, digits and `-`, never given before by anybody. */
  id(): string;
  /** Uniform, 0 inclusive to 1 exclusive. */
  fraction(): number;
}

/** The machine's randomness; the default wherever a component takes a {@link Random}. */
export const systemRandom: Random = { id: () => randomUUID(), fraction: () => Math.random() };
