import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { isGzip, prepend } from './bytes.js';
import { unpackBounded } from './unpack-bounded.js';

/**
 * Gunzips what begins with the magic bytes of gzip, whatever its name; all else as it is.
 * @throws what zlib throws, codes `Z_…`; HrmError code `invalid_input` for what comes to more than is likely.
 */
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
  yield* unpackBounded(whole, gunzip, '');
}

async function* gunzip(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unpacking = createGunzip();
  // Its errors are the ones that reading from `unpacking` throws.
  const pumped = pipeline(Readable.from(pieces), unpacking).catch(() => undefined);
  yield* unpacking as AsyncIterable<Buffer>;
  await pumped;
}
