import { describe, expect, it } from 'vitest';
import { formatLiveCursor, isDelivered, parseLiveCursor } from '../../src/pure/live-cursor.js';

describe('a cursor among readings', () => {
  it.each([
    ['0000002a-0000000000000007.3', '0000002a-0000000000000007', 3],
    ['001795518042368-00000000000000000000.999', '001795518042368-00000000000000000000', 999],
    ['001795518042368-00000000000000000000', '001795518042368-00000000000000000000', -1],
  ])('%s is read as it is written', (text, cursor, index) => {
    expect(parseLiveCursor(text, '/after')).toEqual({ cursor, index });
    expect(formatLiveCursor({ cursor, index })).toBe(text);
  });

  it.each([
    [''],
    ['.'],
    ['a.'],
    ['.1'],
    ['a.-1'],
    ['a.1.1'],
    ['a.1234567'],
    ['A-1'],
    ['a b'],
    ['a\n'],
    ['a'.repeat(49)],
    [7],
    [null],
    [{}],
  ])('%j is none', (text) => {
    expect(() => parseLiveCursor(text, '/after')).toThrow(
      expect.objectContaining({
        kind: 'invalid',
        code: 'invalid_cursor',
        faults: [expect.objectContaining({ path: '/after' })],
      }),
    );
  });

  it('tells what was delivered: entries before, and readings of the same up to it', () => {
    const after = { cursor: 'b', index: 1 };
    const positions = ['a', 'b', 'c'].flatMap((cursor) => [0, 1, 2].map((index) => ({ cursor, index })));
    const delivered = positions.filter((position) => isDelivered(position, after)).map(formatLiveCursor);
    expect(delivered).toEqual(['a.0', 'a.1', 'a.2', 'b.0', 'b.1']);
    expect(isDelivered({ cursor: 'b', index: 0 }, { cursor: 'b', index: -1 })).toBe(false);
  });
});
