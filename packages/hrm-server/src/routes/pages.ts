/**
 * The dashboard at `/` and the system page at `/status`: files that were built beside this one, read once and served from
 * memory. They hold no data, so they need no key; what they show they ask of the API, with a key where one is needed.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { COMMON_HEADERS } from '../api/problem.js';
import { hasTag, readEncoding } from '../http/connections/accept.js';
import { PAGES_DIRECTORY } from '../package.js';

/** The files of the pages, by the path that they are served at. */
const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/status': ['status.html', 'text/html; charset=utf-8'],
  '/assets/dashboard.js': ['dashboard.js', 'text/javascript; charset=utf-8'],
  '/assets/status.js': ['status.js', 'text/javascript; charset=utf-8'],
  '/assets/style.css': ['style.css', 'text/css; charset=utf-8'],
  '/assets/icon.svg': ['icon.svg', 'image/svg+xml'],
} as const;

/** A path of a page or of what it is made of. */
export type PagePath = keyof typeof FILES;

/** The paths, for the routes. */
export const PAGE_PATHS = Object.keys(FILES) as readonly PagePath[];

/**
 * Own scripts, styles and calls, and nothing else: no inline code, no other host, no frame around it. A script that got in
 * could send nothing away.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Answers a request for a page. */
export type PageHandler = (path: PagePath, incoming: IncomingMessage) => Response;

/**
 * Reads the pages, wherever the process runs: they lie beside the built server.
 * @throws when they are not there, which a build mends.
 */
export function readPages(): PageHandler {
  const pages = new Map(
    PAGE_PATHS.map((path) => {
      const [name, type] = FILES[path];
      const plain = readFileSync(new URL(name, PAGES_DIRECTORY));
      const tag = createHash('sha256').update(plain).digest('base64url').slice(0, 22);
      return [path, { type, tag, plain, packed: gzipSync(plain, { level: 9 }) }];
    }),
  );
  return (path, incoming) => {
    const page = pages.get(path);
    if (page === undefined) throw new Error(`${path} is no page`);
    const isPacked = readEncoding(incoming.headers) === 'gzip';
    // The same bytes packed are another representation.
    const tag = `"${page.tag}${isPacked ? '-gzip' : ''}"`;
    const headers = {
      ...COMMON_HEADERS,
      'Content-Security-Policy': PAGE_POLICY,
      // May be kept, and is asked for each time: a new version is there at once.
      'Cache-Control': 'no-cache',
      Vary: 'Accept-Encoding',
      ETag: tag,
    };
    if (hasTag(incoming.headers, tag)) return new Response(null, { status: 304, headers });
    const packing = isPacked ? { 'Content-Encoding': 'gzip' } : {};
    const body = isPacked ? page.packed : page.plain;
    return new Response(Uint8Array.from(body), { headers: { ...headers, ...packing, 'Content-Type': page.type } });
  };
}
