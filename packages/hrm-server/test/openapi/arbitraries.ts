/**
 * Requests made of the OpenAPI document: what it asks for, what it almost asks for, and what it does not.
 */
import { gzipSync } from 'node:zlib';
import fc, { type Arbitrary } from 'fast-check';
import {
  type Document,
  type DocumentedOperation,
  type DocumentedParameter,
  type Json,
  operationsOf,
} from './document.js';

/** A request as bytes go out. */
export interface FuzzRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** The path of the document that it is addressed to; `null` for none. */
  readonly path: string | null;
  /** The id of the call that it is addressed to; `null` for what the document does not have. */
  readonly operationId: string | null;
}

/** Part of every id and junk text: no refusal may repeat it. */
export const MARKER = 'zqMARKERqz';

/** A parameter that no call has. */
export const UNKNOWN = `nonsense=${MARKER}`;

/** All but surrogates. Of a string of `unit: 'binary'` fast-check makes a map of all of them, for seconds. */
const codePoints = fc.integer({ min: 0, max: 0x10_ffff - 0x800 }).map((at) => (at < 0xd800 ? at : at + 0x800));

const junk = fc.oneof(
  fc.constantFrom(
    MARKER,
    '',
    '..',
    '0',
    'null',
    '-1',
    '[]',
    '{}',
    `../${MARKER}`,
    `${MARKER}\u0000`,
    'NaN',
    '1e999',
    '%',
  ),
  fc.array(codePoints, { maxLength: 40 }).map((points) => String.fromCodePoint(...points) + MARKER),
  fc.string({ maxLength: 300 }).map((text) => MARKER + text),
);

/** Mostly of one week, so that a start and an end make a range as often as not. */
const instants = fc.oneof(
  { weight: 8, arbitrary: instantsBetween('2024-01-15', '2024-01-22') },
  { weight: 1, arbitrary: instantsBetween('1970-01-01', '2026-01-01') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('2024-01-16T10:00:00+01:00', '1970-01-01T00:00:00Z', '9999-12-31T23:59:59Z'),
  },
);

function instantsBetween(from: string, to: string): Arbitrary<string> {
  const dates = fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true });
  return dates.map((date) => date.toISOString());
}

/** Values that a schema allows. Of patterns those of timestamps are known; others are made from the pattern. */
function valid(schema: Json): Arbitrary<unknown> {
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  if ('const' in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.anyOf)) return fc.oneof(...schema.anyOf.map(valid));
  if (schema.type === 'array') {
    const items = valid(schema.items as Json);
    return fc.array(items, { minLength: Number(schema.minItems ?? 0), maxLength: 20 });
  }
  if (schema.type === 'object') {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);
    const values = Object.fromEntries(properties.map(([name, property]) => [name, valid(property)]));
    return fc.record(values, { requiredKeys: (schema.required ?? []) as string[] });
  }
  if (schema.type === 'integer' || schema.type === 'number')
    return fc.integer({ min: Number(schema.minimum ?? 0), max: Number(schema.maximum ?? 1_000) });
  // What is of a list elsewhere, as the names of time zones.
  if (typeof schema.pattern !== 'string' && schema.maxLength === 64)
    return fc.constantFrom(...(schema.examples as string[]));
  if (schema.format === 'date') return instants.map((instant) => instant.slice(0, 10));
  if (typeof schema.pattern === 'string' && schema.pattern.includes('T')) return instants;
  if (typeof schema.pattern === 'string') return fc.stringMatching(new RegExp(schema.pattern));
  const max = Math.min(Number(schema.maxLength ?? 40), 40);
  return fc.string({ unit: 'grapheme', maxLength: max - MARKER.length }).map((text) => MARKER + text);
}

/** Mostly valid, so that what lies behind the first check is reached, too. */
function mostly(schema: Json): Arbitrary<unknown> {
  return fc.oneof(
    { weight: 8, arbitrary: valid(schema) },
    { weight: 1, arbitrary: junk },
    { weight: 1, arbitrary: fc.jsonValue() },
  );
}

/** A value of a schema with one place in it replaced by something else. */
function spoiled(schema: Json): Arbitrary<unknown> {
  return fc
    .tuple(valid(schema), fc.nat(), fc.oneof(junk, fc.jsonValue(), fc.constant(undefined)))
    .map(([value, at, bad]) => {
      const copy = structuredClone(value);
      const holder = Array.isArray(copy) && copy.length > 0 ? copy[at % copy.length] : copy;
      if (typeof holder !== 'object' || holder === null) return bad;
      const names = Object.keys(holder);
      const name = names[at % Math.max(1, names.length)];
      if (name !== undefined) (holder as Record<string, unknown>)[name] = bad;
      return copy;
    });
}

/** What an import takes. */
const FILE = Buffer.from('user_id,device_id,timestamp,heart_rate\nana,strap,2024-01-15T10:00:00Z,72\n');

function bodies(
  content: Readonly<Record<string, { readonly schema: Json }>>,
): Arbitrary<{ type: string; bytes: Buffer }> {
  const [first] = Object.values(content);
  const schema = first?.schema ?? {};
  const types = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...Object.keys(content)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('text/plain', '', 'application/json; charset=latin1', 'multipart/form-data'),
    },
  );
  const values = fc.oneof(
    { weight: 5, arbitrary: valid(schema) },
    { weight: 4, arbitrary: spoiled(schema) },
    fc.jsonValue(),
  );
  return fc.tuple(types, values, fc.nat(30), fc.uint8Array({ maxLength: 200 })).map(([type, value, how, noise]) => {
    const items = Array.isArray(value) ? value : [value];
    const text = type.endsWith('ndjson') ? items.map((item) => JSON.stringify(item)).join('\n') : JSON.stringify(value);
    const bytes = Buffer.from(text ?? '');
    if (how === 0) return { type, bytes: Buffer.from(noise) };
    if (how === 1) return { type, bytes: bytes.subarray(0, bytes.length >> 1) };
    if (schema.type === 'string' && how % 2 === 0) return { type, bytes: FILE };
    return { type, bytes };
  });
}

/** As it would stand in a URL. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function percent(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Only the ASCII that can stand in a request target: Node refuses to send anything else. */
function raw(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '');
}

function queries(parameters: readonly DocumentedParameter[]): Arbitrary<string> {
  const pairs = parameters.map(({ name, required, schema }) =>
    fc.tuple(mostly(schema), fc.nat(19)).map(([value, how]) => {
      const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
      if (how === 0 || (!required && how < 10)) return [];
      if (how === 1) return [`${name}=${percent(text)}`, `${name}=${percent(text)}`];
      return [`${name}=${how === 2 ? raw(text) : percent(text)}`];
    }),
  );
  // A parameter's name is repeated, its value is not.
  const unknown = fc.constantFrom(UNKNOWN, '&&', '=', `=${MARKER}`, '%', '?', `user_id[]=${MARKER}`);
  const extra = fc.oneof({ weight: 12, arbitrary: fc.constant('') }, { weight: 1, arbitrary: unknown });
  return fc.tuple(fc.tuple(...pairs), extra).map(([all, more]) => {
    const query = [...all.flat(), ...(more === '' ? [] : [more])].join('&');
    return query === '' ? '' : `?${query}`;
  });
}

/** @param tokens - API keys to send, `null` for none. */
export function requests(document: Document, tokens: readonly (string | null)[]): Arbitrary<FuzzRequest> {
  const known = operationsOf(document).map(({ path, method, operation }) => {
    // Where nothing can be given there is little to try.
    const isPlain = operation.parameters === undefined && operation.requestBody === undefined;
    // An erasure takes a second, for which all that are sent together wait.
    const weight = method === 'delete' ? 1 : isPlain ? 3 : 20;
    return { weight, arbitrary: requestsTo(document, path, method, operation, tokens) };
  });
  const stranger = fc.tuple(fc.constantFrom('GET', 'POST', 'DELETE'), junk).map(([method, path]): FuzzRequest => {
    return { method, target: `/${raw(path)}`, headers: {}, body: null, path: null, operationId: null };
  });
  return fc.oneof(...known, { weight: 5, arbitrary: stranger });
}

/** Headers as the document has them, each sent or not. */
function documentedHeaders(parameters: readonly DocumentedParameter[]): Arbitrary<Readonly<Record<string, string>>> {
  const some = parameters
    .filter((parameter) => parameter.in === 'header')
    .map(({ name, schema }) =>
      fc.option(valid(schema)).map((value) => (value === null ? [] : [[name, printable(String(value))]])),
    );
  return fc.tuple(...some).map((all) => Object.fromEntries(all.flat()));
}

const headerValue = junk.map(printable);

/** What a header can be. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '');
}

function requestsTo(
  { paths: documented }: Document,
  path: string,
  method: string,
  operation: DocumentedOperation,
  tokens: readonly (string | null)[],
): Arbitrary<FuzzRequest> {
  const { parameters = [], requestBody } = operation;
  const paths = parameters.filter((parameter) => parameter.in === 'path');
  const names = [
    'Accept',
    'Accept-Encoding',
    'If-None-Match',
    'Range',
    'Origin',
    'X-Request-Id',
    'Last-Event-ID',
    'traceparent',
    'Expect',
  ];
  return fc
    .record({
      method: fc.oneof(
        { weight: 12, arbitrary: fc.constant(method) },
        { weight: 1, arbitrary: fc.constantFrom('HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'GET', 'POST') },
      ),
      inPath: fc.tuple(...paths.map(({ schema }) => mostly(schema))),
      query: queries(parameters.filter((parameter) => parameter.in === 'query')),
      token: fc.constantFrom(...tokens),
      headers: fc
        .tuple(fc.dictionary(fc.constantFrom(...names), headerValue, { maxKeys: 2 }), documentedHeaders(parameters))
        .map(([any, documented]) => ({ ...any, ...documented })),
      body: requestBody === undefined ? fc.constant(null) : bodies(requestBody.content),
      packing: fc.nat(19),
    })
    .map(({ method, inPath, query, token, headers, body, packing }) => {
      const filled = paths.reduce(
        (target, { name }, i) => target.replace(`{${name}}`, percent(textOf(inPath[i])) || '%20'),
        path,
      );
      const packed = body !== null && packing < 2 ? { 'Content-Encoding': 'gzip' } : {};
      const bytes = body === null ? null : packing === 0 ? gzipSync(body.bytes) : body.bytes;
      return {
        method,
        target: filled + query,
        headers: {
          ...headers,
          ...packed,
          ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === null || body.type === '' ? {} : { 'Content-Type': body.type }),
        },
        body: method === 'HEAD' ? null : bytes,
        path,
        // Of the method that is asked: another may be another call.
        operationId: documented[path]?.[method === 'HEAD' ? 'get' : method.toLowerCase()]?.operationId ?? null,
      };
    });
}
