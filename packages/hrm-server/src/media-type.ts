import type { IncomingHttpHeaders } from 'node:http';
import { invalidError } from './problem.js';

/** Body formats that the API takes. */
export type BodyType = 'application/json' | 'application/x-ndjson';

const PARAMETER = /^\s*([^\s=;]+)\s*=\s*(?:"([^"]*)"|([^\s";]*))\s*$/;

/**
 * The format of a body by its `Content-Type`; parameters are ignored, but for a charset other than UTF-8.
 * @throws HrmError kind `invalid`, code `unsupported_media_type`, for anything not in `allowed`.
 */
export function readMediaType<Type extends BodyType>(headers: IncomingHttpHeaders, allowed: readonly Type[]): Type {
  const [essence = '', ...parameters] = (headers['content-type'] ?? '').split(';');
  const name = essence.trim().toLowerCase();
  const type = allowed.find((candidate) => candidate === name);
  if (type === undefined)
    throw invalidError('unsupported_media_type', `the Content-Type must be ${allowed.join(' or ')}`);
  for (const parameter of parameters) {
    const [, key = '', quoted, token] = PARAMETER.exec(parameter) ?? [];
    const value = (quoted ?? token ?? '').toLowerCase();
    if (key.toLowerCase() === 'charset' && value !== 'utf-8' && value !== 'utf8') {
      throw invalidError('unsupported_media_type', 'the charset must be utf-8');
    }
  }
  return type;
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
