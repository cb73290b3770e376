/**
 * S3 in this process, as AWS is: strong, with conditions on PUT and GET, ETags in quotation marks, times in whole seconds. It is an
 * exchange of the client, so that everything above HTTP is the real thing, and any request can fail in any way.
 */
import { createHash } from 'node:crypto';
import type { Exchange, HttpAnswer, HttpRequest } from '../../src/drivers/aws/exchange.js';
import { abortedError } from '../../src/errors.js';
import { onAbort } from '../../src/waits.js';

interface FakeObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly id: string;
  readonly writtenMs: number;
}

/** What becomes of a request: it fails before it is carried out, or after; or with an answer of this status and code instead. */
export type Fault = 'reset' | 'lost' | { readonly status: number; readonly code: string; readonly isApplied?: boolean };

/** A service, and what it has seen. */
export interface FakeS3 {
  readonly exchange: Exchange;
  /** By key, with the prefix. */
  readonly objects: ReadonlyMap<string, { readonly bytes: Buffer }>;
  /** `GET`, `LIST`, `PUT`, `HEAD`, `POST`: as many as were sent. `LOOK`: listings of the erasures, at most one in five seconds. */
  readonly counts: Record<string, number>;
  /** Every request that was sent. */
  readonly requests: HttpRequest[];
  /** Decides what becomes of the n-th request, from 1; `null`: it is answered. */
  plan: (n: number, request: HttpRequest) => Fault | null;
  /** What a request waits for before it is answered. */
  delay: () => Promise<void>;
  /** Milliseconds that are added to the clock of the service. */
  aheadMs: number;
}

/** Which conditions it ignores, as services do that know none. */
export interface FakeS3Options {
  readonly ignores?: readonly ('if-none-match' | 'if-match')[];
}

function kindOf({ path, method }: HttpRequest): string {
  if (!path.includes('list-type=2')) return method;
  return decodeURIComponent(path).includes('/.erasures/') ? 'LOOK' : 'LIST';
}

/** Creates a service with one bucket, which is named in the path. */
export function createFakeS3({ ignores = [] }: FakeS3Options = {}): FakeS3 {
  const objects = new Map<string, FakeObject>();
  const fake: FakeS3 = {
    objects,
    counts: {},
    requests: [],
    plan: () => null,
    delay: () => Promise.resolve(),
    aheadMs: 0,
    exchange: {
      async send(request, signal) {
        fake.requests.push(request);
        const kind = kindOf(request);
        fake.counts[kind] = (fake.counts[kind] ?? 0) + 1;
        const fault = fake.plan(fake.requests.length, request);
        await new Promise((turn) => setImmediate(turn));
        await untilAborted(fake.delay(), signal);
        if (fault === 'reset') throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
        if (fault === null) return carryOut(request);
        if (fault === 'lost' || fault.isApplied === true) carryOut(request);
        if (fault === 'lost') throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
        return answer(fault.status, errorXml(fault.code));
      },
      close: () => undefined,
    },
  };

  function nowMs(): number {
    return Math.floor((Date.now() + fake.aheadMs) / 1_000) * 1_000;
  }

  function answer(status: number, body: string | Buffer = '', headers: Record<string, string> = {}): HttpAnswer {
    const date = new Date(nowMs()).toUTCString();
    return { status, headers: { date, ...headers }, body: Buffer.from(body) };
  }

  function carryOut(request: HttpRequest): HttpAnswer {
    const url = new URL(request.path, 'http://fake');
    const key = decodeURIComponent(url.pathname).split('/').slice(2).join('/');
    if (url.searchParams.has('list-type')) return list(url.searchParams);
    if (request.method === 'POST') return removeAll(Buffer.from(request.body ?? []).toString());
    const found = objects.get(key);
    const refused = refusal(request, found);
    if (refused !== null) return refused;
    if (request.method === 'PUT') return put(key, request);
    return found === undefined ? answer(404, errorXml('NoSuchKey')) : read(request, found);
  }

  function refusal({ method, headers }: HttpRequest, found: FakeObject | undefined): HttpAnswer | null {
    if (headers['if-none-match'] === '*' && !ignores.includes('if-none-match') && found !== undefined)
      return answer(412, errorXml('PreconditionFailed'));
    const wanted = headers['if-match'];
    if (wanted === undefined || (method === 'PUT' && ignores.includes('if-match'))) return null;
    if (found === undefined) return answer(404, errorXml('NoSuchKey'));
    return wanted.replaceAll('"', '') === found.etag ? null : answer(412, errorXml('PreconditionFailed'));
  }

  function put(key: string, { headers, body = new Uint8Array() }: HttpRequest): HttpAnswer {
    const bytes = Buffer.from(body);
    const etag = createHash('md5').update(bytes).digest('hex');
    objects.set(key, { bytes, etag, id: headers['x-amz-meta-hrm-id'] ?? '', writtenMs: nowMs() });
    return answer(200, '', { etag: `"${etag}"` });
  }

  function read({ method, headers }: HttpRequest, { bytes, etag, id }: FakeObject): HttpAnswer {
    const told = { etag: `"${etag}"`, 'x-amz-meta-hrm-id': id };
    if (method === 'HEAD') return answer(200, '', told);
    const [, from, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (from === undefined) return answer(200, bytes, told);
    return answer(206, bytes.subarray(Number(from), Number(last) + 1), told);
  }

  function list(query: URLSearchParams): HttpAnswer {
    const [prefix = '', delimiter = ''] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const most = Number(query.get('max-keys') ?? 1_000);
    const contents: string[] = [];
    const prefixes = new Set<string>();
    let last = '';
    let isTruncated = false;
    for (const key of [...objects.keys()].sort()) {
      if (!key.startsWith(prefix) || key <= after) continue;
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const common = cut === -1 ? '' : key.slice(0, cut + 1);
      if (common !== '' && (prefixes.has(common) || after.startsWith(common))) continue;
      if (contents.length + prefixes.size === most) {
        isTruncated = true;
        break;
      }
      last = common === '' ? key : common;
      if (common === '') contents.push(contentXml(key, objects.get(key) as FakeObject));
      else prefixes.add(common);
    }
    const commons = [...prefixes].map((each) => `<CommonPrefixes><Prefix>${encode(each)}</Prefix></CommonPrefixes>`);
    const next = isTruncated ? `<NextContinuationToken>${last}</NextContinuationToken>` : '';
    return answer(
      200,
      `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}${commons.join('')}</ListBucketResult>`,
    );
  }

  function removeAll(xml: string): HttpAnswer {
    for (const [, key = ''] of xml.matchAll(/<Key>([^<]*)<\/Key>/g)) objects.delete(key.replaceAll('&amp;', '&'));
    return answer(200, '<DeleteResult></DeleteResult>');
  }

  return fake;
}

function contentXml(key: string, { bytes, etag, writtenMs }: FakeObject): string {
  const modified = new Date(writtenMs).toISOString();
  return `<Contents><Key>${encode(key)}</Key><LastModified>${modified}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${bytes.length}</Size></Contents>`;
}

function encode(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '/');
}

function errorXml(code: string): string {
  return `<Error><Code>${code}</Code><Message>as planned</Message></Error>`;
}

/** As a connection does: it ends with its signal. */
async function untilAborted(wait: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  let forget: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    const end = () => reject(abortedError('a request', signal?.reason));
    forget = onAbort(signal, end);
    if (signal?.aborted === true) end();
  });
  try {
    await Promise.race([wait, aborted]);
  } finally {
    forget();
  }
}
