import { HrmError, isHrmError } from '../errors.js';
import type { ReadingRow, ReadStart, ResumePoint } from '../formats/format.js';
import type { Format } from '../formats/formats.js';
import { readRows } from '../formats/read-rows.js';
import { MAX_ENQUEUE_READINGS, MAX_SERIES_READINGS } from '../limits.js';
import { isSeries } from '../pure/reading/is-series.js';
import { countSeries } from '../pure/reading/series.js';
import { faultLines } from './fault-lines.js';
import type { Input } from './inputs.js';

/** Consecutive rows of one input, enqueued together. */
export interface Chunk {
  readonly input: Input;
  /** May be empty at the end of an input, for its point. */
  readonly rows: readonly ReadingRow[];
  /** All rows before it are in this chunk or one before; `null` where that is not known, or nobody wants to. */
  readonly point: ResumePoint | null;
}

/** Characters of input behind one chunk: rows with long columns must not fill the memory. */
const MAX_CHUNK_LENGTH = 8 * 1024 * 1024;

/**
 * Cuts an input into chunks of at most {@link MAX_ENQUEUE_READINGS} rows, each of readings or of series of at most
 * {@link MAX_SERIES_READINGS} readings.
 * @param start - where to begin, if not at the input's beginning, with the hash of what is before; without it chunks have no points.
 * @throws HrmError kind `invalid` for an input that cannot be read on, with the faults' paths as `FILE:LINE`.
 */
export async function* readChunks(
  input: Input,
  format: Format | undefined,
  onBytes: (count: number) => void,
  start?: ReadStart | undefined,
): AsyncGenerator<Chunk> {
  const from = start?.point ?? null;
  const { label } = input;
  let rows: ReadingRow[] = [];
  let length = 0;
  let readings = 0;
  let hasSeries = false;
  let point = from;
  let told = from;
  try {
    for await (const batch of readRows(input.read(onBytes, from?.offset), { format, name: label, start })) {
      for (const row of batch.rows) {
        const isOfSeries = 'item' in row && isSeries(row.item);
        const more = isOfSeries ? countSeries(row.item) : 1;
        // Readings and series do not go together.
        if (rows.length > 0 && (isOfSeries !== hasSeries || readings + more > MAX_SERIES_READINGS)) {
          yield { input, rows, point };
          told = point;
          rows = [];
          length = 0;
          readings = 0;
        }
        hasSeries = isOfSeries;
        readings += more;
        rows.push(row);
        length += row.size;
        if (rows.length < MAX_ENQUEUE_READINGS && length < MAX_CHUNK_LENGTH) continue;
        yield { input, rows, point };
        told = point;
        rows = [];
        length = 0;
        readings = 0;
      }
      point = batch.point ?? point;
    }
  } catch (error) {
    throw isHrmError(error) && error.code === 'invalid_header' ? withLabel(label, error) : error;
  }
  if (rows.length > 0 || point !== told) yield { input, rows, point };
}

function withLabel(label: string, error: HrmError): HrmError {
  const faults = error.faults.map(({ path, message }) => ({ path: `${label}:${path}`, message }));
  const message = faultLines(faults, faults.length).join('\n');
  return new HrmError(message, { kind: error.kind, code: error.code, faults, cause: error });
}
