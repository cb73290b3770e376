import { joinBytes } from './bytes.js';

/** What is known of bytes whose beginning was read. */
interface Beginning<Piece> {
  readonly head: Uint8Array;
  readonly whole: AsyncGenerator<Piece>;
  /** Leaves the source, for whoever does not read on. */
  close(): Promise<void>;
}

/**
 * The beginning of what comes in pieces, and all of it as if nothing had been read.
 * @param headBytes - of the beginning, at most; it has fewer where there are no more.
 * @throws what reading throws, where nothing came before; else it is thrown by whoever reads on.
 */
export async function readHead<Piece extends Uint8Array>(
  bytes: AsyncIterable<Piece>,
  headBytes: number,
): Promise<Beginning<Piece>> {
  const pieces = bytes[Symbol.asyncIterator]();
  const read: Piece[] = [];
  let byteLength = 0;
  let failure: { readonly error: unknown } | null = null;
  while (byteLength < headBytes) {
    try {
      const next = await pieces.next();
      if (next.done === true) break;
      read.push(next.value);
      byteLength += next.value.byteLength;
    } catch (error) {
      // What could be read of it tells what it is.
      if (byteLength === 0) throw error;
      failure = { error };
      break;
    }
  }
  return {
    head: joinBytes(read).subarray(0, headBytes),
    whole: resumed(read, pieces, failure),
    async close() {
      await pieces.return?.();
    },
  };
}

async function* resumed<Piece>(
  read: readonly Piece[],
  rest: AsyncIterator<Piece>,
  failure: { readonly error: unknown } | null,
): AsyncGenerator<Piece> {
  try {
    yield* read;
    if (failure !== null) throw failure.error;
    yield* { [Symbol.asyncIterator]: () => rest };
  } finally {
    // Whoever leaves early leaves the source, too.
    await rest.return?.();
  }
}
