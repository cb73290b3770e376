/**
 * Sending an answer in pieces, as it is made: neither a year of minutes nor the time to make it may be held at once.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_HELD_ANSWER_BYTES } from './limits.js';

/** The beginning of a text that comes in pieces. */
export interface Beginning {
  readonly text: string;
  /** The text is whole: there is no more. */
  readonly done: boolean;
}

/** Reads pieces up to {@link MAX_HELD_ANSWER_BYTES}: an error in them can still become a status, and a short text has a length. */
export async function readBeginning(pieces: AsyncIterator<string, void>): Promise<Beginning> {
  let text = '';
  while (text.length < MAX_HELD_ANSWER_BYTES) {
    const { value, done } = await pieces.next();
    if (done === true) return { text, done };
    text += value;
  }
  return { text, done: false };
}

/**
 * The beginning and the rest as a stream of bytes, made as fast as it is read and no faster.
 * @param onError - told of what stops it in the middle. The status is sent by then, so what remains is to cut the
 *   connection: an answer that ends before its end must not look like one.
 */
export function streamPieces(
  beginning: string,
  pieces: AsyncIterator<string, void>,
  onError: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  let next: string | undefined = beginning;
  let isCancelled = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          // A piece is a few milliseconds of work; between two of them everybody else has a turn.
          if (next === undefined) await nextTurn();
          const result = next === undefined ? await pieces.next() : { value: next, done: false };
          next = undefined;
          if (result.done === true) controller.close();
          else controller.enqueue(Buffer.from(result.value ?? '', 'utf8'));
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
