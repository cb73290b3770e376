import { createHash, type Hash } from 'node:crypto';
import { constants, open as openDescriptor } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { errorCode, HrmError, isHrmError } from '../errors.js';
import { isGzip } from '../formats/bytes.js';
import type { RandomAccessFile } from '../formats/file-format.js';
import { gunzipped } from '../formats/gunzip.js';
import { readHead } from '../formats/read-head.js';
import { visibleText } from '../process/terminal-text.js';
import { openRandomAccess } from './random-access.js';

/** Of a file, read at once. */
const PIECE_BYTES = 64 * 1024;

/** An input, opened: its existence is certain before the first is read. */
export interface Input {
  /** The file as it was named; `standard input` for `-`. */
  readonly label: string;
  /** The regular file, absolute, which can be read more than once; `null` for what is none. */
  readonly path: string | null;
  /** `undefined` where nobody knows: a pipe. */
  readonly byteLength: number | undefined;
  /**
   * The bytes, gunzipped where they are gzip. `onBytes` hears of those read before gunzipping.
   * @param fromByte - of the gunzipped ones; default 0.
   */
  read(onBytes: (count: number) => void, fromByte?: number): AsyncGenerator<Buffer>;
  /** The file itself, for formats that do not read it in order; `undefined` where its bytes are gzip, or it is no regular file. */
  readonly file?: RandomAccessFile | undefined;
  close(): Promise<void>;
}

/** What inputs are opened in. */
export interface InputSurroundings {
  /** What relative paths are relative to; default: the process' own. */
  readonly cwd?: string | undefined;
  /** Opens what `-` names, when it is read; default: standard input. */
  readonly stdin?: (() => Readable) | undefined;
  /** Standard input, where its beginning was read already: what `-` names then. */
  readonly peeked?: Input | undefined;
  /** Ends the wait for whoever opens a pipe's other end, and what reads. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens every file, or none. A file may be a named pipe; `-` is standard input.
 * @throws HrmError kind `invalid`, code `invalid_input`, naming the one that cannot be; kind `closed` when aborted.
 */
export async function openInputs(
  paths: readonly string[],
  {
    cwd = process.cwd(),
    stdin = () => process.stdin,
    signal = new AbortController().signal,
    peeked,
  }: InputSurroundings = {},
): Promise<readonly Input[]> {
  const surroundings = { cwd, stdin, signal };
  if (paths.filter((path) => path === '-').length > 1) throw inputError('-', 'standard input can be read only once');
  const inputs: Input[] = [];
  try {
    for (const path of paths)
      inputs.push(path === '-' ? (peeked ?? standardInput(surroundings)) : await openFile(path, surroundings));
  } catch (error) {
    await closeInputs(inputs);
    throw error;
  }
  return inputs;
}

/** The beginning of an input, and the input as if nothing had been read: of a pipe nothing can be read twice. */
export async function peekInput(
  input: Input,
  headBytes: number,
): Promise<{ readonly head: Uint8Array; readonly input: Input }> {
  let counted = 0;
  let onBytes = (count: number): void => {
    counted += count;
  };
  const { head, whole, close } = await readHead(
    input.read((count) => onBytes(count)),
    headBytes,
  );
  if (input.path !== null) {
    await close();
    return { head, input };
  }
  async function* read(onMore: (count: number) => void) {
    onMore(counted);
    onBytes = onMore;
    yield* whole;
  }
  return { head, input: { ...input, read } };
}

/** Closes inputs, read or not. */
export async function closeInputs(inputs: readonly Input[]): Promise<void> {
  for (const input of inputs) await input.close();
}

type Opening = Readonly<{ cwd: string; stdin: () => Readable; signal: AbortSignal }>;

async function openFile(label: string, { cwd, signal }: Opening): Promise<Input> {
  const path = resolve(cwd, label);
  try {
    const isPipe = (await stat(path)).isFIFO();
    if (isPipe) return await openPipe(label, path, signal);
    return await openHandle(label, path, await open(path, 'r'), signal);
  } catch (cause) {
    if (isHrmError(cause)) throw cause;
    const code = errorCode(cause);
    throw inputError(label, code === 'ENOENT' ? 'there is no such file' : `cannot be opened (${code})`, cause);
  }
}

/** An input of a file that is open, which closes it. @param path - absolute, of a regular file. @throws HrmError as {@link openInputs}. */
export async function openHandle(label: string, path: string, handle: FileHandle, signal: AbortSignal): Promise<Input> {
  const stats = await handle.stat();
  if (stats.isDirectory()) {
    await handle.close();
    throw inputError(label, 'is a directory');
  }
  const isFile = stats.isFile();
  // Within gzip there is nothing to jump to.
  const canJump = isFile && !isGzip(await readMagic(handle));
  return {
    label,
    path: isFile ? path : null,
    byteLength: isFile ? stats.size : undefined,
    read(onBytes, fromByte = 0) {
      const start = canJump ? fromByte : 0;
      onBytes(start);
      const stream = isFile ? Readable.from(readPieces(handle, start)) : handle.createReadStream({ autoClose: false });
      return readBytes(label, stream, onBytes, signal, fromByte - start);
    },
    file: canJump ? await openRandomAccess(handle) : undefined,
    close: () => handle.close(),
  };
}

/**
 * Opens a named pipe. That takes until somebody opens its other end, which may be never; a signal opens it, since a thread that waits
 * there would keep the process from ending. Nor is anything read in a thread, which would wait for bytes.
 */
async function openPipe(label: string, path: string, signal: AbortSignal): Promise<Input> {
  function wake(): void {
    // Where it is open by now, nobody waits for this.
    open(path, constants.O_WRONLY | constants.O_NONBLOCK).then(
      (writer) => writer.close(),
      () => undefined,
    );
  }
  if (signal.aborted) throw interruptedError();
  signal.addEventListener('abort', wake, { once: true });
  const fd = await promisify(openDescriptor)(path, 'r').finally(() => signal.removeEventListener('abort', wake));
  const stream = new Socket({ fd, readable: true, writable: false });
  const input: Input = {
    label,
    path: null,
    byteLength: undefined,
    read: (onBytes) => readBytes(label, stream, onBytes, signal, 0),
    async close() {
      stream.destroy();
    },
  };
  if (!signal.aborted) return input;
  await input.close();
  throw interruptedError();
}

/** The bytes of a file. Not its own stream: that closes the file where its reader leaves early. */
async function* readPieces(handle: FileHandle, start: number): AsyncGenerator<Buffer> {
  for (let position = start; ; ) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** As many bytes as tell what it is. */
async function readMagic(handle: FileHandle): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  return buffer.subarray(0, bytesRead);
}

/**
 * Hashes the bytes before an offset, gunzipped: what was read of a file before tells it from any other, however it goes on.
 * @returns SHA-256 that has got them; `null` where there are not so many.
 */
export async function hashBefore(input: Input, offset: number): Promise<Hash | null> {
  const hash = createHash('sha256');
  let left = offset;
  if (left === 0) return hash;
  for await (const piece of input.read(() => undefined)) {
    hash.update(piece.subarray(0, left));
    left -= Math.min(left, piece.byteLength);
    if (left === 0) return hash;
  }
  return null;
}

function standardInput({ stdin, signal }: Opening): Input {
  const label = 'standard input';
  return {
    label,
    path: null,
    byteLength: undefined,
    read: (onBytes) => readBytes(label, stdin(), onBytes, signal, 0),
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
    if (signal.aborted) throw interruptedError(cause);
    const code = errorCode(cause);
    if (code.startsWith('Z_')) throw inputError(label, `the gzip data is damaged or incomplete (${code})`, cause);
    if (code === 'invalid_input') throw inputError(label, (cause as HrmError).message, cause);
    if (!(cause instanceof Error) || code === '') throw cause;
    throw new HrmError(`${visibleText(label)}: cannot be read (${code})`, {
      kind: 'unavailable',
      code: 'input_unreadable',
      cause,
    });
  } finally {
    // Whoever leaves early has it still listen to the signal, which may be of thousands of files.
    stream.destroy();
  }
}

async function* counted(stream: Readable, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of stream as AsyncIterable<Buffer>) {
    onBytes(piece.byteLength);
    yield piece;
  }
}

/** The error of an input that cannot be read. */
export function inputError(label: string, problem: string, cause?: unknown): HrmError {
  const message = `${visibleText(label)}: ${problem}`;
  return new HrmError(message, {
    kind: 'invalid',
    code: 'invalid_input',
    cause,
    faults: [{ path: label, message: problem }],
  });
}

function interruptedError(cause?: unknown): HrmError {
  return new HrmError('interrupted', { kind: 'closed', code: 'aborted', cause });
}
