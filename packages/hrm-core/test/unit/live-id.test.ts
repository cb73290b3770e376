import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatLiveId, parseLiveId, requireLiveId } from '../../src/flow/live/live-id.js';
import { FEED_SECRET_BYTES, MAX_CURSOR_LENGTH } from '../../src/limits.js';

const SECRET = randomBytes(FEED_SECRET_BYTES);
const NOWHERE = { cursor: '', index: -1 };
const POSITIONS = [
  { cursor: '0000002a-0000000000000007', index: 3 },
  { cursor: '001795518042368-00000000000000000000', index: 999 },
  { cursor: '001795518042368-00000000000000000000', index: -1 },
  { cursor: 'z'.repeat(MAX_CURSOR_LENGTH), index: 0 },
];

describe('the id of an event', () => {
  it.each(POSITIONS)('is read as it is written: %j', (position) => {
    const id = formatLiveId(SECRET, position);
    expect(requireLiveId(id, '/after')).toBe(id);
    expect(parseLiveId(SECRET, id)).toEqual(position);
  });

  it('tells nothing: the same position reads differently each time, and all are of one length', () => {
    const ids = [...POSITIONS, ...POSITIONS].map((position) => formatLiveId(SECRET, position));
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids.map(({ length }) => length)).size).toBe(1);
    const plain = ids.map((id) => Buffer.from(id, 'base64url').toString('latin1')).join();
    expect(plain).not.toMatch(/0{8}|z{8}/);
  });

  it('that was made by nobody, with another secret, or changed in any byte, is a position in no feed', () => {
    const id = formatLiveId(SECRET, { cursor: '0000002a-0000000000000007', index: 3 });
    const bytes = Buffer.from(id, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(parseLiveId(SECRET, changed.toString('base64url'))).toEqual(NOWHERE);
    }
    expect(parseLiveId(randomBytes(FEED_SECRET_BYTES), id)).toEqual(NOWHERE);
    // As versions before this one wrote them: who could write one could find out where the feed stands.
    for (const text of ['0000002a-0000000000000007.3', 'a', '-', id.slice(1)])
      expect(parseLiveId(SECRET, requireLiveId(text, '/after'))).toEqual(NOWHERE);
  });

  it.each([[''], ['a b'], ['a\n'], ['ä'], ['a/b'], ['a'.repeat(129)], [7], [null], [{}]])('%j is none', (text) => {
    expect(() => requireLiveId(text, '/after')).toThrow(
      expect.objectContaining({
        kind: 'invalid',
        code: 'invalid_cursor',
        faults: [expect.objectContaining({ path: '/after' })],
      }),
    );
  });
});
