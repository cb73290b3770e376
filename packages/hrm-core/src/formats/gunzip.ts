import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

/** Gunzips what begins with the magic bytes of gzip, whatever its name; all else as it is. @throws what zlib throws, codes `Z_…`. */
export async function* gunzipped(pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const head: Buffer[] = [];
  let byteLength = 0;
  // A pipe may deliver single bytes.
  while (byteLength < 2) {
    const next = await pieces.next();
    if (next.done === true) break;
    head.push(next.value);
    byteLength += next.value.byteLength;
  }
  const start = Buffer.concat(head);
  const whole = prepend(start, pieces);
  if (!isGzip(start)) {
    yield* whole;
    return;
  }
  const gunzip = createGunzip();
  // Its errors are the ones that reading from `gunzip` throws.
  const pumped = pipeline(Readable.from(whole), gunzip).catch(() => undefined);
  yield* gunzip as AsyncIterable<Buffer>;
  await pumped;
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
