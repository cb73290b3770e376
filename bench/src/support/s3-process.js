/**
 * S3 in memory, in a process of its own, that answers each request after as long as a service on the network takes:
 * `s3-process.js LATENCY_MS`. Not a service to store anything in: it knows one bucket, and looks at no signature.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const LATENCY_MS = Number(process.argv[2] ?? 0);
const MAX_KEYS = 1_000;

/** @typedef {{ bytes: Buffer, etag: string, atMs: number }} Stored */
/** @typedef {{ status: number, body?: string | Buffer, headers?: Record<string, string> }} Answer */

/** @type {Map<string, Stored>} */
const objects = new Map();
/** Sorted, until something is added or removed. @type {string[] | null} */
let sortedKeys = null;

/** @param {string | undefined} header @param {Stored | undefined} stored */
function isOther(header, stored) {
  return header !== undefined && header.replaceAll('"', '') !== stored?.etag;
}

/** @param {string} text */
function inXml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** @param {URLSearchParams} query @returns {Answer} */
function list(query) {
  const [prefix = '', delimiter = ''] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const maxKeys = Math.min(MAX_KEYS, Number(query.get('max-keys') ?? MAX_KEYS));
  sortedKeys ??= [...objects.keys()].sort();
  /** @type {string[]} */
  const parts = [];
  let last = '';
  let isTruncated = false;
  for (let i = firstFrom(sortedKeys, prefix); i < sortedKeys.length; i += 1) {
    const key = /** @type {string} */ (sortedKeys[i]);
    if (!key.startsWith(prefix)) break;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const shown = end < 0 ? key : key.slice(0, end + delimiter.length);
    if (key <= after || shown === last || (after.endsWith(delimiter) && delimiter !== '' && shown === after)) continue;
    if (parts.length === maxKeys) {
      isTruncated = true;
      break;
    }
    last = shown;
    const stored = /** @type {Stored} */ (objects.get(key));
    parts.push(
      end < 0
        ? `<Contents><Key>${inXml(key)}</Key><LastModified>${new Date(stored.atMs).toISOString()}</LastModified><ETag>"${stored.etag}"</ETag><Size>${stored.bytes.length}</Size></Contents>`
        : `<CommonPrefixes><Prefix>${inXml(shown)}</Prefix></CommonPrefixes>`,
    );
  }
  const next = isTruncated ? `<NextContinuationToken>${inXml(last)}</NextContinuationToken>` : '';
  const body = `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${parts.join('')}</ListBucketResult>`;
  return { status: 200, body };
}

/** The index of the first key that is not before a text. @param {readonly string[]} keys @param {string} text */
function firstFrom(keys, text) {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (/** @type {string} */ (keys[middle]) < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {Buffer} body @returns {Answer} */
function removeAll(body) {
  for (const [, key = ''] of body.toString('utf8').matchAll(/<Key>([^<]*)<\/Key>/g)) objects.delete(key);
  sortedKeys = null;
  return { status: 200, body: '<DeleteResult></DeleteResult>' };
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {Buffer} body
 * @returns {Answer}
 */
function answerTo({ method = '', url = '', headers }, body) {
  const { pathname, searchParams } = new URL(url, 'http://s3');
  if (searchParams.has('list-type')) return list(searchParams);
  if (searchParams.has('delete')) return removeAll(body);
  const key = decodeURIComponent(pathname).split('/').slice(2).join('/');
  const stored = objects.get(key);
  if (method === 'PUT') {
    if ((headers['if-none-match'] !== undefined && stored !== undefined) || isOther(headers['if-match'], stored))
      return { status: 412, body: '<Error><Code>PreconditionFailed</Code></Error>' };
    const etag = createHash('md5').update(body).digest('hex');
    objects.set(key, { bytes: body, etag, atMs: Date.now() });
    if (stored === undefined) sortedKeys = null;
    return { status: 200, headers: { etag: `"${etag}"` } };
  }
  if (method === 'DELETE') {
    objects.delete(key);
    sortedKeys = null;
    return { status: 204 };
  }
  if (stored === undefined) return { status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' };
  if (isOther(headers['if-match'], stored))
    return { status: 412, body: '<Error><Code>PreconditionFailed</Code></Error>' };
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  const bytes = from === undefined ? stored.bytes : stored.bytes.subarray(Number(from), Number(to) + 1);
  return { status: from === undefined ? 200 : 206, body: bytes, headers: { etag: `"${stored.etag}"` } };
}

const server = createServer((request, response) => {
  /** @type {Buffer[]} */
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const { status, body = '', headers = {} } = answerTo(request, Buffer.concat(pieces));
    setTimeout(() => {
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
    }, LATENCY_MS);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.(address !== null && typeof address === 'object' ? address.port : 0);
});
process.on('disconnect', () => process.exit());
