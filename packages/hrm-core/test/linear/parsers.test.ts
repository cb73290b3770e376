/** Linear in hostile input: every parser of the core, with every shape of `test/support/hostile-shapes.ts`. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it } from 'vitest';
import { type Feed, type GrowthOptions, growthFaults } from '../../../../test/support/growth.js';
import { deadLetterSeq } from '../../src/drivers/queue/embedded/records.js';
import { databaseOf, shownAddress } from '../../src/drivers/queue/redis/client.js';
import { unpackElement } from '../../src/drivers/queue/redis/element.js';
import { requireUsable } from '../../src/drivers/queue/redis/inspect.js';
import { isDate, isPart, isUserDirectory } from '../../src/drivers/storage/names.js';
import { parseLiveId, requireLiveId } from '../../src/flow/live/live-id.js';
import { enqueueBytes } from '../../src/flow/write/enqueue-bytes.js';
import { enqueueParquet } from '../../src/flow/write/enqueue-parquet.js';
import { findKey } from '../../src/keys/api-key.js';
import { isLoopback } from '../../src/keys/host-name.js';
import { MAX_ELEMENT_READINGS } from '../../src/limits.js';
import { errorFields, fileFields } from '../../src/ops/log-fields.js';
import { ERASED_KEY, REPLACES_KEY, ROLLUP_KEY, ROW_GROUPS_KEY, USERS_KEY } from '../../src/parquet/encode.js';
import { openFile } from '../../src/parquet/footer.js';
import { parseQuestion, type QuestionInput } from '../../src/pure/answer/question.js';
import { columnsFromReadings, type Reading } from '../../src/pure/columns.js';
import { parseSearch } from '../../src/pure/fhir/search.js';
import { nearest } from '../../src/pure/nearest.js';
import { sharedPartOf, userDirectory } from '../../src/pure/partition.js';
import { decodeColumnar, encodeColumnar } from '../../src/pure/reading/columnar.js';
import { decodeElements } from '../../src/pure/reading/element.js';
import { queuedFrom } from '../../src/pure/reading/queued-readings.js';
import { isId, parseQueuedReading, parseReadings } from '../../src/pure/reading/reading.js';
import { scanSteps } from '../../src/pure/reading/scan-batch.js';
import type { BatchForm } from '../../src/pure/reading/scan-bytes.js';
import { scanSeriesSteps } from '../../src/pure/reading/scan-series.js';
import { seriesSteps } from '../../src/pure/reading/series.js';
import { parseTimestamp } from '../../src/pure/reading/timestamp.js';
import { decodeRollup } from '../../src/pure/rollup/rollup-codec.js';
import { explainUnknownVariables, loadSettings, SETTINGS } from '../../src/settings.js';
import { inOnePiece } from '../../src/steps.js';
import { encodeReadings } from '../support/whole-files.js';

const AT = '2024-01-15T10:00:00Z';
const READING = { user_id: 'ana', device_id: 'watch', timestamp: AT, heart_rate: 72 };
const RULES = { naiveTimestamps: 'reject', latestMs: 2e12, wireOnly: false } as const;
const LONG: GrowthOptions = { longest: 2 ** 16 };
/** For what makes an object of each character. */
const SHORT: GrowthOptions = { longest: 2 ** 11 };

function element(json: string) {
  return decodeElements([{ bytes: Buffer.from(json), stampMs: 0, attempts: 1 }], QUEUED);
}

/** A head, as far as one has to be right. */
const COLUMNS = Buffer.from('8948524d01e803000000000000', 'hex');

/** As many readings as there may be, each of another user. */
function columnsOf(text: string): Uint8Array {
  const readings = [...text].slice(0, MAX_ELEMENT_READINGS).map((one, i) => ({ ...ROW, userId: `${i} ${one}` }));
  return encodeColumnar(queuedFrom(readings), 0, readings.length);
}

function scan(text: string) {
  return inOnePiece(scanSteps(Buffer.from(text), 'array', RULES, 0));
}

function scanSeries(text: string) {
  return inOnePiece(scanSeriesSteps(Buffer.from(text), 'array', RULES, 0));
}

/** As many series, and one of as many values. */
function series(text: string) {
  const values = [...text].slice(0, MAX_ELEMENT_READINGS);
  const one = { user_id: text, device_id: text, start: text, interval_ms: text, heart_rates: values };
  const all = [...values.map(() => ({ start: 0 })), one, { user_id: 'ana', timestamps: values, heart_rates: values }];
  return inOnePiece(seriesSteps(all, RULES, 0));
}

function question(change: Record<string, unknown>) {
  const input = { userId: 'ana', start: AT, end: AT, ...change } as QuestionInput;
  return parseQuestion(input, { naiveTimestamps: 'utc', wireNames: true });
}

function failWith(text: string) {
  const error = Object.assign(new TypeError(text), { code: text });
  return errorFields(Object.assign(error, { stack: `TypeError: ${text}\n    at ${text} (${text}:1:2)\n${text}` }));
}

const ROW: Reading = { userId: 'ana', deviceId: 'watch', timestampMs: 0, heartRate: 72, receivedMs: 0 };

/** Opens a file that says something in its footer under our keys. */
async function openFooter(bytes: ArrayBuffer): Promise<void> {
  const read = async (from: number, to: number) => new Uint8Array(bytes.slice(from, to));
  const file = { name: 'compacted.parquet', byteLength: bytes.byteLength, mask: null, read };
  await openFile(file as unknown as Parameters<typeof openFile>[0], { date: '19700101', directory: 'ana' });
}

async function openForeign(text: string): Promise<void> {
  const keys = [REPLACES_KEY, ROLLUP_KEY, ROW_GROUPS_KEY, USERS_KEY, ERASED_KEY];
  const kvMetadata = keys.map((key) => ({ key, value: text }));
  const column = (name: string, type: 'INT64' | 'INT32' | 'STRING', value: bigint | number | string) => ({
    name,
    type,
    data: [value],
    nullable: false,
  });
  const columnData = [
    column('timestamp_ms', 'INT64', 0n),
    column('heart_rate', 'INT32', 72),
    column('device_id', 'STRING', text),
    column('user_id', 'STRING', text),
    column('received_minute', 'INT32', 0),
  ];
  await openFooter(parquetWriteBuffer({ kvMetadata, columnData }));
}

function openOurs(text: string): Promise<void> {
  return openFooter(encodeReadings(columnsFromReadings([ROW]), { replaces: [text, ...text.slice(0, 1_000)] }).buffer);
}

async function takeParquet(text: string): Promise<void> {
  const [body, length] = [Buffer.from(text), Buffer.alloc(4)];
  length.writeUInt32LE(body.length);
  for (const bytes of [body, Buffer.concat([Buffer.from('PAR1'), body, length, Buffer.from('PAR1')])])
    await enqueueParquet({ queue: { push: async () => undefined } }, bytes).catch(() => null);
}

async function takeBytes(text: string, form: BatchForm): Promise<void> {
  await enqueueBytes({ queue: { push: async () => undefined } }, Buffer.from(text), { form }).catch(() => null);
}

const QUEUED = { maxFutureMs: 0, maxPastMs: 0 };
const PARSERS: readonly (readonly [name: string, feed: Feed, options?: GrowthOptions])[] = [
  ['a timestamp', (text) => parseTimestamp(text, 'reject')],
  ['a timestamp that begins well', (text) => parseTimestamp(`2024-01-15T10:00:00${text}Z`, 'utc')],
  ['an id', (text) => isId(text)],
  ...['user_id', 'device_id', 'timestamp', 'heart_rate', 'note', 'userId'].map(
    (field) =>
      [`the ${field} of a reading`, (text: string) => parseReadings({ ...READING, [field]: text }, RULES, 0)] as const,
  ),
  [
    'a reading by camelCase names',
    (text) => parseReadings({ userId: text, deviceId: text, timestamp: text, heartRate: text }, RULES, 0),
  ],
  ['a Parquet file that is sent', (text) => takeParquet(text), LONG],
  ['a batch of any kind', (text) => takeBytes(text, 'array'), LONG],
  ['lines of any kind', (text) => takeBytes(text, 'lines'), LONG],
  ['a list in a batch', (text) => takeBytes(`[{"heart_rates":[${text}]}]`, 'array'), LONG],
  ['many readings that are none', (text) => parseReadings([...text], RULES, 0)],
  ['the name of a field', (text) => parseReadings({ [text]: 1 }, RULES, 0)],
  ['a queued reading', (text) => parseQueuedReading({ user_id: text, device_id: text, timestamp_ms: text }, 0, QUEUED)],
  ['an element', element, LONG],
  ['columns', (text) => decodeColumnar(Buffer.concat([COLUMNS, Buffer.from(text)])), LONG],
  ['ids of columns', (text) => decodeColumnar(columnsOf(text)), LONG],
  ['a batch', (text) => scan(text), LONG],
  ['series', (text) => scanSeries(text), LONG],
  ['blanks of series', (text) => scanSeries(`[${text}{`), LONG],
  ['an id of a series', (text) => scanSeries(`[{"user_id":"${text}"}]`), LONG],
  ['the instants of a series', (text) => scanSeries(`[{"timestamps":[${text}]}]`), LONG],
  ['the heart rates of a series', (text) => scanSeries(`{"heart_rates":[72,${text}]}`), LONG],
  ['parsed series', (text) => series(text)],
  ['blanks of a batch', (text) => scan(`[${text}{`), LONG],
  ['an id of a batch', (text) => scan(`[{"user_id":"${text}"}]`), LONG],
  ['an instant of a batch', (text) => scan(`[{"timestamp":"${text}"}]`), LONG],
  ['the items of an element', (text) => element(`[${text}]`), LONG],
  ['a string of an element', (text) => element(JSON.stringify([{ user_id: text, [text]: text }])), LONG],
  [
    'many elements',
    (text) =>
      decodeElements(
        Array.from(text, (one) => ({ bytes: Buffer.from(one), stampMs: 0, attempts: 1 })),
        QUEUED,
      ),
    SHORT,
  ],
  ['an envelope of Redis', (text) => unpackElement(Buffer.from(`#${text}`), 0, 0)],
  ['the id of a dead letter', deadLetterSeq],
  ['the user of a question', (text) => question({ userId: text })],
  ['the device of a question', (text) => question({ deviceId: text })],
  ['the range of a question', (text) => question({ start: text, end: text })],
  ['the interval of a question', (text) => question({ interval: text })],
  ['the dates of a search', (text) => parseSearch({ patient: 'ana', date: `${text} ge${text}` })],
  ['the patient and device of a search', (text) => parseSearch({ patient: text, device: text })],
  ['the codes of a search', (text) => parseSearch({ patient: 'ana', code: text, category: text })],
  ['a priority of a question', (text) => question({ priority: { [text]: text } })],
  ['the id of an event', (text) => requireLiveId(text, '/after')],
  ['a sealed position', (text) => parseLiveId(Buffer.alloc(32), text)],
  ['a user as a directory', userDirectory],
  ['the name of a directory', (text) => isUserDirectory(text) || isDate(text)],
  ['the name of a file', (text) => isPart(text) || isPart(`part-${text}.parquet`) || sharedPartOf(`part-${text}`)],
  ['a footer', openOurs],
  ['a footer of another writer', openForeign],
  [
    'the head of a rollup',
    (text) => {
      const head = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(head.length);
      return decodeRollup(Buffer.concat([length, head]));
    },
  ],
  ['a config file', (text) => loadSettings({ file: { path: 'x', text } }), LONG],
  [
    'a member of a config file',
    (text) => loadSettings({ file: { path: 'x', text: JSON.stringify({ [text]: text }) } }),
  ],
  ...SETTINGS.map(
    ({ name, variable }) =>
      [
        variable,
        (text: string) =>
          loadSettings({ env: { [variable]: text }, file: { path: 'x', text: JSON.stringify({ [name]: [text] }) } }),
      ] as const,
  ),
  [
    'origins and hosts',
    (text) => loadSettings({ env: { HRM_CORS_ORIGINS: `https://${text}`, HRM_ALLOWED_HOSTS: `a${text}` } }),
  ],
  ['the address of Redis', (text) => loadSettings({ env: { REDIS_URL: `redis://${text}@a/${text}` } })],
  ['the address of Redis, opened', (text) => [databaseOf(`redis://a/${text}`), shownAddress(`redis://${text}@a`)]],
  [
    'keys of a cluster',
    (text) =>
      requireUsable(
        { version: text, mode: 'cluster' } as Parameters<typeof requireUsable>[0],
        { queue: text, processing: `{${text}`, dead: `{a}${text}` } as Parameters<typeof requireUsable>[1],
      ),
  ],
  ['the names of an environment', (text) => explainUnknownVariables({ [`HRM_${text}`]: 'x' })],
  ['a host of the settings', (text) => isLoopback(text)],
  ['an API key', (text) => findKey(new Map(), `hrm_${text}`, 0)],
  ['an error, for a log', failWith],
  ['the name of a damaged file, for a log', (name: string) => fileFields({ date: '20240115', name })],
  ['a name that is misspelt', (text) => nearest(text, ['data-dir', 'HRM_DATA_DIR'])],
];

it.each(PARSERS.map(([name, feed, options]) => ({ name, feed, options })))('$name', async ({ feed, options }) => {
  expect(await growthFaults(feed, options)).toEqual([]);
});

it('opens the files that it makes', async () => {
  await openForeign('[]');
  await openOurs('part-a.parquet');
});
