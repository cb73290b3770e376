/** Characters decoded at once: a piece of work of some milliseconds, whatever pieces the bytes come in. */
const SLICE_BYTES = 64 * 1024;

/**
 * Decodes UTF-8, or UTF-16 behind its byte order mark. The mark is taken off. Bytes that are neither become U+FFFD: a broken name must
 * not cost the readings around it.
 */
export async function* decodeText(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let decoder: Decoder | null = null;
  let head: Uint8Array = new Uint8Array(0);
  for await (const piece of bytes) {
    let rest = piece;
    if (decoder === null) {
      rest = joinBytes(head, piece);
      head = rest;
      if (rest.byteLength < 2) continue;
      decoder = createDecoder(rest);
    }
    for (let from = 0; from < rest.byteLength; from += SLICE_BYTES) {
      const text = decoder.decode(rest.subarray(from, from + SLICE_BYTES), { stream: true });
      if (text !== '') yield text;
    }
  }
  const last = decoder === null ? new TextDecoder().decode(head) : decoder.decode();
  if (last !== '') yield last;
}

/** The beginning of a file as text, for looking at what it is. The last character may be cut. */
export function decodeHead(head: Uint8Array): string {
  return createDecoder(head).decode(head);
}

type Decoder = InstanceType<typeof TextDecoder>;

function createDecoder(head: Uint8Array): Decoder {
  if (head[0] === 0xff && head[1] === 0xfe) return new TextDecoder('utf-16le');
  if (head[0] === 0xfe && head[1] === 0xff) return new TextDecoder('utf-16be');
  return new TextDecoder();
}

function joinBytes(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.byteLength + second.byteLength);
  joined.set(first);
  joined.set(second, first.byteLength);
  return joined;
}
