/**
 * The bad requests of the contract, as tables.
 */
import { gzipSync } from 'node:zlib';
import { wireReading } from './support.js';

export const SINGLE = '/metrics/heart-rate';
export const BATCH = '/metrics/heart-rate/batch';
export const NDJSON = { 'Content-Type': 'application/x-ndjson' };
const GZIP = { 'Content-Encoding': 'gzip' };

/** One bad request: what is posted where, and what the answer must be and must not repeat. */
export interface BadPost {
  readonly name: string;
  readonly to: string;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code: string;
  readonly path?: string;
  /** Parts of the input that neither the answer nor the log may repeat. */
  readonly secrets?: readonly string[];
}

function badReading(name: string, overrides: Record<string, unknown>, path: string, secrets: string[] = []): BadPost {
  const [field] = Object.keys(overrides);
  return {
    name: `${field} ${name}`,
    to: SINGLE,
    body: wireReading({ user_id: 'user-kept-secret', device_id: 'device-kept-secret', ...overrides }),
    status: 400,
    code: 'invalid_readings',
    path,
    secrets: ['kept-secret', ...secrets],
  };
}

export const BAD_READINGS: readonly BadPost[] = [
  badReading('29 bpm', { heart_rate: 29 }, '/heart_rate', ['29']),
  badReading('221 bpm', { heart_rate: 221 }, '/heart_rate', ['221']),
  badReading('of 75.5', { heart_rate: 75.5 }, '/heart_rate', ['75.5']),
  badReading('as a string', { heart_rate: '191' }, '/heart_rate', ['191']),
  badReading('null', { heart_rate: null }, '/heart_rate'),
  badReading('missing', { heart_rate: undefined }, '/heart_rate'),
  badReading('1e999', { heart_rate: 1e308 }, '/heart_rate', ['e+308']),
  badReading('without an offset', { timestamp: '2023-03-04T05:06:07' }, '/timestamp', ['2023-03-04']),
  badReading('with a leap second', { timestamp: '2016-12-31T23:59:60Z' }, '/timestamp', ['2016-12-31']),
  badReading('24:00', { timestamp: '2023-03-04T24:00:00Z' }, '/timestamp', ['2023-03-04']),
  badReading('25:00', { timestamp: '2023-03-04T25:00:00Z' }, '/timestamp', ['2023-03-04']),
  badReading('year 99999', { timestamp: '99999-01-01T00:00:00Z' }, '/timestamp', ['99999']),
  badReading('before 1970', { timestamp: '1969-12-31T23:59:58Z' }, '/timestamp', ['1969-12-31']),
  badReading('February 30', { timestamp: '2023-02-30T10:00:00Z' }, '/timestamp', ['2023-02-30']),
  badReading('far ahead', { timestamp: '2999-03-04T05:06:07Z' }, '/timestamp', ['2999-03-04']),
  badReading('a number', { timestamp: 1705312800123 }, '/timestamp', ['1705312800123']),
  badReading('a path as timestamp', { timestamp: '../../etc' }, '/timestamp', ['etc']),
  badReading('empty', { user_id: '' }, '/user_id'),
  badReading('of 129 characters', { user_id: 'q'.repeat(129) }, '/user_id', ['qqq']),
  badReading('with a control character', { user_id: 'zz\u0000zz' }, '/user_id', ['zz']),
  badReading('with a lone surrogate', { user_id: 'zz\ud800zz' }, '/user_id', ['zz']),
  badReading('empty', { device_id: '' }, '/device_id'),
  badReading('of 129 characters', { device_id: 'q'.repeat(129) }, '/device_id', ['qqq']),
  badReading('with a lone surrogate', { device_id: 'zz\udfffzz' }, '/device_id', ['zz']),
  badReading('an object', { device_id: { zz: 1 } }, '/device_id', ['zz']),
];

export const BAD_BODIES: readonly BadPost[] = [
  {
    name: 'malformed JSON',
    to: SINGLE,
    body: '{"user_id":"zz-secret"',
    status: 400,
    code: 'not_json',
    path: '',
    secrets: ['zz-secret'],
  },
  {
    name: 'NaN',
    to: SINGLE,
    body: '{"user_id":"ana","heart_rate":NaN}',
    status: 400,
    code: 'not_json',
    secrets: ['NaN'],
  },
  { name: 'an empty body', to: SINGLE, body: '', status: 400, code: 'not_json' },
  { name: 'an array for one', to: SINGLE, body: [wireReading()], status: 400, code: 'not_a_reading', path: '' },
  { name: 'null', to: SINGLE, body: 'null', status: 400, code: 'invalid_readings', path: '' },
  { name: 'a number', to: SINGLE, body: '4711', status: 400, code: 'invalid_readings', path: '', secrets: ['4711'] },
  {
    name: 'a string',
    to: SINGLE,
    body: '"zz-secret"',
    status: 400,
    code: 'invalid_readings',
    path: '',
    secrets: ['zz-secret'],
  },
  {
    name: 'camelCase names',
    to: SINGLE,
    body: { userId: 'zz-secret', deviceId: 'watch', timestamp: '2024-01-15T10:00:00Z', heartRate: 72 },
    status: 400,
    code: 'invalid_readings',
    path: '/user_id',
    secrets: ['zz-secret'],
  },
  {
    name: 'bytes that are not UTF-8',
    to: SINGLE,
    body: Buffer.from([0x22, 0xff, 0xfe, 0x22]),
    status: 400,
    code: 'not_utf8',
  },
  {
    name: 'a lone surrogate in UTF-8',
    to: SINGLE,
    body: Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
    status: 400,
    code: 'not_utf8',
  },
  {
    name: 'UTF-16',
    to: SINGLE,
    body: Buffer.from(`\ufeff${JSON.stringify(wireReading())}`, 'utf16le'),
    status: 400,
    code: 'not_utf8',
  },
  { name: 'brackets without end', to: BATCH, body: '['.repeat(90_000), status: 413, code: 'body_too_large' },
  { name: 'more brackets without end', to: BATCH, body: '['.repeat(4_000_000), status: 413, code: 'body_too_large' },
  {
    name: 'a deep array',
    to: BATCH,
    body: `${'['.repeat(9_000)}${']'.repeat(9_000)}`,
    status: 400,
    code: 'invalid_readings',
    path: '/0',
  },
  {
    name: 'a deep object',
    to: SINGLE,
    body: `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`,
    status: 400,
    code: 'invalid_readings',
    path: '/user_id',
  },
  {
    name: 'five million empty objects',
    to: BATCH,
    body: gzipSync(`[${'{},'.repeat(5_000_000)}{}]`),
    headers: GZIP,
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'a reading over 64 KiB',
    to: SINGLE,
    body: wireReading({ note: 'x'.repeat(65_536) }),
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'a batch over 16 MiB',
    to: BATCH,
    body: `[${' '.repeat(16 * 1024 * 1024)}]`,
    status: 413,
    code: 'body_too_large',
  },
  { name: 'an empty batch', to: BATCH, body: [], status: 400, code: 'empty_batch', path: '' },
  {
    name: 'an empty NDJSON batch',
    to: BATCH,
    body: '\n \r\n\n',
    headers: NDJSON,
    status: 400,
    code: 'empty_batch',
    path: '',
  },
  { name: 'one reading as a batch', to: BATCH, body: wireReading(), status: 400, code: 'not_an_array', path: '' },
  {
    name: '10,001 readings',
    to: BATCH,
    body: Array(10_001).fill(wireReading()),
    status: 413,
    code: 'too_many_readings',
  },
  {
    name: '10,001 lines',
    to: BATCH,
    body: `${JSON.stringify(wireReading())}\n`.repeat(10_001),
    headers: NDJSON,
    status: 413,
    code: 'too_many_readings',
  },
  {
    name: 'one bad reading of four',
    to: BATCH,
    body: [wireReading(), wireReading(), wireReading(), wireReading({ heart_rate: 221 })],
    status: 400,
    code: 'invalid_readings',
    path: '/3/heart_rate',
    secrets: ['221'],
  },
  {
    name: 'a million letters where a timestamp belongs',
    to: BATCH,
    body: [wireReading({ timestamp: 'T'.repeat(1_000_000) })],
    status: 400,
    code: 'invalid_readings',
    path: '',
  },
  {
    name: '60,000 letters where a timestamp belongs',
    to: BATCH,
    body: [wireReading({ timestamp: 'T'.repeat(60_000) })],
    status: 400,
    code: 'invalid_readings',
    path: '/0/timestamp',
  },
  {
    name: 'a million quotes in a field that is ignored',
    to: BATCH,
    body: JSON.stringify(wireReading({ note: '"'.repeat(1_000_000) })),
    headers: NDJSON,
    status: 400,
    code: 'invalid_readings',
    path: '',
  },
  {
    name: 'a string without end',
    to: BATCH,
    body: `["${'\\'.repeat(1_000_001)}`,
    status: 400,
    code: 'invalid_readings',
    path: '',
  },
  {
    name: '90 fields that are ignored in each of 5,000 readings',
    to: BATCH,
    body: Array(5_000).fill({
      ...wireReading(),
      ...Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`f${i}`, i])),
    }),
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'a malformed line',
    to: BATCH,
    body: `${JSON.stringify(wireReading())}\n{"user_id":"zz-secret\n`,
    headers: NDJSON,
    status: 400,
    code: 'invalid_readings',
    path: '/1',
    secrets: ['zz-secret'],
  },
  {
    name: 'no Content-Type',
    to: SINGLE,
    body: new Uint8Array(Buffer.from(JSON.stringify(wireReading()))),
    headers: { 'Content-Type': '' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'text/plain',
    to: SINGLE,
    body: wireReading(),
    headers: { 'Content-Type': 'text/plain' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'a charset that is not UTF-8',
    to: SINGLE,
    body: wireReading(),
    headers: { 'Content-Type': 'application/json; charset="ISO-8859-1"' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'NDJSON for one',
    to: SINGLE,
    body: wireReading(),
    headers: NDJSON,
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'brotli',
    to: BATCH,
    body: [wireReading()],
    headers: { 'Content-Encoding': 'br' },
    status: 415,
    code: 'unsupported_encoding',
  },
  {
    name: 'gzip twice',
    to: BATCH,
    body: gzipSync(gzipSync('[]')),
    headers: { 'Content-Encoding': 'gzip, gzip' },
    status: 415,
    code: 'unsupported_encoding',
  },
  { name: 'gzip that is none', to: BATCH, body: [wireReading()], headers: GZIP, status: 400, code: 'bad_gzip' },
  { name: 'gzip of nothing at all', to: BATCH, body: '', headers: GZIP, status: 400, code: 'bad_gzip' },
  {
    name: 'gzip cut short',
    to: BATCH,
    body: gzipSync(JSON.stringify([wireReading()])).subarray(0, -5),
    headers: GZIP,
    status: 400,
    code: 'bad_gzip',
  },
  { name: 'gzip damaged', to: BATCH, body: damagedGzip(), headers: GZIP, status: 400, code: 'bad_gzip' },
  {
    name: 'gzip and then garbage',
    to: BATCH,
    body: Buffer.concat([gzipSync(JSON.stringify([wireReading()])), Buffer.from('garbage')]),
    headers: GZIP,
    status: 400,
    code: 'bad_gzip',
  },
  {
    name: 'gzip and then zeros',
    to: BATCH,
    body: Buffer.concat([gzipSync(JSON.stringify([wireReading()])), Buffer.alloc(64)]),
    headers: GZIP,
    status: 400,
    code: 'bad_gzip',
  },
  {
    name: 'a packed reading over 64 KiB',
    to: SINGLE,
    body: gzipSync(JSON.stringify(wireReading({ note: 'x'.repeat(65_536) }))),
    headers: GZIP,
    status: 413,
    code: 'body_too_large',
  },
];

function damagedGzip(): Buffer {
  const bytes = gzipSync(JSON.stringify([wireReading()]));
  bytes.writeUInt32LE(~bytes.readUInt32LE(bytes.length - 8) >>> 0, bytes.length - 8);
  return bytes;
}

export const RANGE = 'start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';

/** Queries that are refused: the query string, the fault's path and, where it matters, what the fault says. */
export const BAD_QUERIES: readonly (readonly [query: string, path: string, message?: RegExp])[] = [
  ['', '/user_id', /missing/],
  [`${RANGE}`, '/user_id', /missing/],
  ['user_id=ana&end=2024-01-16T00:00:00Z', '/start', /missing/],
  ['user_id=ana&start=2024-01-15T00:00:00Z', '/end', /missing/],
  ['user_id=ana&start=&end=', '/start'],
  [`user_id=&${RANGE}`, '/user_id'],
  [`user_id=${'q'.repeat(129)}&${RANGE}`, '/user_id'],
  [`user_id=a%00b&${RANGE}`, '/user_id', /control/],
  [`user_id=ana&device_id=&${RANGE}`, '/device_id'],
  [`user_id=ana&interval=7m&${RANGE}`, '/interval', /1m, 5m, 15m, 1h, 1d/],
  [`user_id=ana&interval=&${RANGE}`, '/interval'],
  [`user_id=ana&interval=__proto__&${RANGE}`, '/interval'],
  ['user_id=ana&start=2024-01-16T00:00:00Z&end=2024-01-15T00:00:00Z', '/start', /after end/],
  ['user_id=ana&start=1990-01-01T00:00:00Z&end=2990-01-01T00:00:00Z', '/end', /3660 days/],
  ['user_id=ana&start=1969-12-31T00:00:00Z&end=2024-01-15T00:00:00Z', '/start', /1970/],
  ['user_id=ana&start=2024-01-15T00:00:00&end=2024-01-16T00:00:00Z', '/start', /offset/],
  ['user_id=ana&start=1705312800000&end=2024-01-16T00:00:00Z', '/start'],
  ['user_id=ana&start=2024-01-15T00:00:00+01:00&end=2024-01-16T00:00:00Z', '/start', /%2B/],
  ['user_id=ana&start=2024-01-15T00:00:00%20%2B01:00&end=2024-01-16T00:00:00Z', '/start'],
  [`user_id=ana&${RANGE}&resolution=1min`, '/resolution', /no parameter/],
  [`user_id=ana&${RANGE}&User_Id=ana`, '/User_Id', /no parameter/],
  [`user_id=ana&${RANGE}&a%2Fb~=1`, '/a~1b~0', /no parameter/],
  [`user_id=ana&${RANGE}&__proto__=1`, '/__proto__', /no parameter/],
  [`user_id=ana&user_id=ana&${RANGE}`, '/user_id', /more than once/],
  [`user_id=ana&user%5Fid=ben&${RANGE}`, '/user_id', /more than once/],
  [`user_id=%ff&${RANGE}`, '/user_id', /percent-encoded/],
  [`user_id=%ED%A0%80&${RANGE}`, '/user_id', /percent-encoded/],
  [`user_id=%zz&${RANGE}`, '/user_id', /percent-encoded/],
  [`user_id=ana%&${RANGE}`, '/user_id', /percent-encoded/],
];
