/** A line in which owners take turns: who puts in much waits for themselves, and not for all. */
export interface Rotation<Item> {
  /** How many owners wait. */
  readonly owners: number;
  add(owner: string, item: Item): void;
  /** The oldest of the owner who has waited longest, who goes behind the others; `undefined` when nobody waits. */
  next(): Item | undefined;
  /** The same, passing over owners who may not now. */
  nextOf(mayNow: (owner: string) => boolean): Item | undefined;
}

/** Makes an empty one. */
export function createRotation<Item>(): Rotation<Item> {
  // In the order of their turns.
  const waiting = new Map<string, Item[]>();

  function nextOf(mayNow: (owner: string) => boolean): Item | undefined {
    for (const [owner, items] of waiting) {
      if (!mayNow(owner)) continue;
      const item = items.shift();
      waiting.delete(owner);
      if (items.length > 0) waiting.set(owner, items);
      return item;
    }
    return undefined;
  }

  return {
    get owners() {
      return waiting.size;
    },
    add(owner, item) {
      const items = waiting.get(owner);
      if (items === undefined) waiting.set(owner, [item]);
      else items.push(item);
    },
    next: () => nextOf(() => true),
    nextOf,
  };
}
