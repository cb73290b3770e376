/**
 * Work in steps: a generator that yields wherever others may have a turn. The same work is done in one piece where it is known to be
 * little, and with turns for others where it may be much.
 */

/** Work that yields nothing but the chance to do something else. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Does all of it at once. */
export function inOnePiece<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Does it step by step. @param give - lets others work, where it is time to. */
export async function inTurns<T>(steps: Steps<T>, yieldTurn: () => Promise<void>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await yieldTurn();
  }
}

/** Elements that a piece goes through, where nothing else is said: some hundred microseconds' work. */
const ELEMENTS_A_PIECE = 1_024;

/**
 * Goes through very many elements, with turns for others before each piece of them.
 * @param piece - elements of a piece: less than a millisecond's work.
 */
export async function eachYielding<T>(
  items: Iterable<T>,
  each: (item: T, index: number) => void,
  yieldTurn: () => Promise<void>,
  piece = ELEMENTS_A_PIECE,
): Promise<void> {
  let index = 0;
  for (const item of items) {
    if (index % piece === 0) await yieldTurn();
    each(item, index);
    index += 1;
  }
}

/**
 * What of very many elements is wanted, made of each, with turns for others.
 * @param pick - what is made of an element; `undefined`: nothing.
 * @param piece - as {@link eachYielding} has it.
 */
export async function collectYielding<T, Picked>(
  items: Iterable<T>,
  pick: (item: T) => Picked | undefined,
  yieldTurn: () => Promise<void>,
  piece = ELEMENTS_A_PIECE,
): Promise<Picked[]> {
  const all: Picked[] = [];
  function collect(item: T): void {
    const picked = pick(item);
    if (picked !== undefined) all.push(picked);
  }
  await eachYielding(items, collect, yieldTurn, piece);
  return all;
}

/** Lets calls wait for their turn, as {@link atMost} does. */
export type Turns = <T>(call: () => Promise<T>) => Promise<T>;

/** Begins in its turn, and gives the turn to the next before it has ended. @param work - calls `passOn` where the next may begin. */
export async function beginInTurn<T>(turns: Turns, work: (passOn: () => void) => Promise<T>): Promise<T> {
  let working: Promise<T> | undefined;
  await turns(
    () =>
      new Promise<void>((passOn) => {
        working = work(passOn).finally(passOn);
      }),
  );
  return await (working as Promise<T>);
}

/** Lets at most `max` calls run at once; the others wait, first come first served. */
export function atMost(max: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (call) => {
    // Who ends hands its turn to who waits longest: nobody who comes between takes it.
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await call();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
