/**
 * Makes results of items, in their order, of which some more are begun before the one in hand is taken: while a storage is waited for, the next
 * is asked already.
 *
 * What fails is told in its turn, after what was made of the items before. Who stops early waits for what has begun, so that nothing is
 * left open.
 * @param maxAhead - how many may be begun, or done, beyond the one in hand; 0: each begins when the one before was taken.
 */
export async function* readAhead<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  make: (item: Item) => Promise<Result>,
  maxAhead: number,
): AsyncGenerator<Result, void, undefined> {
  const begun: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const result = make(item);
      // It is heard when its turn comes.
      result.catch(() => undefined);
      begun.push(result);
      if (begun.length > maxAhead) yield await (begun.shift() as Promise<Result>);
    }
    for (let next = begun.shift(); next !== undefined; next = begun.shift()) yield await next;
  } finally {
    await Promise.allSettled(begun);
  }
}
