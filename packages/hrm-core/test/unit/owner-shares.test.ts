import { expect, it } from 'vitest';
import { countOwners } from '../../src/drivers/queue/owner-shares.js';

const MARK = 32_000;

/** Pushes for each owner in turn, as far as it is taken. @returns what each has queued. */
function fill(owners: readonly string[], count = countOwners(MARK)): Readonly<Record<string, number>> {
  const queued: Record<string, number> = Object.fromEntries(owners.map((owner) => [owner, 0]));
  let depth = 0;
  for (let isTaken = true; isTaken; ) {
    isTaken = false;
    for (const owner of owners) {
      if (depth >= MARK || count.isUsedUp(owner, depth)) continue;
      count.add(owner, 10);
      depth += 10;
      queued[owner] = (queued[owner] ?? 0) + 10;
      isTaken = true;
    }
  }
  return queued;
}

it('leaves an eighth of the queue to others when one owner fills it, and less the more they are', () => {
  expect(fill(['a']).a).toBeCloseTo((MARK * 7) / 8, -2);
  const two = fill(['a', 'b']);
  expect(two.a).toBeCloseTo((MARK * 7) / 15, -2);
  expect(two.b).toBeCloseTo((MARK * 7) / 15, -2);
});

it('takes who has little queued to the last reading, behind one who has much', () => {
  const count = countOwners(MARK);
  const { a = 0 } = fill(['a'], count);
  expect(count.isUsedUp('a', a)).toBe(true);
  for (let depth = a; depth < MARK - 500; depth += 10) {
    expect(count.isUsedUp('b', depth)).toBe(false);
    if (depth % 100 === 0) count.add('b', 10);
  }
});

it('forgets what has left the queue, oldest first', () => {
  const count = countOwners(MARK);
  for (let i = 0; i < MARK; i += 1_000) count.add('a', 1_000);
  expect(count.isUsedUp('a', MARK - 1_000)).toBe(true);
  for (let i = 0; i < MARK; i += 1_000) count.add('b', 1_000);
  // What is queued is the newest, all of it of b.
  expect(count.isUsedUp('a', MARK - 1_000)).toBe(false);
  expect(count.isUsedUp('b', MARK - 1_000)).toBe(true);
});

it('holds no more than a bound, of however many owners', () => {
  const count = countOwners(100_000);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 2_000_000; i += 1) count.add(`address ${i}`, 1);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 ** 2);
});
