import { faultError } from '../errors.js';
import { ARCHIVE_RATIO_SLACK_BYTES, MAX_ARCHIVE_RATIO } from '../limits.js';

/**
 * What packed bytes come to, as long as that is likely: a few bytes may say that they are billions.
 * @param unpack - gives the bytes that packed ones come to.
 * @param name - of what is unpacked, for the error.
 * @throws HrmError kind `invalid`, code `invalid_input`, for more than {@link MAX_ARCHIVE_RATIO} times as many; what was given by then is good.
 */
export async function* unpackBounded<Piece extends Uint8Array>(
  packed: AsyncIterable<Piece>,
  unpack: (pieces: AsyncIterable<Piece>) => AsyncIterable<Piece>,
  name: string,
): AsyncGenerator<Piece> {
  let inBytes = 0;
  async function* counted(): AsyncGenerator<Piece> {
    for await (const piece of packed) {
      inBytes += piece.byteLength;
      yield piece;
    }
  }
  let outBytes = 0;
  for await (const piece of unpack(counted())) {
    outBytes += piece.byteLength;
    if (outBytes > MAX_ARCHIVE_RATIO * inBytes + ARCHIVE_RATIO_SLACK_BYTES)
      throw faultError(
        'invalid_input',
        `it comes to more than ${MAX_ARCHIVE_RATIO} times its size: it is not read on`,
        name,
      );
    yield piece;
  }
}
