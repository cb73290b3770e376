import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { HrmError } from 'hrm-core';

/** The beginning of a file: what is appended later does not change it. */
export interface FileIdentity {
  readonly headBytes: number;
  /** SHA-256, hex. */
  readonly headDigest: string;
}

/** Bytes of a file's beginning that tell it from others, at most. */
const MAX_HEAD_BYTES = 64 * 1024;

/** An input, opened: its existence is certain before the first is read. */
export interface Input {
  /** The file as it was named; `standard input` for `-`. */
  readonly label: string;
  /** `undefined` where nobody knows: a pipe. */
  readonly byteLength: number | undefined;
  /** Bytes that there are to read; `null` where that is not known: of a pipe, and of what is gzipped. */
  readonly plainBytes: number | null;
  /** What tells a file from others, also when it has grown since; `null` where it cannot be read twice. */
  readonly identity: FileIdentity | null;
  /**
   * The bytes, gunzipped where they are gzip; to be read once. `onBytes` hears of those read before gunzipping.
   * @param fromByte - of the gunzipped ones; default 0.
   */
  read(onBytes: (count: number) => void, fromByte?: number): AsyncGenerator<Buffer>;
  close(): Promise<void>;
}

/** Opens every file, or none. @throws HrmError kind `invalid`, naming the one that cannot be. */
export async function openInputs(paths: readonly string[], signal: AbortSignal): Promise<readonly Input[]> {
  if (paths.filter((path) => path === '-').length > 1) throw inputError('-', 'standard input can be read only once');
  const inputs: Input[] = [];
  try {
    for (const path of paths) inputs.push(path === '-' ? standardInput(signal) : await openFile(path, signal));
  } catch (error) {
    await closeInputs(inputs);
    throw error;
  }
  return inputs;
}

/** Closes inputs, read or not. */
export async function closeInputs(inputs: readonly Input[]): Promise<void> {
  for (const input of inputs) await input.close();
}

async function openFile(path: string, signal: AbortSignal): Promise<Input> {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw inputError(
      path,
      cause.code === 'ENOENT' ? 'there is no such file' : `cannot be opened (${cause.code})`,
      cause,
    );
  });
  const stats = await handle.stat();
  if (stats.isDirectory()) {
    await handle.close();
    throw inputError(path, 'is a directory');
  }
  const head = stats.isFile() ? await readHead(handle, MAX_HEAD_BYTES) : null;
  return {
    label: path,
    byteLength: stats.isFile() ? stats.size : undefined,
    plainBytes: head === null || isGzip(head) ? null : stats.size,
    identity: head === null ? null : { headBytes: head.byteLength, headDigest: digestOf(head) },
    read(onBytes, fromByte = 0) {
      // Within gzip there is nothing to jump to.
      const canJump = head !== null && !isGzip(head);
      if (!canJump) return readBytes(path, handle.createReadStream({ autoClose: false }), onBytes, signal, fromByte);
      onBytes(fromByte);
      return readBytes(path, handle.createReadStream({ autoClose: false, start: fromByte }), onBytes, signal, 0);
    },
    close: () => handle.close(),
  };
}

/** Whether a file begins as it did when its identity was taken. @throws HrmError kind `invalid` where it is not there. */
export async function isSameFile(path: string, { headBytes, headDigest }: FileIdentity): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const head = await readHead(handle, headBytes);
    return head.byteLength === headBytes && digestOf(head) === headDigest;
  } finally {
    await handle.close();
  }
}

async function readHead(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
  return buffer.subarray(0, bytesRead);
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function standardInput(signal: AbortSignal): Input {
  const label = 'standard input';
  return {
    label,
    byteLength: undefined,
    plainBytes: null,
    identity: null,
    read: (onBytes) => readBytes(label, process.stdin, onBytes, signal, 0),
    close: async () => undefined,
  };
}

async function* readBytes(
  label: string,
  stream: Readable,
  onBytes: (count: number) => void,
  signal: AbortSignal,
  fromByte: number,
) {
  addAbortSignal(signal, stream);
  let left = fromByte;
  try {
    for await (const piece of gunzipped(counted(stream, onBytes))) {
      if (piece.byteLength > left) yield piece.subarray(left);
      left = Math.max(0, left - piece.byteLength);
    }
  } catch (cause) {
    if (signal.aborted) throw new HrmError('interrupted', { kind: 'closed', code: 'aborted', cause });
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (code.startsWith('Z_')) throw inputError(label, `the gzip data is damaged or incomplete (${code})`, cause);
    if (!(cause instanceof Error) || code === '') throw cause;
    throw new HrmError(`${label}: cannot be read (${code})`, { kind: 'unavailable', code: 'input_unreadable', cause });
  }
}

async function* counted(stream: Readable, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of stream as AsyncIterable<Buffer>) {
    onBytes(piece.byteLength);
    yield piece;
  }
}

/** Gunzips what begins with the magic bytes of gzip, whatever its name; all else as it is. */
async function* gunzipped(pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
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
function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

async function* prepend(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (start.byteLength > 0) yield start;
  yield* rest;
}

function inputError(label: string, problem: string, cause?: unknown): HrmError {
  const message = `${label}: ${problem}`;
  return new HrmError(message, {
    kind: 'invalid',
    code: 'invalid_input',
    cause,
    faults: [{ path: label, message: problem }],
  });
}
