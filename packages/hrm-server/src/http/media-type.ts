import type { IncomingHttpHeaders } from 'node:http';
import { invalidError } from '../api/problem.js';

/** Body formats that the API takes. */
export type BodyType = 'application/json' | 'application/x-ndjson' | typeof PARQUET_TYPE;

/** @see https://www.iana.org/assignments/media-types/application/vnd.apache.parquet */
export const PARQUET_TYPE = 'application/vnd.apache.parquet';

/**
 * The format of a body by its `Content-Type`; parameters are ignored, but for a charset other than UTF-8.
 * @throws HrmError kind `invalid`, code `unsupported_media_type`, for anything not in `allowed`.
 */
export function readMediaType<Type extends string>(headers: IncomingHttpHeaders, allowed: readonly Type[]): Type {
  const [essence = '', ...parameters] = (headers['content-type'] ?? '').split(';');
  const name = essence.trim().toLowerCase();
  const type = allowed.find((candidate) => candidate === name);
  if (type === undefined)
    throw invalidError('unsupported_media_type', `the Content-Type must be ${allowed.join(' or ')}`);
  for (const parameter of parameters) {
    const at = parameter.indexOf('=');
    if (at < 0 || parameter.slice(0, at).trim().toLowerCase() !== 'charset') continue;
    const charset = unquote(parameter.slice(at + 1).trim()).toLowerCase();
    if (charset !== 'utf-8' && charset !== 'utf8') {
      throw invalidError('unsupported_media_type', 'the charset must be utf-8');
    }
  }
  return type;
}

function unquote(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/**
 * Whether a body is packed, by its `Content-Encoding`.
 * @throws HrmError kind `invalid`, code `unsupported_encoding`, for anything but gzip, once, or none.
 */
export function isGzipped(headers: IncomingHttpHeaders): boolean {
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity') return false;
  // RFC 9110, 8.4.1.3: x-gzip means gzip.
  if (encoding === 'gzip' || encoding === 'x-gzip') return true;
  throw invalidError('unsupported_encoding', 'the Content-Encoding must be gzip, or absent');
}
