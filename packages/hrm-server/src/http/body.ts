/**
 * Request bodies: from bytes on a socket to bytes that may be parsed, with a bound on every step. Bytes come from Node's request and
 * not from its Fetch counterpart, which has no way to stop a body that is too large before it is all in memory.
 */
import { isUtf8 } from 'node:buffer';
import { createGunzip } from 'node:zlib';
import { createYielder, HrmError, isHrmError } from 'hrm-core';
import { createReadScheduler, type Quota, tooBusyError } from 'hrm-core/shares';
import { invalidError } from '../api/problem.js';
import { MAX_TURN_BODY_BYTES } from '../limits.js';
import type { Call } from '../routes/handler.js';
import { sendContinue } from './connections/expect-continue.js';
import { isGzipped } from './media-type.js';

const TOO_MANY_BYTES = 'too many large requests at once: send fewer at a time';

/** Bounds of one body. */
export interface BodyLimits {
  /** Inclusive, as sent and unpacked. */
  readonly maxBytes: number;
  /** Bytes held by all requests, of which a client has a share. */
  readonly budget: Quota;
  /** Bytes that bodies under way say they have, of which a client has a share: it is known by the head what will find no room. */
  readonly announced: Quota;
  readonly client: string;
  /** How long it may keep silent, milliseconds. */
  readonly idleMs: number;
  /** Whether it must be UTF-8; default true. */
  readonly isText?: boolean | undefined;
}

/** A body that is there: UTF-8 without a byte order mark, unless it is no text. */
export interface Body {
  readonly bytes: Buffer;
}

/**
 * Reads a body, unpacks it if it is gzip, and gives it to `use` when its turn has come; the budget has its bytes back when that is done.
 * It is unpacked only when all of it is there: else 16 KiB and then silence would hold 16 MiB of the budget.
 * @throws HrmError kind `invalid`, code `body_too_large`, `bad_gzip`, `not_utf8`, `unsupported_encoding` or `request_timeout`; kind `unavailable`, code `too_busy`, when the client's share of the budget is used up, before anything is read where
 *   the body says how long it is; kind `closed` when the client
 *   went away in the middle; code `key_wrong` as soon as the key of whoever sends it counts no more.
 */
export async function withBody<Result>(
  { incoming, outgoing, access }: Pick<Call, 'incoming' | 'outgoing' | 'access'>,
  limits: BodyLimits,
  use: (body: Body) => Promise<Result>,
): Promise<Result> {
  const isPacked = isGzipped(incoming.headers);
  const length = Number(incoming.headers['content-length'] ?? 0);
  if (length > limits.maxBytes) throw tooLargeError(limits.maxBytes);
  const { budget, announced, client } = limits;
  if (!budget.hasRoom(client, length) || !announced.acquire(client, length)) throw tooBusyError(TOO_MANY_BYTES);
  const held = holdBytes(limits);
  sendContinue(incoming, outgoing);
  try {
    const read = isPacked ? receiveAndUnpack : receive;
    const { yieldTurn } = createYielder({ owner: client });
    const bytes = await join(await read({ incoming, access }, limits, held), yieldTurn);
    await yieldTurn();
    return await use(limits.isText === false ? { bytes } : checkBody(bytes));
  } finally {
    held.release();
    announced.release(client, length);
  }
}

/** The bytes of one body, or of what it unpacks to, that count against the limits. */
interface HeldBytes {
  /** Counts bytes before they are kept. @throws HrmError when there are too many. */
  hold(bytes: number): void;
  /** Gives all of them back; again is harmless. */
  release(): void;
}

function holdBytes({ maxBytes, budget, client }: BodyLimits): HeldBytes {
  let heldBytes = 0;
  return {
    hold(bytes) {
      if (heldBytes + bytes > maxBytes) throw tooLargeError(maxBytes);
      if (!budget.acquire(client, bytes)) throw tooBusyError(TOO_MANY_BYTES);
      heldBytes += bytes;
    },
    release() {
      budget.release(client, heldBytes);
      heldBytes = 0;
    },
  };
}

/** All bodies of the process. */
const scheduleRead = createReadScheduler({ turnBytes: MAX_TURN_BODY_BYTES });

/** Whose body it is. */
type Sender = Pick<Call, 'incoming' | 'access'>;

/** A body as it was sent, in the pieces that it came in. */
function receive({ incoming, access }: Sender, { client, idleMs }: BodyLimits, { hold }: HeldBytes): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => fail(silentError()), idleMs);
    function stop(): void {
      clearTimeout(timer);
      stopReading();
      unheard();
      // The socket stays: the answer goes out over it, and whoever made the request lets the rest of the body run out.
      incoming.off('end', onEnd).off('close', onClose);
    }
    function fail(error: unknown): void {
      stop();
      reject(error);
    }
    function onChunk(chunk: Buffer): void {
      timer.refresh();
      try {
        hold(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
    }
    function onEnd(): void {
      stop();
      resolve(chunks);
    }
    function onClose(): void {
      fail(clientGoneError());
    }
    const unheard = access.onEnd(fail);
    const stopReading = scheduleRead(incoming, client, onChunk);
    if (incoming.destroyed) {
      onClose();
      return;
    }
    incoming.on('end', onEnd).on('close', onClose);
    // Its 'close' follows, and says the same.
    incoming.on('error', () => undefined);
  });
}

async function receiveAndUnpack(sender: Sender, limits: BodyLimits, unpacked: HeldBytes): Promise<Buffer[]> {
  const packed = holdBytes(limits);
  try {
    return await unpack(await receive(sender, limits, packed), unpacked);
  } finally {
    packed.release();
  }
}

/** Unpacks gzip, whole and nothing behind it. */
async function unpack(packed: readonly Buffer[], { hold }: HeldBytes): Promise<Buffer[]> {
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  for (const chunk of packed) gunzip.write(chunk);
  gunzip.end();
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      hold(chunk.length);
      chunks.push(chunk);
    }
  } catch (error) {
    throw isHrmError(error) ? error : badGzipError();
  }
  // Bytes that the unpacking left lie beyond the end of the gzip data.
  if (gunzip.bytesWritten !== lengthOf(packed)) throw badGzipError();
  return chunks;
}

/** Pieces in one, with turns for others: to copy 12 MB at once into memory that is new was measured at 60 ms. */
async function join(chunks: readonly Buffer[], yieldTurn: () => Promise<void>): Promise<Buffer> {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const bytes = Buffer.allocUnsafeSlow(lengthOf(chunks));
  let at = 0;
  for (const chunk of chunks) {
    await yieldTurn();
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

function checkBody(given: Buffer): Body {
  if (!isUtf8(given)) throw invalidError('not_utf8', 'the body is not UTF-8');
  // RFC 8259, 8.1: a byte order mark may be ignored.
  const bytes = given.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? given.subarray(BYTE_ORDER_MARK.length)
    : given;
  return { bytes };
}

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

function tooLargeError(maxBytes: number): HrmError {
  return invalidError('body_too_large', `the body may have at most ${maxBytes} bytes, packed and unpacked`);
}

function badGzipError(): HrmError {
  return invalidError('bad_gzip', 'the body is not gzip, or is cut, damaged or followed by something else');
}

function silentError(): HrmError {
  return invalidError('request_timeout', 'the body stopped coming', []);
}

function clientGoneError(): HrmError {
  return new HrmError('the client went away before its request was complete', { kind: 'closed', code: 'client_gone' });
}
