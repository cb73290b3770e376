import { HrmError } from '../../errors.js';
import type { ReadingRow } from '../../formats/format.js';
import type { FileAccount } from '../../formats/judge/account.js';
import type { JudgedReadings } from '../../formats/judge/judge.js';
import { type HealthFileOptions, readHealthFile } from '../../formats/read-health-file.js';
import { MAX_ENQUEUE_READINGS, MAX_SERIES_READINGS } from '../../limits.js';
import type { Chunk } from '../chunks.js';
import type { Input } from '../inputs.js';
import { readParquetFile } from './read-parquet-file.js';

/** How a device's file becomes chunks. */
export interface HealthChunkOptions extends Omit<HealthFileOptions, 'fileName' | 'file'> {
  /** Whose readings they are, where the file does not say. */
  readonly user?: string | undefined;
  readonly onBytes: (count: number) => void;
}

/**
 * Reads a device's file as chunks of series, each of at most {@link MAX_SERIES_READINGS} readings.
 * @returns the account of the file; `null` where no format knows it.
 * @throws HrmError kind `invalid`, code `user_needed` or `time_zone_needed`; as `readHealthFile` else.
 */
export async function* readHealthChunks(
  input: Input,
  { user, onBytes, ...options }: HealthChunkOptions,
): AsyncGenerator<Chunk, FileAccount | null> {
  const read = readHealthFile(input.read(onBytes), { ...options, fileName: input.label, file: input.file });
  return yield* chunksOf(input, read, user);
}

/**
 * Does the same with a Parquet file, any part of which can be read.
 * @throws HrmError kind `invalid`, code `user_needed`, or `invalid_parquet` for what is no such file.
 */
export async function* readParquetChunks(
  input: Input,
  { user, onBytes, ...rules }: HealthChunkOptions,
): AsyncGenerator<Chunk, FileAccount | null> {
  if (input.file === undefined) return null;
  const account = yield* chunksOf(input, readParquetFile(input.file, rules), user);
  onBytes(input.file.byteLength);
  return account;
}

async function* chunksOf<Account>(
  input: Input,
  read: AsyncGenerator<JudgedReadings, Account>,
  user: string | undefined,
): AsyncGenerator<Chunk, Account> {
  let rows: ReadingRow[] = [];
  let readings = 0;
  let number = 0;
  for (;;) {
    const next = await read.next();
    if (next.done === true) {
      if (rows.length > 0) yield { input, rows, point: null };
      return next.value;
    }
    for (const item of seriesOf(next.value, user)) {
      const more = item.heart_rates.length;
      if (rows.length >= MAX_ENQUEUE_READINGS || readings + more > MAX_SERIES_READINGS) {
        yield { input, rows, point: null };
        rows = [];
        readings = 0;
      }
      number += 1;
      readings += more;
      rows.push({ line: number, size: more, item });
    }
  }
}

function* seriesOf({ userId, deviceId, timesMs, heartRates }: JudgedReadings, user: string | undefined) {
  const user_id = userId ?? user;
  if (user_id === undefined) throw userNeededError();
  for (let from = 0; from < timesMs.length; from += MAX_SERIES_READINGS) {
    const to = from + MAX_SERIES_READINGS;
    yield {
      user_id,
      device_id: deviceId,
      timestamps: timesMs.slice(from, to),
      heart_rates: heartRates.slice(from, to),
    };
  }
}

function userNeededError(): HrmError {
  const message = 'it does not say whose readings it has: say it, --user USER';
  return new HrmError(message, { kind: 'invalid', code: 'user_needed' });
}
