/**
 * Signatures of requests to Amazon's services and to those that speak like them: Signature Version 4, in the Authorization header.
 *
 * Every header that a request is given is signed, and its path is signed as it is sent, as S3 wants it. A service that wants a path normalized
 * and encoded twice gets only paths that this does nothing to.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';

/** What somebody signs with. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of keys that are lent for some time. */
  readonly sessionToken?: string | undefined;
}

/** What is signed. */
export interface SignedParts {
  readonly method: string;
  /** As it is sent: see {@link encodePath}. */
  readonly path: string;
  /** As it is sent: see {@link encodeQuery}. */
  readonly query: string;
  /** By names in lower case, `host` and `x-amz-date` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body, in hex. */
  readonly sha256: string;
}

/** For what a signature is good. */
export interface SigningScope {
  readonly region: string;
  /** `s3`, `sqs`. */
  readonly service: string;
}

/** SHA-256 of a body without bytes, in hex. */
export const NO_BODY_SHA256 = sha256Hex('');

/** SHA-256, in hex. */
export function sha256Hex(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** An instant as signatures have it: `20150830T123600Z`. */
export function amzDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** The value of the Authorization header. */
export function authorizationOf(parts: SignedParts, keys: AwsKeys, scope: SigningScope): string {
  const date = parts.headers['x-amz-date'] ?? '';
  const { names, text } = canonicalRequest(parts);
  const place = `${date.slice(0, 8)}/${scope.region}/${scope.service}/aws4_request`;
  const toSign = stringToSign(date, place, text);
  const signature = createHmac('sha256', signingKey(keys, place)).update(toSign).digest('hex');
  return `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${place}, SignedHeaders=${names}, Signature=${signature}`;
}

function canonicalRequest({ method, path, query, headers, sha256 }: SignedParts): {
  readonly names: string;
  readonly text: string;
} {
  const sorted = Object.keys(headers).sort();
  const names = sorted.join(';');
  const lines = sorted.map((name) => `${name}:${collapse(headers[name] ?? '')}\n`).join('');
  return { names, text: `${method}\n${path}\n${query}\n${lines}\n${names}\n${sha256}` };
}

function stringToSign(date: string, place: string, canonical: string): string {
  return `AWS4-HMAC-SHA256\n${date}\n${place}\n${sha256Hex(canonical)}`;
}

/** Without blanks at the ends, and with one in place of several. */
function collapse(value: string): string {
  return value.trim().replace(/ {2,}/g, ' ');
}

/** The key of a day costs four times what it costs to sign with it, so the last one is kept. */
let lastKey: { readonly secret: string; readonly place: string; readonly key: Buffer } | null = null;

function signingKey({ secretAccessKey: secret }: AwsKeys, place: string): Buffer {
  if (lastKey?.secret === secret && lastKey.place === place) return lastKey.key;
  let key: Buffer = Buffer.from(`AWS4${secret}`, 'utf8');
  for (const part of place.split('/')) key = createHmac('sha256', key).update(part).digest();
  lastKey = { secret, place, key };
  return key;
}

/** A path, encoded as it is sent: each byte but the unreserved ones and the slash as `%XX`. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeStrictly).join('/');
}

/** A query in the one form that is sent and signed: encoded, and sorted by name, then value. */
export function encodeQuery(parameters: readonly (readonly [name: string, value: string])[]): string {
  return parameters
    .map(([name, value]) => [encodeStrictly(name), encodeStrictly(value)] as const)
    .sort(([a, x], [b, y]) => byText(a, b) || byText(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
