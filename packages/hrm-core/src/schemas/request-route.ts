import { OPERATIONS } from './operations.js';
import { pathOf } from './target.js';

/** What takes readings: one, many, and those of a file. */
const INGEST_ROUTES: ReadonlySet<string> = new Set(
  [OPERATIONS.postReading, OPERATIONS.postBatch, OPERATIONS.postImport].map(({ path }) => path),
);

/** What answers queries. */
export const QUERY_ROUTE = OPERATIONS.query.path;

const PATHS = Object.values(OPERATIONS).map(({ path }): string => path);

/** The paths that are counted by name: a set with a bound, whatever clients ask for. */
const PLAIN: ReadonlySet<string> = new Set(['/', ...PATHS.filter((path) => !path.includes('{'))]);

/** Those that name somebody, with their segments. */
const TEMPLATES = PATHS.filter((path) => path.includes('{')).map((route) => ({ route, segments: route.split('/') }));

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']);

/** The route of a request's target, `/users/{user_id}/devices`, without what names a user; `other` for none. */
export function routeOf(target: string): string {
  const path = pathOf(target);
  if (PLAIN.has(path)) return path;
  if (path.startsWith('/assets/')) return '/assets/*';
  const given = path.split('/');
  return TEMPLATES.find(({ segments }) => isLike(segments, given))?.route ?? 'other';
}

/** Whether a path has the segments of a template, with anything in the place of `{…}`. */
function isLike(segments: readonly string[], given: readonly string[]): boolean {
  return segments.length === given.length && segments.every((one, i) => one.startsWith('{') || one === given[i]);
}

/** The method, if it is one of HTTP's; `other` for what a client made up. */
export function methodOf(method: string | undefined): string {
  return METHODS.has(method ?? '') ? (method ?? '') : 'other';
}

/** Whether a request brings readings. */
export function isIngest(method: string, route: string): boolean {
  return method === 'POST' && INGEST_ROUTES.has(route);
}
