import type { Hash } from 'node:crypto';
import { HrmError, isHrmError, MAX_ENQUEUE_READINGS } from 'hrm-core';
import { type Format, formatOfName, type ResumePoint, readRows } from './formats.js';
import type { Input } from './input.js';
import { readLines } from './lines.js';
import type { ImportRow } from './row.js';

/** Consecutive rows of one input, enqueued together. */
export interface Chunk {
  readonly label: string;
  /** May be empty at the end of an input, for its point. */
  readonly rows: readonly ImportRow[];
  /** All rows before it are in this chunk or one before; `null` where that is not known, or nobody wants to. */
  readonly point: ResumePoint | null;
}

/** Where an import of a file begins. */
export interface ImportStart {
  /** `null`: at its beginning. */
  readonly point: ResumePoint | null;
  /** SHA-256 that has got what stands before. */
  readonly before: Hash;
}

/** Characters of input behind one chunk: rows with long columns must not fill the memory. */
const MAX_CHUNK_LENGTH = 8 * 1024 * 1024;

/**
 * Cuts an input into chunks of at most {@link MAX_ENQUEUE_READINGS} rows.
 * @param start - where to begin, if not at the input's beginning, with the hash of what is before; without it chunks have no points.
 * @throws HrmError kind `invalid` for an input that cannot be read on, with the faults' paths as `FILE:LINE`.
 */
export async function* readChunks(
  input: Input,
  format: Format | undefined,
  onBytes: (count: number) => void,
  start?: ImportStart | undefined,
): AsyncGenerator<Chunk> {
  const { point: from = null, before } = start ?? {};
  const { label } = input;
  let rows: ImportRow[] = [];
  let length = 0;
  let point = from;
  let told = from;
  const position = { offset: from?.offset ?? 0, line: from?.line ?? 1 };
  try {
    const lines = readLines(input.read(onBytes, position.offset), position, before);
    for await (const batch of readRows(lines, format ?? formatOfName(label), position, from, before)) {
      for (const row of batch.rows) {
        rows.push(row);
        length += row.size;
        if (rows.length < MAX_ENQUEUE_READINGS && length < MAX_CHUNK_LENGTH) continue;
        yield { label, rows, point };
        told = point;
        rows = [];
        length = 0;
      }
      point = batch.point ?? point;
    }
  } catch (error) {
    throw isHrmError(error) && error.code === 'invalid_header' ? withLabel(label, error) : error;
  }
  if (rows.length > 0 || point !== told) yield { label, rows, point };
}

function withLabel(label: string, error: HrmError): HrmError {
  const faults = error.faults.map(({ path, message }) => ({ path: `${label}:${path}`, message }));
  const message = faults.map((fault) => `${fault.path}: ${fault.message}`).join('\n');
  return new HrmError(message, { kind: error.kind, code: error.code, faults, cause: error });
}
