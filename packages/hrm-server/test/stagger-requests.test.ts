import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { staggerRequests } from '../src/http/connections/stagger-requests.js';

function requestOf(remoteAddress: string, isGone = false) {
  return { socket: { remoteAddress, destroyed: isGone } } as unknown as IncomingMessage;
}

it('begins what fits in a turn, the others in the next ones, and lets addresses take turns', async () => {
  let nowMs = 0;
  const begun: string[] = [];
  const begin = staggerRequests(
    ({ socket }) => {
      begun.push(socket.remoteAddress ?? '');
      nowMs += 2;
    },
    () => nowMs,
  );
  const outgoing = {} as ServerResponse;
  for (let i = 0; i < 9; i += 1) begin(requestOf('a'), outgoing);
  begin(requestOf('gone', true), outgoing);
  begin(requestOf('b'), outgoing);
  // Of 5 ms three are left to begin in.
  expect(begun).toEqual(['a', 'a', 'a']);
  await nextTurn();
  expect(begun.slice(3)).toEqual(['a', 'b', 'a']);
  for (let i = 0; i < 3; i += 1) await nextTurn();
  expect(begun).toHaveLength(10);
  expect(begun).not.toContain('gone');
  begin(requestOf('c'), outgoing);
  expect(begun.at(-1)).toBe('c');
});
