/** Time as the flow sees it; injected, so that a test decides what time it is. */
export interface Clock {
  /** Epoch milliseconds UTC. May jump either way: nothing may rely on it for more than a lease. */
  nowMs(): number;
}

/** The machine's clock; the default wherever a component takes a {@link Clock}. */
export const systemClock: Clock = { nowMs: () => Date.now() };
