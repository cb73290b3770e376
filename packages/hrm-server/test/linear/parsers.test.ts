/** Linear in hostile input: every parser of the server, with every shape of `test/support/hostile-shapes.ts`. */
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { enqueueBytes, ROW_FORMS } from 'hrm-core';
import { readKeys } from 'hrm-core/keys';
import { QUERY_PARAMETERS, readQuery, routeOf, valuesOf } from 'hrm-core/schemas';
import { createQuota } from 'hrm-core/shares';
import { describe, expect, it } from 'vitest';
import { type Feed, type GrowthOptions, growthFaults } from '../../../../test/support/growth.js';
import { createAdmission } from '../../src/auth/access.js';
import { withBody } from '../../src/http/body.js';
import { hasTag, readAnswerForm, readEncoding } from '../../src/http/connections/accept.js';
import { createCors, isPreflight } from '../../src/http/cors.js';
import { createHostCheck } from '../../src/http/host.js';
import { isGzipped, readMediaType } from '../../src/http/media-type.js';
import { checkHead } from '../../src/http/request-head.js';
import { queryKindOf } from '../../src/metrics/query-kind.js';
import type { Call } from '../../src/routes/handler.js';
import { parseReading } from '../../src/routes/ingest.js';
import { post, startTest, temporaryDirectory, wireReading } from '../support.js';

const LONG: GrowthOptions = { longest: 2 ** 16 };
const budget = createQuota(2 ** 26);
/** Whoever sends needs no key. */
const ANYBODY = { onEnd: () => () => undefined };

const LIMITS = { maxBytes: 2 ** 24, budget, announced: budget, client: 'ana', idleMs: 10_000 };
const checkHost = createHostCheck({ host: '127.0.0.1', allowedHosts: [] });
const admission = createAdmission(
  {
    keys: {
      isNeeded: () => true,
      find: () => null,
      onChange: () => () => undefined,
      fault: () => null,
      noteUse: () => undefined,
      ending: () => 0,
    },
  },
  { rateLimit: 0 },
);

const queue = { push: async () => undefined };

function readBody(bytes: Buffer, headers: IncomingMessage['headers']): Promise<void> {
  const incoming = Object.assign(Readable.from([bytes]), { headers });
  return withBody({ incoming, access: ANYBODY } as unknown as Call, LIMITS, async (body) => {
    for (const form of ['array', 'lines'] as const)
      await enqueueBytes({ queue }, body.bytes, { form }).catch(() => null);
  });
}

function media(type: string) {
  return readMediaType({ 'content-type': type }, ['application/json']);
}

function host(name: string, url: string) {
  return checkHost({ rawHeaders: ['Host', name], url });
}

const PARSERS: readonly (readonly [name: string, feed: Feed, options?: GrowthOptions])[] = [
  ['Accept', (text) => readAnswerForm({ accept: text }, ROW_FORMS)],
  ['a weight in Accept', (text) => readAnswerForm({ accept: `text/csv;q ${text}=${text};q=${text}` }, ROW_FORMS)],
  ['Accept-Encoding', (text) => readEncoding({ 'accept-encoding': text })],
  ['If-None-Match', (text) => hasTag({ 'if-none-match': text }, '"a"')],
  ['Content-Type', media],
  ['parameters of Content-Type', (text) => media(`application/json;${text};charset=utf-8`)],
  ['a charset', (text) => media(`application/json; charset=${text}x`)],
  ['a charset in quotes', (text) => media(`application/json; charset = "${text}" `)],
  ['Content-Encoding', (text) => isGzipped({ 'content-encoding': text })],
  ['Host', (text) => host(text, '/')],
  ['Host, an address', (text) => host(`[${text}]:80`, '/')],
  ['Host with a port', (text) => host(`a:${text}`, '/')],
  ['the authority of a target', (text) => host('localhost', `http://${text}`)],
  ['Authorization', (text) => admission.admit({ rawHeaders: ['Authorization', text] }, 'query')],
  ['a bearer', (text) => admission.admit({ rawHeaders: ['Authorization', `Bearer ${text}`] }, 'query')],
  ['a bearer behind blanks', (text) => admission.admit({ rawHeaders: ['Authorization', `Bearer  a${text}b`] }, 'none')],
  ['Expect', (text) => checkHead({ url: '/', headers: { expect: text }, rawHeaders: [] })],
  ['Origin', (text) => createCors(['https://a'])({ headers: { origin: text }, method: 'GET' })],
  [
    'a preflight',
    (text) => isPreflight({ method: 'OPTIONS', headers: { origin: text, 'access-control-request-method': text } }),
  ],
  [
    'Transfer-Encoding',
    (text) => checkHead({ url: '/', headers: { 'transfer-encoding': text }, rawHeaders: ['Content-Type', text] }),
  ],
  ['a target', (text) => [checkHead({ url: text, headers: {}, rawHeaders: [] }), routeOf(text)]],
  [
    'a path',
    (text) => [checkHead({ url: `/${text}`, headers: {}, rawHeaders: [] }), routeOf(`/users/${text}/devices`)],
  ],
  [
    'an absolute target',
    (text) => [checkHead({ url: `http://${text}`, headers: {}, rawHeaders: [] }), routeOf(`http://${text}`)],
  ],
  ['a query', (text) => readQuery(`/?${text}`, QUERY_PARAMETERS), LONG],
  ['the value of a parameter', (text) => readQuery(`/?user_id=${text}&start=${text}&end=${text}`, QUERY_PARAMETERS)],
  ['the users of a query', (text) => valuesOf(`/?${text}&user_id=${text}`, 'user_id')],
  ['the interval of a query', (text) => queryKindOf({ url: `/?interval=${text}&${text}`, headers: {} }, 200)],
  ['JSON of a reading', (text) => parseReading({ bytes: Buffer.from(text) }), LONG],
  ['a body', (text) => readBody(Buffer.from(text), {}), LONG],
  ['a body of a string', (text) => readBody(Buffer.from(JSON.stringify([text.slice(0, 30_000), text])), {}), LONG],
  ['a packed body', (text) => readBody(gzipSync(text), { 'content-encoding': 'gzip' }), LONG],
];

it.each(PARSERS.map(([name, feed, options]) => ({ name, feed, options })))('$name', async ({ feed, options }) => {
  expect(await growthFaults(feed, options)).toEqual([]);
});

describe('the file of the keys', () => {
  it('as a whole, and a field of a key', async () => {
    const path = join(await temporaryDirectory(), 'keys.json');
    const read = (text: string) => {
      writeFileSync(path, text);
      return readKeys(path);
    };
    expect(await growthFaults(read)).toEqual([]);
    const key = (text: string) => ({
      id: text,
      name: text,
      hash: text,
      scopes: [text],
      user_ids: [text],
      created_ms: 0,
      expires_ms: null,
    });
    expect(await growthFaults((text) => read(JSON.stringify({ version: 1, keys: [key(text)] })))).toEqual([]);
  });
});

/** Whatever lies between the socket and the parsers. */
describe('requests', () => {
  /** Node's own bound on the head of a request is 16 KiB. */
  const HEAD: GrowthOptions = { longest: 2 ** 13 };
  const HEADERS = [
    'Accept',
    'Accept-Encoding',
    'Authorization',
    'Content-Encoding',
    'Content-Type',
    'If-None-Match',
    'Last-Event-ID',
    'Origin',
    'Range',
    'traceparent',
    'X-Request-Id',
  ];

  it.each(HEADERS)('with a hostile %s', async (name) => {
    const { url } = await startTest();
    const to = `${url}/metrics/heart-rate`;
    const ask = async (text: string) => (await fetch(`${to}/live?x=1`, { headers: { [name]: text } })).text();
    expect(await growthFaults(ask, HEAD)).toEqual([]);
    const json = name === 'Content-Type' ? 'application/json;charset=' : '';
    const headers = (text: string) => ({ 'Content-Type': 'application/json', [name]: json + text });
    const send = async (text: string) =>
      (await fetch(to, { method: 'POST', body: '{}', headers: headers(text) })).text();
    expect(await growthFaults(send, HEAD)).toEqual([]);
  });

  it('with hostile targets', async () => {
    const { url } = await startTest();
    const ask = async (text: string) => (await fetch(`${url}/${text}?${text}`)).text();
    expect(await growthFaults(ask, HEAD)).toEqual([]);
    const query = async (text: string) => {
      const value = encodeURIComponent(text.toWellFormed()).slice(0, 4_000);
      return (await fetch(`${url}/metrics/heart-rate?user_id=${value}&start=${value}&end=${value}`)).text();
    };
    expect(await growthFaults(query, HEAD)).toEqual([]);
  });

  it('with hostile bodies', async () => {
    const { url } = await startTest();
    const to = `${url}/metrics/heart-rate/batch`;
    for (const headers of [{}, { 'Content-Type': 'application/x-ndjson' }]) {
      expect(await growthFaults((text) => post(to, text, headers), LONG)).toEqual([]);
    }
    const fields = (text: string) =>
      wireReading({ user_id: text, device_id: text, timestamp: text, heart_rate: text, note: text });
    expect(await growthFaults((text) => post(to, [fields(text.slice(0, 60_000))], {}), LONG)).toEqual([]);
  });
});
