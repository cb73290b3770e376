/**
 * Request bodies: from bytes on a socket to JSON values, with a bound on every step. Bytes come from Node's request and
 * not from its Fetch counterpart, which has no way to stop a body that is too large before it is all in memory.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { createGunzip, type Gunzip } from 'node:zlib';
import { HrmError } from 'hrm-core';
import { MAX_JSON_VALUES } from './limits.js';
import { isGzipped } from './media-type.js';
import { invalidError } from './problem.js';

/** Counts the bytes held by several requests together. */
export interface ByteBudget {
  /** Takes bytes; `false`, and takes none, when there are not so many left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** @param maxBytes - held at once by everybody who shares the budget, inclusive. */
export function createByteBudget(maxBytes: number): ByteBudget {
  let heldBytes = 0;
  return {
    take(bytes) {
      if (heldBytes + bytes > maxBytes) return false;
      heldBytes += bytes;
      return true;
    },
    give(bytes) {
      heldBytes -= bytes;
    },
  };
}

/** Bounds of one body. */
export interface BodyLimits {
  /** Unpacked, inclusive. */
  readonly maxBytes: number;
  /** Shared with other requests. */
  readonly budget: ByteBudget;
}

/**
 * Reads a body, unpacks it if it is gzip, and gives its text to `use`; the budget has its bytes back when that is done.
 * @throws HrmError kind `invalid`, code `body_too_large`, `bad_gzip`, `not_utf8` or `unsupported_encoding`; kind
 *   `unavailable`, code `too_busy`, when the budget is used up; kind `closed` when the client went away in the middle.
 */
export async function withBodyText<Result>(
  incoming: IncomingMessage,
  { maxBytes, budget }: BodyLimits,
  use: (text: string) => Promise<Result>,
): Promise<Result> {
  const gunzip = isGzipped(incoming.headers) ? createGunzip({ chunkSize: 64 * 1024 }) : null;
  if (gunzip === null && Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLargeError(maxBytes);
  let heldBytes = 0;
  function hold(bytes: number): void {
    if (heldBytes + bytes > maxBytes) throw tooLargeError(maxBytes);
    if (!budget.take(bytes)) throw tooBusyError();
    heldBytes += bytes;
  }
  try {
    const bytes = Buffer.concat(await collect(incoming, gunzip, hold));
    return await use(decodeText(bytes));
  } finally {
    budget.give(heldBytes);
  }
}

/** The chunks of a body, unpacked. `hold` sees each chunk's length before it is kept, and throws to stop. */
function collect(incoming: IncomingMessage, gunzip: Gunzip | null, hold: (bytes: number) => void): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let receivedBytes = 0;
    function stop(): void {
      incoming.off('data', onPacked).off('data', onData).off('end', onEnd).off('close', onClose);
      // The socket stays: the answer goes out over it, and whoever made the request lets the rest of the body run out.
      incoming.pause();
      if (gunzip === null) return;
      incoming.unpipe(gunzip);
      gunzip.destroy();
    }
    function fail(error: unknown): void {
      stop();
      reject(error);
    }
    function onData(chunk: Buffer): void {
      try {
        hold(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
    }
    function onPacked(chunk: Buffer): void {
      receivedBytes += chunk.length;
    }
    function onEnd(): void {
      // Bytes that the unpacking left lie beyond the end of the gzip data.
      if (gunzip !== null && gunzip.bytesWritten !== receivedBytes) {
        fail(badGzipError());
        return;
      }
      stop();
      resolve(chunks);
    }
    function onClose(): void {
      // A body that has been read to its end may still be in the unpacking.
      if (incoming.readableEnded) return;
      fail(clientGoneError());
    }
    if (incoming.destroyed) {
      onClose();
      return;
    }
    incoming.on('close', onClose);
    // Its 'close' follows, and says the same.
    incoming.on('error', () => undefined);
    if (gunzip === null) incoming.on('data', onData).on('end', onEnd);
    else {
      incoming.on('data', onPacked).pipe(gunzip);
      gunzip
        .on('data', onData)
        .on('end', onEnd)
        .on('error', () => fail(badGzipError()));
    }
  });
}

function decodeText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw invalidError('not_utf8', 'the body is not UTF-8');
  if (countsMoreValues(bytes, MAX_JSON_VALUES)) {
    throw invalidError('body_too_large', `the body may hold at most ${MAX_JSON_VALUES} JSON values: split it`);
  }
  const text = bytes.toString('utf8');
  // RFC 8259, 8.1: a byte order mark may be ignored.
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;

/** Whether JSON has more than `max` objects, arrays and members together. A short text cannot, and costs nothing. */
function countsMoreValues(json: Buffer, max: number): boolean {
  if (json.length <= max) return false;
  let values = 0;
  let inString = false;
  for (let i = 0; i < json.length; i += 1) {
    const byte = json[i];
    if (inString) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === COMMA || byte === OPEN_BRACKET || byte === OPEN_BRACE) values += 1;
  }
  return values > max;
}

/**
 * Parses JSON.
 * @throws HrmError kind `invalid`, code `not_json`. The parser's own message repeats the input, which is health data.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidError('not_json', 'the body is not JSON');
  }
}

/** NDJSON as it was sent. */
export interface NdjsonItems {
  /** One for each line that is not blank, so an index is that of the reading, not of the line; `null` if not JSON. */
  readonly items: readonly unknown[];
  /** Indices of items that are not JSON. */
  readonly malformed: ReadonlySet<number>;
}

/**
 * Parses NDJSON: a JSON value a line, `\n` or `\r\n`; blank lines are passed over.
 * @param maxItems - inclusive.
 * @throws HrmError kind `invalid`, code `too_many_readings`.
 */
export function parseNdjson(text: string, maxItems: number): NdjsonItems {
  const items: unknown[] = [];
  const malformed = new Set<number>();
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf('\n', from);
    const to = newline < 0 ? text.length : newline;
    const line = text.slice(from, to).trim();
    from = to + 1;
    if (line === '') continue;
    if (items.length === maxItems)
      throw invalidError('too_many_readings', `a batch may hold at most ${maxItems} readings: split it`);
    try {
      items.push(JSON.parse(line));
    } catch {
      malformed.add(items.length);
      items.push(null);
    }
  }
  return { items, malformed };
}

function tooLargeError(maxBytes: number): HrmError {
  return invalidError('body_too_large', `the body may have at most ${maxBytes} bytes, unpacked`);
}

function badGzipError(): HrmError {
  return invalidError('bad_gzip', 'the body is not gzip, or is cut, damaged or followed by something else');
}

function clientGoneError(): HrmError {
  return new HrmError('the client went away before its request was complete', { kind: 'closed', code: 'client_gone' });
}

function tooBusyError(): HrmError {
  const message = 'too many large requests at once';
  return new HrmError(message, { kind: 'unavailable', code: 'too_busy' });
}
