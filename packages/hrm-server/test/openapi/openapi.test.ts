import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { CLIENT_PROBLEMS, WireReadingSchema } from 'hrm-core/schemas';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { BAD_BODIES, BAD_READINGS } from '../bad-input-cases.js';
import { openLive } from '../live-client.js';
import { exchangeRaw, post, startTest, wireReading } from '../support.js';
import {
  createConformance,
  type Document,
  type Given,
  isStrict,
  type Json,
  nowhere,
  operationsOf,
} from './document.js';

async function fetchDocument(url: string): Promise<Document> {
  return (await (await fetch(`${url}/openapi.json`)).json()) as Document;
}

/** Asks for a target as it stands, without a body. @param more - lines of the head. */
async function askRaw(port: number, method: string, target: string, more = ''): Promise<Given> {
  const head = `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n${more}\r\n`;
  const [top = '', ...rest] = (await exchangeRaw(port, head)).split('\r\n\r\n');
  const [line = '', ...fields] = top.split('\r\n');
  const headers = fields.map((field) => {
    const at = field.indexOf(':');
    return [field.slice(0, at).toLowerCase(), field.slice(at + 1).trim()];
  });
  return { status: Number(line.split(' ')[1]), headers: Object.fromEntries(headers), text: rest.join('\r\n\r\n') };
}

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { url } = await startTest();
    const document = await fetchDocument(url);
    const result = await new Validator().validate(document as unknown as Record<string, unknown>);
    expect(result).toMatchObject({ valid: true });
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: expect.stringMatching(/^\d+\.\d+\.\d+$/) } });
  });

  it('takes the ids that the live stream itself gives', async () => {
    const { url } = await startTest();
    const { paths } = await fetchDocument(url);
    const parameters = paths['/metrics/heart-rate/live']?.get?.parameters ?? [];
    const { schema = {} } = parameters.find(({ name }) => name === 'Last-Event-ID') ?? {};
    const takes = new Ajv2020({ strict: false }).compile(schema);
    const live = await openLive(url, { user_id: 'ana' });
    await post(`${url}/metrics/heart-rate`, wireReading());
    await live.waitFor(1);
    const ids = live.blocks.flatMap(({ id }) => id ?? []);
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) expect(takes(id), id).toBe(true);
    expect(takes('')).toBe(true);
    expect(takes('a b')).toBe(false);
  });

  it('has an example of every id, time and rate, which its schema takes, and says which strings are times', async () => {
    const { url } = await startTest();
    const document = await fetchDocument(url);
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    let count = 0;
    function look(name: string, schema: Json): void {
      const {
        properties = {},
        items,
        anyOf = [],
        examples,
        format,
        type,
      } = schema as {
        properties?: Record<string, Json>;
        items?: Json;
        anyOf?: Json[];
        examples?: unknown[];
        format?: string;
        type?: string;
      };
      for (const [property, described] of Object.entries(properties)) look(property, described);
      for (const described of [...(items === undefined ? [] : [items]), ...anyOf]) look(name, described);
      // A time may be one of two: text, or epoch milliseconds, which need no example.
      if (anyOf.length > 0 || (type === 'integer' && name === 'start')) return;
      // A day has no time.
      const formats = name === 'timestamp' ? ['date-time'] : ['date-time', 'date'];
      if (/^(timestamp|start|end)$/.test(name))
        expect([name, formats]).toEqual([name, expect.arrayContaining([format])]);
      if (!/^(user_id|device_id|timestamp|start|end|heart_rate)$/.test(name)) return;
      expect(examples, name).toHaveLength(1);
      expect(ajv.validate(schema, examples?.[0]), name).toBe(true);
      count += 1;
    }
    for (const { operation } of operationsOf(document)) {
      for (const { name, schema } of operation.parameters ?? []) look(name, schema);
      const bodies = [operation.requestBody, ...Object.values(operation.responses)];
      for (const body of bodies) for (const { schema } of Object.values(body?.content ?? {})) look('', schema);
    }
    expect(count).toBeGreaterThan(20);
  });

  it('has the calls that the server answers, each with all its methods, and no other', async () => {
    const { url, port } = await startTest();
    const document = await fetchDocument(url);
    const conforms = createConformance(document);
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
    const erased = await fetch(`${url}/users/ana/readings`, { method: 'DELETE' });
    const { id } = (await erased.json()) as { id: string };
    for (const [path, described] of Object.entries(document.paths)) {
      const [operation] = Object.values(described);
      if (operation === undefined) throw new Error(`${path} has no call`);
      const has = new Set(Object.keys(described).map((method) => method.toUpperCase()));
      if (has.has('GET')) has.add('HEAD');
      for (const method of methods) {
        const given = await askRaw(port, method, path.replace('{id}', id).replace(/\{\w+\}/g, 'ana'));
        if (has.has(method)) expect([404, 405, 500, 501]).not.toContain(given.status);
        else {
          expect({ method, path, status: given.status }).toEqual({ method, path, status: 405 });
          expect(given.headers.allow).toBe([...has].sort().join(', '));
          expect(conforms(operation, given, method === 'HEAD')).toBeNull();
        }
      }
    }
  });

  it('says what is answered where it has nothing', async () => {
    const { url, port } = await startTest();
    const document = await fetchDocument(url);
    const conforms = createConformance(document);
    const paths = [
      '/metrics/heart-rate/',
      '/openapi',
      '/docs/',
      '/users/',
      '/users/ana',
      '/.env',
      '/favicon.ico',
      '//',
    ];
    for (const path of paths) expect(conforms(nowhere(document), await askRaw(port, 'GET', path))).toBeNull();
    const devices = document.paths['/users/{user_id}/devices']?.get;
    expect(devices && conforms(devices, await askRaw(port, 'GET', '/users//devices'))).toBeNull();
  });

  it('says which calls refuse parameters that they do not have, and which expectations all do', async () => {
    const { url, port } = await startTest();
    const document = await fetchDocument(url);
    const conforms = createConformance(document);
    const lenient: string[] = [];
    for (const { path, method, operation } of operationsOf(document)) {
      const target = path.replace(/\{\w+\}/g, 'ana');
      const given = await askRaw(port, method, `${target}?nonsense=1`);
      if (isStrict(operation))
        expect([given.status, given.text]).toEqual([400, expect.stringContaining('"invalid_query"')]);
      else lenient.push(path);
      expect(conforms(operation, given)).toBeNull();
      const expecting = await askRaw(port, method, target, 'Expect: x\r\n');
      expect(expecting.status).toBe(417);
      expect(expecting.headers).toMatchObject({ 'x-content-type-options': 'nosniff' });
      expect(conforms(operation, expecting)).toBeNull();
    }
    // Health checks, scrapers and browsers add parameters of their own.
    expect(lenient).toEqual(['/fhir/metadata', '/health', '/health/live', '/metrics', '/docs']);
  });

  it('says that a key is needed only where there are keys', async () => {
    const { url } = await startTest();
    const document = await fetchDocument(url);
    expect(document.paths['/session']?.get?.security).toEqual([{ key: [] }, {}]);
    expect(document.paths['/health']?.get?.security).toEqual([]);
    expect((await fetch(`${url}/session`)).status).toBe(200);
  });

  it('says what each bad request of the contract is answered with', async () => {
    const { url } = await startTest();
    const document = await fetchDocument(url);
    const conforms = createConformance(document);
    for (const { to, body, headers } of [...BAD_READINGS, ...BAD_BODIES]) {
      const operation = document.paths[to]?.post;
      const response = await post(url + to, body, headers);
      const given = {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        text: await response.text(),
      };
      expect(operation && conforms(operation, given)).toBeNull();
    }
  });

  it('would notice an answer that it does not have', async () => {
    const { url } = await startTest();
    const document = await fetchDocument(url);
    const conforms = createConformance(document);
    const operation = document.paths['/metrics/heart-rate']?.get;
    if (operation === undefined) throw new Error('the query is not documented');
    const json = { 'content-type': 'application/json' };
    const row = { timestamp: '2024-01-15T10:00:00Z', heart_rate: 75.5, min: 70, max: 81, count: 12, device_ids: ['a'] };
    const body = (data: unknown[]) => JSON.stringify({ user_id: 'ana', data, count: data.length });
    expect(conforms(operation, { status: 200, headers: json, text: body([row]) })).toBeNull();
    expect(conforms(operation, { status: 200, headers: json, text: body([{ ...row, min: 7 }]) })).not.toBeNull();
    expect(conforms(operation, { status: 200, headers: json, text: body([{ ...row, extra: 1 }]) })).not.toBeNull();
    expect(conforms(operation, { status: 418, headers: json, text: '{}' })).not.toBeNull();
    expect(conforms(operation, { status: 200, headers: { 'content-type': 'text/html' }, text: '' })).not.toBeNull();
    const problem = { type: 'about:blank', title: 'Bad Request', status: 400, detail: 'x', code: 'invalid_query' };
    const type = { 'content-type': 'application/problem+json' };
    expect(conforms(operation, { status: 400, headers: type, text: JSON.stringify(problem) })).toBeNull();
    const foreign = JSON.stringify({ ...problem, code: 'empty_batch' });
    expect(conforms(operation, { status: 400, headers: type, text: foreign })).not.toBeNull();
  });

  it('has every problem that a client can meet', async () => {
    const { url } = await startTest();
    const text = JSON.stringify(operationsOf(await fetchDocument(url)).map(({ operation }) => operation.responses));
    expect(Object.keys(CLIENT_PROBLEMS).filter((code) => !text.includes(`"${code}"`))).toEqual([]);
    const page = await (await fetch(`${url}/docs`)).text();
    expect(Object.keys(CLIENT_PROBLEMS).filter((code) => !page.includes(`<code>${code}</code>`))).toEqual([]);
  });

  it('has a reading as the contract has it', () => {
    const refused = BAD_READINGS.filter(({ body }) => v.safeParse(WireReadingSchema, body).success).map(
      ({ name }) => name,
    );
    // What no schema can say: which dates there are, and how far ahead is too far.
    for (const name of refused) expect(name).toMatch(/^timestamp/);
    expect(v.safeParse(WireReadingSchema, wireReading()).success).toBe(true);
  });
});

describe('the page of the API', () => {
  it('has every call, runs nothing and asks no other host', async () => {
    const { url } = await startTest();
    const response = await fetch(`${url}/docs`);
    const page = await response.text();
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    for (const { operation, path } of operationsOf(await fetchDocument(url))) {
      expect(page).toContain(`id="${operation.operationId}"`);
      expect(page).toContain(path);
    }
    expect(page).not.toMatch(/<script|\son\w+=|(?:src|href)="(?:https?:)?\/\//);
  });
});
