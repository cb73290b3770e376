/** Pieces as one. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const joined = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.byteLength;
  }
  return joined;
}

/** The same bytes in pieces of one size, the last aside: what is given byte by byte, or all at once, is neither slow nor held up by. */
export async function* evenPieces(bytes: AsyncIterable<Uint8Array>, pieceBytes: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const piece of bytes) {
    let from = 0;
    while (heldBytes + piece.byteLength - from >= pieceBytes) {
      const to = from + pieceBytes - heldBytes;
      yield joinBytes([...held, piece.subarray(from, to)]);
      from = to;
      held = [];
      heldBytes = 0;
    }
    if (from === piece.byteLength) continue;
    held.push(piece.subarray(from));
    heldBytes += piece.byteLength - from;
  }
  if (heldBytes > 0) yield joinBytes(held);
}

/** By the magic bytes. @see RFC 1952 */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** What was read of an input, and then the rest of it. */
export async function* prepend<Piece extends Uint8Array>(
  start: Piece,
  rest: AsyncIterable<Piece>,
): AsyncGenerator<Piece> {
  if (start.byteLength > 0) yield start;
  yield* rest;
}
