/** Finds where commands and replies end in Redis' protocol. @see https://redis.io/docs/latest/develop/reference/protocol-spec/ */

/** Takes what arrived; gives the values that are whole now, each with exactly the bytes it came in. */
export type RespFramer = (chunk: Buffer) => Buffer[];

/** How many values follow a header, beside itself: `*2` is two, `%2` (two pairs) is four. */
const AGGREGATES: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2 };

/** Types whose header says how many bytes follow. */
const BULKS = '$=!';

/**
 * A framer for one direction of one connection. A value in a value only adds to the number of those still missing, so it
 * needs no stack; every byte is looked at once, however it is cut up.
 */
export function createRespFramer(): RespFramer {
  let parts: Buffer[] = [];
  let missingValues = 1;
  let bytesToSkip = 0;
  let header = '';

  function takeHeader(): void {
    const [type = '', count] = [header[0], Number(header.slice(1))];
    header = '';
    const factor = AGGREGATES[type];
    if (factor !== undefined) missingValues += Math.max(0, count) * factor - 1;
    else if (BULKS.includes(type) && count >= 0) bytesToSkip = count + 2;
    else missingValues -= 1;
  }

  return (chunk) => {
    const frames: Buffer[] = [];
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (bytesToSkip > 0) {
        const skipped = Math.min(bytesToSkip, chunk.length - at);
        bytesToSkip -= skipped;
        at += skipped;
        if (bytesToSkip === 0) missingValues -= 1;
      } else {
        const end = chunk.indexOf('\n', at);
        header += chunk.toString('latin1', at, end === -1 ? chunk.length : end);
        at = end === -1 ? chunk.length : end + 1;
        if (end !== -1) takeHeader();
      }
      if (missingValues > 0) continue;
      frames.push(Buffer.concat([...parts, chunk.subarray(start, at)]));
      parts = [];
      start = at;
      missingValues = 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
    return frames;
  };
}
