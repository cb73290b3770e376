/**
 * The dashboard at `/` and the pages beside it: files that were built beside this one, read once and served from memory. They hold no data, so they need no key; what they show they ask of the API, with a key where one is needed.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { COMMON_HEADERS } from '../api/problem.js';
import { hasTag, readEncoding } from '../http/connections/accept.js';
import { PAGES_DIRECTORY } from '../package.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

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

/** What the pages are made of. */
export interface Pages {
  /** Where they are served: `/`, `/status`, `/assets/style.css`. */
  readonly paths: readonly string[];
  /** Answers a request for one of them. */
  answer(path: string, incoming: IncomingMessage): Response;
}

/**
 * Reads the pages, wherever the process runs: they lie beside the built server.
 * @throws when they are not there, which a build mends.
 */
export function readPages(): Pages {
  const pages = new Map(
    readdirSync(PAGES_DIRECTORY).map((name) => {
      const plain = readFileSync(new URL(name, PAGES_DIRECTORY));
      const tag = createHash('sha256').update(plain).digest('base64url').slice(0, 22);
      const type = TYPES[extname(name)] ?? 'application/octet-stream';
      return [pathOf(name), { type, tag, plain, packed: gzipSync(plain, { level: 9 }) }];
    }),
  );
  function answer(path: string, incoming: IncomingMessage): Response {
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
  }
  return { paths: [...pages.keys()], answer };
}

/** `status.html` is the page `/status`; all else is below `/assets/`. */
function pathOf(name: string): string {
  if (name === 'index.html') return '/';
  return name.endsWith('.html') ? `/${name.slice(0, -'.html'.length)}` : `/assets/${name}`;
}
