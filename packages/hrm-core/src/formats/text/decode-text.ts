import { joinBytes } from '../bytes.js';
import type { PieceGatherer } from '../gather-pieces.js';
import { createTextDecoding, DECODING_HEAD_BYTES, type TextDecoding } from './text-decoding.js';

/** Bytes decoded at once: a piece of work of some milliseconds, whatever pieces they come in. */
const SLICE_BYTES = 64 * 1024;

/** Decodes a file as `text-decoding.ts` says, without its byte order mark. @param gather - gets what somebody should know of it, once. */
export async function* decodeText(
  bytes: AsyncIterable<Uint8Array>,
  gather: Pick<PieceGatherer, 'note'>,
): AsyncGenerator<string> {
  let decoding: TextDecoding | null = null;
  let head: Uint8Array = new Uint8Array(0);
  let isTold = false;
  function checked(one: TextDecoding, text: string): string {
    const problem = isTold ? null : one.problem();
    if (problem !== null) gather.note(problem.code, problem.message);
    isTold ||= problem !== null;
    return text;
  }
  for await (const piece of bytes) {
    let rest = piece;
    if (decoding === null) {
      rest = joinBytes([head, piece]);
      head = rest;
      if (rest.byteLength < DECODING_HEAD_BYTES) continue;
      decoding = createTextDecoding(rest);
    }
    for (let from = 0; from < rest.byteLength; from += SLICE_BYTES) {
      const text = checked(decoding, decoding.decode(rest.subarray(from, from + SLICE_BYTES)));
      if (text !== '') yield text;
    }
  }
  const all = decoding ?? createTextDecoding(head);
  const last = (decoding === null ? all.decode(head) : '') + all.end();
  if (last !== '') yield checked(all, last);
}

/** The beginning of a file as text, for looking at what it is. The last character may be cut. */
export function decodeHead(head: Uint8Array): string {
  return createTextDecoding(head).decode(head);
}
