/** In which order a compacter's run takes partitions, and whose turn is next. */
import { SHARED_DIRECTORY } from '../names.js';
import { sortYielding } from '../sort-yielding.js';
import { eachYielding } from '../steps.js';

/** A partition that may have something to do. */
export interface Candidate<P> {
  readonly partition: P;
  /** Of its user, or of all of them. */
  readonly directory: string;
  readonly files: number;
}

/** Partitions in the order of a run. */
export interface OrderedWork<P> {
  /** Those of shared parts. */
  readonly shared: readonly P[];
  readonly others: readonly P[];
}

/** Dates of shared parts that are alike, so that compacters do not get into each other's way at every one. */
const DATES_ALIKE = 16;

/**
 * The order of a run. Of shared parts those of many files come first, then the oldest dates, so that those of what came late go on to
 * their end. Of the others those come first that are every user's partition with the most files, before anybody's second. Alike ones are in
 * random order.
 * @param candidates - by date, ascending.
 * @param fraction - random, 0 <= f < 1.
 * @param yieldTurn - lets others work: there may be hundreds of thousands.
 */
export async function orderWork<P>(
  candidates: readonly Candidate<P>[],
  fraction: () => number,
  yieldTurn: () => Promise<void>,
): Promise<OrderedWork<P>> {
  /** Of a user, which of the rounds is next. */
  const rounds = new Map<string, number>();
  const placed: P[][] = [];
  const shared: P[] = [];
  const ranked: Ranked<P>[] = [];
  let dates = 0;
  function rank(candidate: Candidate<P>): void {
    const isShared = candidate.directory === SHARED_DIRECTORY;
    const age = isShared ? Math.floor(dates / DATES_ALIKE) : 0;
    if (isShared) dates += 1;
    ranked.push({ candidate, need: Math.floor(Math.log2(candidate.files + 1)), age, luck: fraction() });
  }
  function place({ candidate: { directory, partition } }: Ranked<P>): void {
    if (directory === SHARED_DIRECTORY) {
      shared.push(partition);
      return;
    }
    const round = rounds.get(directory) ?? 0;
    rounds.set(directory, round + 1);
    placed[round] ??= [];
    placed[round].push(partition);
  }
  await eachYielding(candidates, rank, yieldTurn);
  const byNeed = await sortYielding(ranked, (a, b) => b.need - a.need || a.age - b.age || a.luck - b.luck, yieldTurn);
  await eachYielding(byNeed, place, yieldTurn);
  return { shared, others: placed.flat() };
}

interface Ranked<P> {
  readonly candidate: Candidate<P>;
  readonly need: number;
  readonly age: number;
  readonly luck: number;
}

/** Whose turn is next. */
export interface Turns<P> {
  /** `null` where none may begin now. */
  next(): Turn<P> | null;
  /** How many have not begun. */
  left(): number;
}

/** The turn of a partition. */
interface Turn<P> {
  readonly partition: P;
  /** Says how long it took; `isLeft`: it has more to do, and comes again after the others of its kind. */
  done(tookMs: number, isLeft: boolean): void;
}

/**
 * Shared parts and the others in turn, each kind for as long: whichever has more to do never keeps the other waiting. By time, since on a busy
 * disk a visit that finds nothing takes longer than a file that is written with others. Of the others any number may be under way, of shared
 * parts those of one date: they are split among many users at once.
 */
export function takeTurns<P>({ shared, others }: OrderedWork<P>): Turns<P> {
  const kinds = [
    { queue: [...shared], at: 0, tookMs: 0, underWay: 0, most: 1 },
    { queue: [...others], at: 0, tookMs: 0, underWay: 0, most: Number.POSITIVE_INFINITY },
  ];
  return {
    next() {
      const waiting = kinds.filter(({ queue, at, underWay, most }) => at < queue.length && underWay < most);
      const [kind] = waiting.sort((a, b) => a.tookMs - b.tookMs);
      if (kind === undefined) return null;
      const partition = kind.queue[kind.at] as P;
      kind.at += 1;
      kind.underWay += 1;
      return {
        partition,
        done(tookMs, isLeft) {
          kind.underWay -= 1;
          kind.tookMs += tookMs;
          if (isLeft) kind.queue.push(partition);
        },
      };
    },
    left: () => kinds.reduce((sum, { queue, at }) => sum + queue.length - at, 0),
  };
}
