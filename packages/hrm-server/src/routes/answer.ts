/**
 * Sending an answer in pieces, as it is made: neither a year of minutes nor the time to make it may be held at once.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import type { Encoding } from '../http/connections/accept.js';
import { MAX_HELD_ANSWER_BYTES } from '../limits.js';

/** The beginning of an answer that comes in pieces. */
export interface Beginning {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The answer is whole: there is no more. */
  readonly done: boolean;
}

/** Reads pieces up to {@link MAX_HELD_ANSWER_BYTES}: an error in them can still become a status, and a short answer has a length. */
export async function readBeginning(pieces: AsyncIterator<Uint8Array, void>): Promise<Beginning> {
  const held: Uint8Array[] = [];
  let length = 0;
  while (length < MAX_HELD_ANSWER_BYTES) {
    const { value, done } = await pieces.next();
    if (done === true) return { bytes: Buffer.concat(held, length), done };
    held.push(value);
    length += value.length;
  }
  return { bytes: Buffer.concat(held, length), done: false };
}

/** How pieces become a stream. */
export interface StreamOptions {
  /** Makes one piece: here it waits its turn, or is refused. */
  readonly makeWith: <Piece>(make: () => Promise<Piece>) => Promise<Piece>;
  /**
   * Told of what stops it in the middle. The status is sent by then, so what remains is to cut the connection: an answer that
   * ends before its end must not look like one.
   */
  readonly onError: (error: unknown) => void;
}

/** Pieces as a stream of bytes, made as fast as it is read and no faster. */
export function streamPieces(
  pieces: AsyncIterator<Uint8Array, void>,
  { makeWith, onError }: StreamOptions,
): ReadableStream<Uint8Array> {
  let isCancelled = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await makeWith(() => pieces.next());
          if (done === true) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          // Whoever went away has stopped the query and closed the stream; that is how it should end.
          if (!isCancelled) onError(error);
        }
      },
      async cancel() {
        isCancelled = true;
        await pieces.return?.();
      },
    },
    // Nothing is made that nobody has asked for.
    { highWaterMark: 0 },
  );
}

/** Packs pieces as they come. Stopping early stops them, and what fails in them fails here. */
export async function* packPieces(
  encoding: Encoding,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const packer = encoding === 'gzip' ? createGzip({ level: GZIP_LEVEL }) : createBrotliCompress(BROTLI_OPTIONS);
  // What stops it reaches the reader through the packer, which is destroyed with the error.
  const packing = pipeline(Readable.from(pieces, { objectMode: false }), packer).catch(() => undefined);
  try {
    for await (const packed of packer) yield packed as Uint8Array;
  } finally {
    packer.destroy();
    await packing;
  }
}

/** Both are about as far as packing can go without taking longer than making the answer several times over. */
const GZIP_LEVEL = 4;
/** A window of 256 KiB: the default of 4 MiB packs rows no better, and each answer under way would hold several times that. */
const BROTLI_OPTIONS = { params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 } };

/** A beginning that was read already, and the rest. */
export async function* rejoin(
  beginning: Uint8Array,
  pieces: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield beginning;
    yield* pieces;
  } finally {
    // Who stops at the beginning has not begun the rest.
    await pieces.return();
  }
}
