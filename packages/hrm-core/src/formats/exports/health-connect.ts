/** Health Connect: the database of its export. A record is of an app and a device, and has a series of values. */
import { MAX_DATABASE_RECORDS, MAX_STREAMED_DATABASE_BYTES } from '../../limits.js';
import { joinBytes } from '../bytes.js';
import { toDeviceId } from '../device-id.js';
import type { FileFormat, RandomAccessFile } from '../file-format.js';
import { isSqlite, openSqlite, type SqliteDatabase } from '../sqlite/sqlite-table.js';
import { createGatherer, type Gatherer } from '../text/gather.js';
import { toNumber } from '../text/numbers.js';

const FALLBACK = 'health-connect';

const RECORDS = 'heart_rate_record_table';
const SERIES = 'heart_rate_record_series_table';

/** `health_connect_export.db`. */
export const healthConnect: FileFormat = {
  name: 'health-connect',
  title: 'Health Connect export',
  recognizes: isSqlite,
  async *read(bytes, { file }) {
    const gather = createGatherer();
    const whole = file ?? (await inMemory(bytes));
    const database = whole === null ? null : await openSqlite(whole);
    if (whole === null) gather.damage('end', 'a database of this size has to be a file, and no stream');
    else if (database === null) gather.damage('byte 0', 'it is no database, or cut');
    else if (!database.tables.includes(SERIES))
      gather.note('no_series', 'a database without the heart rates of Health Connect: nothing is taken');
    else yield* readSeries(database, gather);
    yield* gather.take();
  },
};

async function* readSeries(database: SqliteDatabase, gather: Gatherer) {
  const onDamage = (page: number) => gather.damage(`page ${page}`, 'the page cannot be read');
  const deviceOf = await readDevices(database, onDamage);
  const columns = ['parent_key', 'beats_per_minute', 'epoch_millis'];
  for await (const rows of database.rows(SERIES, columns, onDamage)) {
    for (const [parent, rate, timeMs] of rows) {
      const deviceId = deviceOf(parent);
      if (deviceId === null)
        gather.tooLarge(`a record has a number over ${MAX_DATABASE_RECORDS}: its device is not known`);
      else gather.value(deviceId, toNumber(timeMs), toNumber(rate));
    }
    yield* gather.take();
  }
}

/** Which device a record is of; `null` where its number is beyond {@link MAX_DATABASE_RECORDS}. */
async function readDevices(
  database: SqliteDatabase,
  onDamage: (page: number) => void,
): Promise<(record: unknown) => string | null> {
  const apps = await readNames(database, 'application_info_table', ['package_name'], onDamage);
  const devices = await readNames(database, 'device_info_table', ['manufacturer', 'model'], onDamage);
  const ids = [FALLBACK];
  const places = new Map<string, number>();
  // By the record's number, four bytes each: there are as many records as a phone has written.
  let deviceOf = new Uint32Array(1_024);
  for await (const rows of database.rows(RECORDS, ['row_id', 'app_info_id', 'device_info_id'], onDamage)) {
    for (const [record, app, device] of rows) {
      if (typeof record !== 'number' || !(record >= 0 && record < MAX_DATABASE_RECORDS)) continue;
      const name = devices.get(device) ?? '';
      const from = apps.get(app) ?? '';
      const id = toDeviceId(name === '' || from === '' ? name || from : `${name} (${from})`, FALLBACK);
      const place = places.get(id) ?? ids.push(id) - 1;
      places.set(id, place);
      if (record >= deviceOf.length) deviceOf = grown(deviceOf, record);
      deviceOf[record] = place;
    }
  }
  return (record) => {
    if (typeof record !== 'number') return FALLBACK;
    return record >= MAX_DATABASE_RECORDS ? null : (ids[deviceOf[record] ?? 0] ?? FALLBACK);
  };
}

function grown(array: Uint32Array<ArrayBuffer>, index: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(2 * array.length, index + 1));
  larger.set(array);
  return larger;
}

async function readNames(
  database: SqliteDatabase,
  table: string,
  columns: readonly string[],
  onDamage: (page: number) => void,
): Promise<ReadonlyMap<unknown, string>> {
  const names = new Map<unknown, string>();
  for await (const rows of database.rows(table, ['row_id', ...columns], onDamage)) {
    for (const [row, ...texts] of rows) {
      const name = texts.filter((text) => typeof text === 'string' && text !== '').join(' ');
      if (names.size < MAX_DATABASE_NAMES) names.set(row, name);
    }
  }
  return names;
}

/** Apps, or devices, of one phone. */
const MAX_DATABASE_NAMES = 10_000;

/** A stream as a file; `null` where it is too large. */
async function inMemory(bytes: AsyncIterable<Uint8Array>): Promise<RandomAccessFile | null> {
  const pieces: Uint8Array[] = [];
  let byteLength = 0;
  for await (const piece of bytes) {
    byteLength += piece.byteLength;
    if (byteLength > MAX_STREAMED_DATABASE_BYTES) return null;
    pieces.push(piece);
  }
  const whole = joinBytes(pieces);
  return { byteLength, slice: async (from, to) => whole.subarray(from, to) };
}
