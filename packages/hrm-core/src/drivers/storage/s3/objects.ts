/** Objects below a prefix of a bucket: what the storage does with them, and no more of S3 than that. */
import { createHash, randomUUID } from 'node:crypto';
import { abortedError, type HrmError } from '../../../errors.js';
import type { AwsAnswer, AwsClient, AwsRequest, SendOptions } from '../../aws/client.js';
import { encodePath, encodeQuery } from '../../aws/sign.js';
import { elementsOf, escapeXml, textOf } from '../../aws/xml.js';
import { answerError, s3Error, storageErrorOf } from './errors.js';

/** An object, as a listing has it. */
export interface ListedObject {
  /** Below the prefix. */
  readonly key: string;
  readonly byteLength: number;
  /** Without quotation marks. Equal ones of one key are of equal bytes. */
  readonly etag: string;
  /** By the service's clock, milliseconds >= 0: since it was written. */
  readonly ageMs: number;
}

/** What was read of an object. */
interface ReadObject {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** A listing, or a piece of it. */
interface ListedPage {
  readonly objects: readonly ListedObject[];
  /** Names up to the delimiter, with it. */
  readonly prefixes: readonly string[];
}

/** Which objects to list. */
interface ListRange extends SendOptions {
  readonly prefix: string;
  /** Keys are cut after it, and each beginning is told once. */
  readonly delimiter?: string | undefined;
  /** Keys after this one. */
  readonly startAfter?: string | undefined;
  /** Keys of a page, at most; default 1,000. */
  readonly maxKeys?: number | undefined;
}

/** How an object is written. */
interface PutOptions extends SendOptions {
  /** `absent`: only where there is none of the key; else only over the one with this ETag. Default: over whatever is there. */
  readonly condition?: 'absent' | { readonly etag: string } | undefined;
}

/** What became of a request with a condition. */
type Conditional = 'done' | 'refused';

/** Objects by their keys, which are below the prefix. All throw HrmError kind `unavailable`, and kind `closed` when aborted. */
export interface Objects {
  /** For messages: `s3://bucket/prefix`. */
  readonly place: string;
  /** @returns `null` where there is none, or another than the one with the ETag. */
  get(key: string, options?: GetOptions): Promise<ReadObject | null>;
  /** Writes an object whole. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<Conditional>;
  /** Page by page. */
  list(range: ListRange): AsyncGenerator<ListedPage, void, undefined>;
  /** Deletes at most any number of objects, whatever they are; those that are not there are skipped. */
  remove(keys: readonly string[]): Promise<void>;
}

/** What is read of an object. */
interface GetOptions extends SendOptions {
  readonly etag?: string | undefined;
  readonly fromByte?: number | undefined;
  /** Exclusive; after `fromByte`. */
  readonly toByte?: number | undefined;
}

type PutRequest = AwsRequest & { readonly headers: Readonly<Record<string, string>> };

/** Where the objects are, and how they are written. */
export interface ObjectsSettings {
  readonly client: AwsClient;
  readonly bucket: string;
  /** `''`, or ends with a slash. */
  readonly prefix: string;
  /** Whether the bucket is in the path, and not in the host's name. */
  readonly isPathStyle: boolean;
  /** Headers of each write: how the service encrypts. */
  readonly writeHeaders: Readonly<Record<string, string>>;
  /** How the service wants the ETag of a condition; changed by who finds out. */
  readonly quoting: { isQuoted: boolean };
}

/** Keys of one request that deletes. @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const MAX_DELETED_KEYS = 1_000;

/** Opens the objects. */
export function openObjects(settings: ObjectsSettings): Objects {
  const { client, bucket, prefix, isPathStyle, writeHeaders, quoting } = settings;
  const place = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
  const root = isPathStyle ? `/${encodePath(bucket)}/` : '/';
  const pathOf = (key: string) => root + encodePath(prefix + key);
  const matchOf = (etag: string) => (quoting.isQuoted ? `"${etag}"` : etag);

  async function send(what: string, request: AwsRequest, options: SendOptions = {}): Promise<AwsAnswer> {
    try {
      return await client.send(request, options);
    } catch (error) {
      throw storageErrorOf(what, place, error);
    }
  }

  function expect(what: string, answer: AwsAnswer, ...statuses: readonly number[]): AwsAnswer {
    if (statuses.includes(answer.status)) return answer;
    throw answerError(what, place, answer);
  }

  /** The id that an object was written with; `null` where there is none. */
  async function idOf(key: string): Promise<string | null> {
    const what = `look at ${key}`;
    const answer = expect(what, await send(what, { method: 'HEAD', path: pathOf(key) }), 200, 404);
    return answer.status === 404 ? null : String(answer.headers['x-amz-meta-hrm-id'] ?? '');
  }

  /**
   * Writes an object on a condition that the write itself makes untrue. So of a reply that was lost an id tells whether it was
   * carried out, and where it was not, it is tried again.
   */
  async function putOnce(key: string, plain: PutRequest, options: SendOptions): Promise<Conditional> {
    const what = `write ${key}`;
    const id = randomUUID();
    const request = { ...plain, headers: { ...plain.headers, 'x-amz-meta-hrm-id': id } };
    for (let tries = 0; tries < MAX_RESOLVED; tries += 1) {
      const answer = await client.attempt(request, options).catch((error) => {
        throw storageErrorOf(what, place, error);
      });
      if (answer !== 'unknown') return conditional(what, answer);
      if ((await idOf(key)) === id) return 'done';
    }
    throw s3Error(what, place, 'no answer of the service said what became of it', 'storage_unavailable');
  }

  function conditional(what: string, answer: AwsAnswer): Conditional {
    // Of a key that is not there AWS says 404, radosgw 412.
    return expect(what, answer, 200, 204, 404, 412).status < 300 ? 'done' : 'refused';
  }

  return {
    place,
    async get(key, { etag, fromByte, toByte, signal } = {}) {
      const what = `read ${key}`;
      const headers: Record<string, string> = {};
      if (etag !== undefined) headers['if-match'] = matchOf(etag);
      if (fromByte !== undefined && toByte !== undefined) headers.range = `bytes=${fromByte}-${toByte - 1}`;
      const answer = await send(what, { method: 'GET', path: pathOf(key), headers }, { signal });
      if (expect(what, answer, 200, 206, 404, 412).status >= 400) {
        if (answer.code === 'NoSuchBucket') throw answerError(what, place, answer);
        return null;
      }
      // A service that knows no ranges gives all of it.
      const bytes =
        answer.status === 200 && fromByte !== undefined ? answer.body.subarray(fromByte, toByte) : answer.body;
      return { bytes, etag: plainEtag(String(answer.headers.etag ?? '')) };
    },
    async put(key, bytes, { condition, signal } = {}) {
      const request = { method: 'PUT', path: pathOf(key), headers: writeHeaders, body: bytes } as const;
      if (condition !== undefined) {
        const match = condition === 'absent' ? { 'if-none-match': '*' } : { 'if-match': matchOf(condition.etag) };
        return await putOnce(key, { ...request, headers: { ...writeHeaders, ...match } }, { signal });
      }
      const what = `write ${key}`;
      expect(what, await send(what, request, { signal }), 200);
      return 'done';
    },
    async *list({ prefix: within, delimiter, startAfter, maxKeys, signal }) {
      const what = `list ${within}`;
      let token = '';
      do {
        const answer = await send(
          what,
          {
            method: 'GET',
            path: root,
            query: encodeQuery([
              ['list-type', '2'],
              ['prefix', prefix + within],
              ['encoding-type', 'url'],
              ...(delimiter === undefined ? [] : [['delimiter', delimiter] as const]),
              ...(startAfter === undefined ? [] : [['start-after', prefix + startAfter] as const]),
              ...(maxKeys === undefined ? [] : [['max-keys', String(maxKeys)] as const]),
              ...(token === '' ? [] : [['continuation-token', token] as const]),
            ]),
          },
          { signal },
        );
        if (signal?.aborted === true) throw abortedError('listing', signal.reason);
        const xml = expect(what, answer, 200).body.toString('utf8');
        yield pageOf(xml, Date.parse(answer.headers.date ?? ''), prefix.length);
        token =
          textOf(xml, 'IsTruncated') === 'true' && maxKeys === undefined ? textOf(xml, 'NextContinuationToken') : '';
      } while (token !== '');
    },
    async remove(keys) {
      for (let from = 0; from < keys.length; from += MAX_DELETED_KEYS) {
        const some = keys.slice(from, from + MAX_DELETED_KEYS);
        const what = `delete ${some.length} objects`;
        const objects = some.map((key) => `<Object><Key>${escapeXml(prefix + key)}</Key></Object>`).join('');
        const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`, 'utf8');
        const headers = {
          'content-md5': createHash('md5').update(body).digest('base64'),
          'content-type': 'application/xml',
        };
        const answer = await send(what, { method: 'POST', path: root, query: 'delete=', headers, body });
        const [failed] = elementsOf(expect(what, answer, 200).body.toString('utf8'), 'Error');
        if (failed !== undefined) throw deletionError(what, place, failed);
      }
    },
  };
}

/** Times that one write is tried whose reply is lost again and again. */
const MAX_RESOLVED = 8;

function deletionError(what: string, place: string, xml: string): HrmError {
  const [code, said] = [textOf(xml, 'Code'), textOf(xml, 'Message')];
  return s3Error(what, place, `the service deleted only some (${code} ${said})`, 'storage_unavailable');
}

/** Without quotation marks; one of a service that says that it is a weak one is no good for a condition, and never equal to another. */
function plainEtag(text: string): string {
  return text.replace(/^"(.*)"$/, '$1');
}

function pageOf(xml: string, nowMs: number, prefixLength: number): ListedPage {
  const isEncoded = textOf(xml, 'EncodingType') === 'url';
  function keyOf(text: string): string {
    return (isEncoded ? decodeURIComponent(text.replaceAll('+', ' ')) : text).slice(prefixLength);
  }
  return {
    objects: elementsOf(xml, 'Contents').map((each) => ({
      key: keyOf(textOf(each, 'Key')),
      byteLength: Number(textOf(each, 'Size')),
      etag: plainEtag(textOf(each, 'ETag')),
      ageMs: Math.max(0, nowMs - Date.parse(textOf(each, 'LastModified'))) || 0,
    })),
    prefixes: elementsOf(xml, 'CommonPrefixes').map((each) => keyOf(textOf(each, 'Prefix'))),
  };
}
