import type { Writable } from 'node:stream';
import type { HrmError } from 'hrm-core';
import { visibleText } from 'hrm-core/process';

/** Where a command's result goes. */
export interface Output {
  /**
   * Writes, and waits while the reader is slower.
   * @returns `false` once the reader is gone (`hrm query | head`): there is nobody to go on for, and no error.
   * @throws HrmError kind `unavailable`, code `output_unwritable`, where the rest cannot be written: a full disk.
   */
  write(text: string | Uint8Array): Promise<boolean>;
}

/** Wraps a stream, usually standard output, so that a reader who leaves is an outcome and not a crash. */
export function createOutput(stream: Writable): Output {
  let gone = false;
  // Errors reach the callback of the write; without a listener they would end the process as well.
  stream.on('error', () => undefined);
  return {
    async write(text) {
      if (gone) return false;
      const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
        stream.write(text, resolve);
      });
      if (error === null || error === undefined) return true;
      gone = isReaderGone(error);
      if (!gone) throw await unwritableError(error);
      return false;
    },
  };
}

async function unwritableError(cause: NodeJS.ErrnoException): Promise<HrmError> {
  // Help is printed by this, too, and needs no more than itself.
  const { HrmError } = await import('hrm-core');
  const why = cause.code === 'ENOSPC' ? 'its disk is full' : `${cause.code ?? cause.message}`;
  const message = `standard output cannot be written: ${why}; what is there is not the whole`;
  return new HrmError(message, { kind: 'unavailable', code: 'output_unwritable', cause });
}

/** Whether a write failed only since nobody reads any more. */
export function isReaderGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/**
 * Writes pieces as they come. The first waits for the second: most errors come before that, and half a document is none.
 * Stops quietly, and stops the pieces, once the reader is gone.
 */
export async function writePieces(output: Output, pieces: AsyncIterable<string | Uint8Array>): Promise<void> {
  let first: string | Uint8Array | undefined;
  let count = 0;
  for await (const piece of pieces) {
    count += 1;
    if (count === 1) first = piece;
    else if (!(await output.write(first === undefined ? piece : join(first, piece)))) return;
    if (count > 1) first = undefined;
  }
  if (first !== undefined) await output.write(first);
}

function join(left: string | Uint8Array, right: string | Uint8Array): string | Uint8Array {
  if (typeof left === 'string' && typeof right === 'string') return left + right;
  return Buffer.concat([left, right].map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece)));
}

/** Ids that need no quotes: no blank, comma, quote or backslash, so that a list of them reads one way only. */
const BARE_ID = /^[^\s,"\\]+$/u;

/** A user's or device's id for a table: as it is where that is unmistakable, else quoted and escaped. */
export function visibleId(id: string): string {
  const visible = visibleText(id);
  return visible === id && BARE_ID.test(id) ? id : `"${visibleText(id.replace(/["\\]/g, '\\$&'))}"`;
}
