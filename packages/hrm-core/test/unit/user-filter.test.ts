/** A filter finds everybody it was made of, and few others. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createUserFilter, userIn } from '../../src/pure/user-filter.js';

function filterOf(users: readonly string[], maxUsers?: number): Uint8Array | null {
  const filter = createUserFilter(maxUsers);
  for (const user of users) filter.add(user);
  return filter.finish();
}

it('misses nobody, whatever the ids are', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 128 }), { minLength: 1 }),
      (users) => {
        const filter = filterOf(users);
        return filter !== null && users.every((user) => userIn(user)(filter));
      },
    ),
  );
});

it.each([40, 1_000, 10_000])('of %i users finds few who are not in it', (count) => {
  const filter = filterOf(Array.from({ length: count }, (_, i) => `user ${i}`)) ?? new Uint8Array();
  expect(filter.length).toBe(Math.ceil((count * 10) / 8));
  const strangers = Array.from({ length: 20_000 }, (_, i) => `user ${count + i}`);
  expect(strangers.filter((user) => userIn(user)(filter)).length).toBeLessThan(0.02 * strangers.length);
});

it('has the bits that its description says, since files have them', () => {
  expect(Buffer.from(filterOf(['ana', 'böb', '🫀']) ?? []).toString('hex')).toBe('53382dcf');
});

it('says nothing of nobody, and of more users than it may have', () => {
  expect(filterOf([])).toBeNull();
  expect(filterOf(['a', 'b'], 2)).not.toBeNull();
  expect(filterOf(['a', 'b', 'c', 'd'], 2)).toBeNull();
});
