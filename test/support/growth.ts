/**
 * How the time of a parser grows with its input. CPU time and not the clock's, the least of several tries, and ratios over
 * doublings: a busy machine makes each try slower, and none of them grow.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SHAPES, type Shape } from './hostile-shapes.js';

/** Takes a hostile text; that it throws is an answer. */
export type Feed = (text: string) => unknown;

/** How it is measured. */
export interface GrowthOptions {
  /** The longest text, UTF-16 code units; a power of two. Default 16,384. */
  readonly longest?: number | undefined;
}

/** From the second longest text to the longest, which is sixteen times as long. */
const STEP = 16;

/** What sixteen times as much takes in n log n is 20 times as long; caches that overflow make it more, to 100 times on slow cores. In n² it is 256 times. */
const MOST_TIMES = 8 * STEP;

/** CPU milliseconds below which nothing is told from noise. */
const LEAST_MS = 0.2;

/** After so many tries that are too slow it is not the machine. */
const TRIES = 40;

/** Tries at once; before each further one others get the machine, whose work the collector's threads may be in the way of. */
const TRIES_AT_ONCE = 4;
const REST_MS = 25;

/** The lengths in the order of a try: the short ones first, since what grows still faster would never come to the end of the longest. */
const ORDER = [0, 1, 2] as const;

/** The second again, since code that was not run before is slower, which must not be taken for its time. */
const AGAIN = [1] as const;

/** So slow that no other try is needed, milliseconds. */
const SURELY_MS = 1_000;

/** A text may be right so far, and then end in what nothing takes. */
const ENDS = ['', '"!'];

/** The shapes that a parser takes more than n log n for, each with the times. */
export async function growthFaults(feed: Feed, { longest = 16_384 }: GrowthOptions = {}): Promise<string[]> {
  const faults: string[] = [];
  for (const [name, shape] of Object.entries(SHAPES)) {
    for (const end of ENDS) {
      const fault = await growthFault(
        feed,
        textsOf(name + end, (length) => shape(length) + end, longest),
      );
      if (fault !== null) faults.push(`${name}${end}: ${fault}`);
    }
  }
  return faults;
}

/** A shape in each length. */
interface Texts {
  readonly lengths: readonly number[];
  readonly texts: readonly string[];
}

/** What was made, by shape and longest text: every parser of a file gets the same. */
const made = new Map<string, Texts>();

function textsOf(name: string, shape: Shape, longest: number): Texts {
  const key = `${longest} ${name}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const lengths = [longest / STEP / STEP, longest / STEP, longest];
  const texts = { lengths, texts: lengths.map((length) => flat(shape(length))) };
  made.set(key, texts);
  return texts;
}

async function growthFault(feed: Feed, { lengths, texts }: Texts): Promise<string | null> {
  const leastMs = lengths.map(() => Number.POSITIVE_INFINITY);
  for (let i = 0; i < TRIES; i += 1) {
    if (i >= TRIES_AT_ONCE) await sleep(REST_MS);
    for (const order of [ORDER, AGAIN]) {
      for (const at of order) {
        leastMs[at] = Math.min(leastMs[at] as number, await cpuMs(feed, texts[at] as string));
        if ((leastMs[at] as number) > SURELY_MS) return `${lengths[at]} characters take ${leastMs[at]} ms`;
      }
      // However short the second is, this is not too long.
      if ((leastMs[2] as number) <= MOST_TIMES * LEAST_MS) return null;
    }
    const [, shortMs = 0, longMs = 0] = leastMs;
    if (longMs <= MOST_TIMES * shortMs) return null;
  }
  return lengths.map((length, at) => `${length} characters take ${leastMs[at]?.toFixed(2)} ms`).join(', ');
}

async function cpuMs(feed: Feed, text: string): Promise<number> {
  const before = process.cpuUsage();
  try {
    await feed(text);
  } catch {
    // A refusal.
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** The text in one piece: a parser must not pay for how it was put together. */
function flat(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
