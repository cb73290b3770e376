import { HrmError } from '../errors.js';
import { within } from '../waits.js';
import { TIMEOUT_MS } from './options.js';
import { abortedError, type ClientCallOptions, type ClientOptions, unreachableError } from './request.js';

/** Characters of one line, and of an event: a row with a thousand devices is a tenth of it. */
export const MAX_LINE_LENGTH = 2 * 1024 * 1024;

/**
 * The lines of an answer as they come, without what ends them; blank ones too. Those that one piece of it completes come together:
 * a wait for each would take longer than reading it.
 * @throws HrmError kind `unavailable` when the answer is cut, in the middle of a line too, or silent for longer than `timeoutMs`; kind
 *   `closed` when `signal` fires.
 */
export async function* linesOf(
  { body }: Response,
  { url, signal, timeoutMs = TIMEOUT_MS }: ClientOptions & ClientCallOptions,
): AsyncGenerator<readonly string[], void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  // The line that is not over yet, in pieces: it is looked through once, however small they are.
  let open: string[] = [];
  let openLength = 0;
  try {
    for (;;) {
      const { value, done } = await readWithin(reader, timeoutMs, url, signal);
      const lines = (done ? decoder.decode() : decoder.decode(value, { stream: true })).split('\n');
      const last = lines.pop() ?? '';
      if (lines.length > 0) {
        lines[0] = open.join('') + lines[0];
        open = [];
        openLength = 0;
        yield lines.map((line) => line.replace(/\r$/, ''));
      }
      open.push(last);
      openLength += last.length;
      if (done) break;
      if (openLength > MAX_LINE_LENGTH) throw tooLongError();
    }
    if (openLength > 0) throw unreachableError(url, false, undefined);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * The bytes of an answer as they come.
 * @throws HrmError as {@link linesOf}.
 */
export async function* bytesOf(
  { body }: Response,
  { url, signal, timeoutMs = TIMEOUT_MS }: ClientOptions & ClientCallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await readWithin(reader, timeoutMs, url, signal);
      if (done || value === undefined) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  timeoutMs: number,
  url: string,
  signal: AbortSignal | undefined,
): Promise<{ value?: Uint8Array | undefined; done: boolean }> {
  try {
    return await within(timeoutMs, reader.read(), () => {
      throw unreachableError(url, true, undefined);
    });
  } catch (cause) {
    if (signal?.aborted === true) throw abortedError();
    throw cause instanceof HrmError ? cause : unreachableError(url, false, cause);
  }
}

function tooLongError(): HrmError {
  return new HrmError('a line of the answer is longer than any of this system', {
    kind: 'unavailable',
    code: 'bad_answer',
  });
}
