import { HrmError, isHrmError } from '../../errors.js';
import { MAX_ENQUEUE_READINGS, MAX_SERIES_READINGS } from '../../limits.js';
import { readBatch } from '../../parquet/read-batch.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { createYielder } from '../files/yielder.js';
import { type Accepted, type EnqueueComponents, type EnqueueOptions, enqueueUntrusted } from './enqueue.js';
import type { BatchHead } from './enqueue-bytes.js';

/** Rows of one user and device, in the form that series have on a wire. */
interface Series {
  readonly user_id: string;
  readonly device_id: string;
  readonly timestamps: number[];
  readonly heart_rates: number[];
  /** Of each reading its row in the file, from 0. */
  readonly rows: number[];
}

/** How {@link enqueueParquet} judges a file. */
export interface EnqueueParquetOptions extends Omit<EnqueueOptions, 'wireOnly' | 'naiveTimestamps'> {
  /** Called once, before a fault is told and before anything is pushed; what it throws refuses the file. */
  readonly admit?: ((batch: BatchHead) => void) | undefined;
}

/**
 * Does what {@link enqueueUntrusted} does with the rows of a Parquet file: `timestamp_ms`, `heart_rate`, `device_id` and `user_id`, as stored
 * files have them, and whatever else is ignored. They are received now, also where the file has `received_minute`.
 *
 * @param bytes - the file, of at most 100,000 rows, and of at most 10,000 devices of users.
 * @throws HrmError as {@link enqueueUntrusted}, the paths of faults being `/row/column`, from 0; kind `invalid`, code `invalid_parquet`, for what
 *   is no such file; whatever `admit` throws.
 * @example
 * await enqueueParquet({ queue }, await readFile('readings.parquet')); // { accepted: 100000 }
 */
export async function enqueueParquet(
  components: EnqueueComponents,
  bytes: Uint8Array,
  { admit, ...options }: EnqueueParquetOptions = {},
): Promise<Accepted> {
  const { yieldTurn } = createYielder({ owner: options.owner });
  const tables = await readBatch(bytes, MAX_SERIES_READINGS, yieldTurn);
  const series = await seriesOf(tables, yieldTurn);
  const length = series.reduce((sum, { rows }) => sum + rows.length, 0);
  const users = [...new Set(series.map(({ user_id }) => user_id))];
  admit?.({ length, users, devices: [...new Set(series.map(({ device_id }) => device_id))] });
  try {
    const items = series.map(({ rows: _, ...item }) => item);
    return await enqueueUntrusted(components, items, { ...options, wireOnly: true });
  } catch (error) {
    throw isHrmError(error) ? withRows(error, series) : error;
  }
}

async function seriesOf(tables: readonly ReadingColumns[], yieldTurn: () => Promise<void>): Promise<readonly Series[]> {
  const found = new Map<string, Series>();
  let before = 0;
  for (const { length, users, devices, user, device, timestampMs, heartRate } of tables) {
    for (let row = 0; row < length; row += 1) {
      const [user_id, device_id] = [users[user[row] as number] ?? '', devices[device[row] as number] ?? ''];
      // No id that is one has an end of line.
      const key = `${user_id}\n${device_id}`;
      let own = found.get(key);
      if (own === undefined) {
        own = { user_id, device_id, timestamps: [], heart_rates: [], rows: [] };
        found.set(key, own);
      }
      own.timestamps.push(timestampMs[row] as number);
      own.heart_rates.push(heartRate[row] as number);
      own.rows.push(before + row);
      if (row % ROWS_A_PIECE === ROWS_A_PIECE - 1) await yieldTurn();
    }
    before += length;
  }
  return [...found.values()];
}

/** Rows that are put in order before others have a turn. */
const ROWS_A_PIECE = 4_096;

const COLUMNS: Readonly<Record<string, string>> = { timestamps: 'timestamp_ms', heart_rates: 'heart_rate' };

/** An error that names rows and columns of the file in place of series. */
function withRows(error: HrmError, series: readonly Series[]): HrmError {
  const { message, kind, code, faults, faultCount, cause } = error;
  const ofFile = faults.map((fault) => {
    const [, s, field = '', i = '0'] = fault.path.split('/');
    const row = series[Number(s)]?.rows[Number(i)];
    return row === undefined ? fault : { ...fault, path: `/${row}/${COLUMNS[field] ?? field}` };
  });
  const said = code === 'too_many_readings' ? TOO_MANY : message;
  return new HrmError(said, { kind, code, faults: ofFile, faultCount, cause });
}

const TOO_MANY = `a file may hold at most ${MAX_SERIES_READINGS} rows, of at most ${MAX_ENQUEUE_READINGS} devices: split it`;
