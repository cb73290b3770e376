/**
 * Which users a shared part may have readings of, in some bits of each: a Bloom filter. Who is in it is always found. Of others one in
 * 120 seems to be, and then the part is looked into in vain.
 *
 * A question about a user's whole history meets the shared parts of every date that somebody else was late on. Sorted hashes would
 * be exact, and four times as long. The bounds of row groups tell nothing here: a user mostly lies between the first and the last.
 *
 * ```
 *   hash(seed)   h = seed; for each UTF-16 code unit c: h = (h xor c) * 16777619; then MurmurHash3's last mixing; 32 bits
 *   bit(i)       (hash(2166136261) + i * (hash(3735928559) | 1)) mod bits, for i = 0 to 6; bit b is 1 << (b & 7) of byte b >> 3
 * ```
 *
 * Ids that somebody chose so that their bits collide cost others some looks in vain, and nothing else.
 */
import { MAX_FILTER_USERS } from '../limits.js';

const BITS_PER_USER = 10;
const LOOKS = 7;

/** The two hashes that a user's bits follow from. */
type Hashes = readonly [first: number, step: number];

/** Collects users, each of them once. */
export interface UserFilterBuilder {
  add(userId: string): void;
  /** `null` where there were none, or too many. */
  finish(): Uint8Array<ArrayBuffer> | null;
}

/** Begins a filter. */
export function createUserFilter(maxUsers = MAX_FILTER_USERS): UserFilterBuilder {
  const firsts: number[] = [];
  const steps: number[] = [];
  return {
    add(userId) {
      if (firsts.length > maxUsers) return;
      const [first, step] = hashesOf(userId);
      firsts.push(first);
      steps.push(step);
    },
    finish() {
      if (firsts.length === 0 || firsts.length > maxUsers) return null;
      const filter = new Uint8Array(Math.ceil((firsts.length * BITS_PER_USER) / 8));
      // By plain loops and sums: fifty thousand users are some milliseconds in one piece, and were sixty.
      for (let i = 0; i < firsts.length; i += 1) setBits(filter, firsts[i] as number, steps[i] as number);
      return filter;
    },
  };
}

/** Tells of filters whether a user may be among those that one was made of. */
export function userIn(userId: string): (filter: Uint8Array) => boolean {
  const [first, step] = hashesOf(userId);
  return (filter) => hasBits(filter, first, step);
}

function setBits(filter: Uint8Array, first: number, step: number): void {
  const bits = 8 * filter.length;
  const by = step % bits;
  for (let look = 0, bit = first % bits; look < LOOKS; look += 1) {
    filter[bit >>> 3] = (filter[bit >>> 3] as number) | (1 << (bit & 7));
    bit = bit + by < bits ? bit + by : bit + by - bits;
  }
}

function hasBits(filter: Uint8Array, first: number, step: number): boolean {
  const bits = 8 * filter.length;
  const by = step % bits;
  for (let look = 0, bit = first % bits; look < LOOKS; look += 1) {
    if (((filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false;
    bit = bit + by < bits ? bit + by : bit + by - bits;
  }
  return true;
}

function hashesOf(userId: string): Hashes {
  return [hash(userId, 2_166_136_261), (hash(userId, 3_735_928_559) | 1) >>> 0];
}

function hash(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 16_777_619);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
