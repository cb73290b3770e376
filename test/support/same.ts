import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';

/** `toEqual` of very many rows, which takes it seconds; asked only where they differ, for what it says then. */
export function expectSame(actual: unknown, expected: unknown, message?: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, message).toEqual(expected);
}
