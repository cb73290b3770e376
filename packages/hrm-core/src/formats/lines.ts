import { isUtf8 } from 'node:buffer';
import type { LinePosition } from './format.js';

/** A line of an input: its text, or why it has none. */
export type Line =
  | {
      readonly number: number;
      readonly text: string;
      /** The input ended where an end of line should be. */
      readonly isOpen?: true;
    }
  | { readonly number: number; readonly fault: string };

/** Takes the bytes that stand before a position, as they pass. */
export interface PassingBytes {
  update(bytes: Uint8Array): unknown;
}

/** Bytes of one line: a file without line ends must not fill the memory. A reading with the longest ids is 2 KB. */
export const MAX_LINE_BYTES = 1024 * 1024;

const LINE_END = 0x0a;
const TOO_LONG = `the line is longer than ${MAX_LINE_BYTES} bytes`;
const NOT_UTF8 = 'the line is not UTF-8: save the file as UTF-8';

/**
 * Splits bytes into lines, numbered from 1, as many at a time as one piece of the source completes. The line ends `\n`
 * and `\r\n`, and a byte order mark before the first line, are taken off. Holds one piece and one line at most.
 * @param position - where `pieces` begin; at each yield it is moved to the first line that was not given yet.
 * @param passing - at each yield it has got all bytes before `position`, and none behind it. Not at the yield of a last line without an
 *   end: the position stays where that line begins, since more of it may come, and its bytes have passed.
 */
export async function* readLines(
  pieces: AsyncIterable<Buffer>,
  position: LinePosition = { offset: 0, line: 1 },
  passing?: PassingBytes | undefined,
): AsyncGenerator<readonly Line[]> {
  const open = createOpenLine();
  let number = position.line;
  let pieceOffset = position.offset;
  for await (const piece of pieces) {
    const offset = pieceOffset;
    pieceOffset += piece.byteLength;
    const first = piece.indexOf(LINE_END);
    if (first === -1) {
      passing?.update(piece);
      open.append(piece);
      continue;
    }
    open.append(piece.subarray(0, first));
    const last = piece.lastIndexOf(LINE_END);
    const others = last > first ? splitLines(piece.subarray(first + 1, last), number + 1) : [];
    const lines = [open.finish(number), ...others];
    number += lines.length;
    open.append(piece.subarray(last + 1));
    position.offset = offset + last + 1;
    position.line = number;
    passing?.update(piece.subarray(0, last + 1));
    yield lines;
    passing?.update(piece.subarray(last + 1));
  }
  if (open.isEmpty()) return;
  const line = open.finish(number);
  yield ['text' in line ? { ...line, isOpen: true } : line];
}

/** The line whose end is not there yet; over the limit its bytes are dropped, and only that is remembered. */
function createOpenLine() {
  let pieces: Buffer[] = [];
  let byteLength = 0;
  return {
    append(piece: Buffer): void {
      byteLength += piece.byteLength;
      if (byteLength > MAX_LINE_BYTES) pieces = [];
      else if (piece.byteLength > 0) pieces.push(piece);
    },
    isEmpty: () => byteLength === 0,
    finish(number: number): Line {
      const line = byteLength > MAX_LINE_BYTES ? { number, fault: TOO_LONG } : toLine(Buffer.concat(pieces), number);
      pieces = [];
      byteLength = 0;
      return line;
    },
  };
}

/** The lines of whole lines, without the last one's end. One decoding for all of them where that can be. */
function splitLines(bytes: Buffer, number: number): Line[] {
  if (bytes.byteLength <= MAX_LINE_BYTES && isUtf8(bytes)) {
    return bytes
      .toString('utf8')
      .split('\n')
      .map((text, i) => ({ number: number + i, text: trimEnd(text) }));
  }
  const lines: Line[] = [];
  for (let from = 0; from <= bytes.byteLength; ) {
    const end = bytes.indexOf(LINE_END, from);
    const to = end === -1 ? bytes.byteLength : end;
    lines.push(toLine(bytes.subarray(from, to), number + lines.length));
    from = to + 1;
  }
  return lines;
}

function toLine(bytes: Buffer, number: number): Line {
  if (bytes.byteLength > MAX_LINE_BYTES) return { number, fault: TOO_LONG };
  if (!isUtf8(bytes)) return { number, fault: NOT_UTF8 };
  const text = trimEnd(bytes.toString('utf8'));
  return { number, text: number === 1 && text.startsWith('\ufeff') ? text.slice(1) : text };
}

function trimEnd(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
