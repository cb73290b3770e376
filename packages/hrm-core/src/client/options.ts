/**
 * What a caller in plain JavaScript can get wrong, refused before anything is sent: a key would end in a message of `fetch`,
 * and an object in the place of a name would ask about a user `[object Object]`.
 */
import { faultsError, HrmError } from '../errors.js';
import { MAX_TIMER_MS, MAX_TIMESTAMP_MS } from '../limits.js';
import { READING_TYPES } from '../pure/records/media-types.js';

/** How long an answer may take, milliseconds, if nothing else is said. */
export const TIMEOUT_MS = 30_000;

/** Parameters of a query, by their names on the wire; those that are `undefined` are left out. */
export function queryOf(given: Readonly<Record<string, unknown>>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, String(value));
  return query;
}

/** The URL without a slash at its end. @throws HrmError kind `invalid`, code `invalid_url`. */
export function baseOf(url: string): string {
  const isUrl = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  const { search = '', hash = '', username = '', password = '' } = isUrl ? new URL(url) : {};
  if (isUrl && search + hash + username + password === '') {
    let end = url.length;
    while (url.charAt(end - 1) === '/') end -= 1;
    return url.slice(0, end);
  }
  throw new HrmError('the url must be that of a server, like http://localhost:8000, without user, query and fragment', {
    kind: 'invalid',
    code: 'invalid_url',
  });
}

/** @throws HrmError kind `invalid`, code `invalid_api_key`, which does not repeat it. */
export function checkKey(apiKey: unknown): void {
  if (apiKey === undefined || (typeof apiKey === 'string' && /^[\x21-\x7e]+$/.test(apiKey))) return;
  const message =
    'the apiKey must be a key, hrm_…, without spaces and line breaks around it; where none is needed leave it out';
  throw new HrmError(message, { kind: 'invalid', code: 'invalid_api_key' });
}

/** The range of an option, both ends inclusive. */
interface Range {
  readonly min: number;
  readonly max: number;
}

/** Of options that a timer is set by. */
export const TIMER_RANGE = { min: 1, max: MAX_TIMER_MS } as const satisfies Range;

/** @throws HrmError kind `invalid`, code `invalid_options`, for what is no whole number of the range. */
export function checkNumber(name: string, value: unknown, { min, max }: Range): void {
  // Without an end is whole, too, where the range has none.
  const isWhole = Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
  if (value === undefined || (isWhole && Number(value) >= min && Number(value) <= max)) return;
  const message = `must be a whole number from ${min}${max === Number.POSITIVE_INFINITY ? ' on' : ` to ${max}`}`;
  throw faultsError('invalid_options', [{ path: `/${name}`, message }]);
}

/**
 * Whether an id can be sent; whether it can be one the server says.
 * @throws HrmError kind `invalid`, code `invalid_query`, for what is no text, or none that a URL could carry.
 */
export function checkId(name: string, value: unknown): void {
  if (typeof value !== 'string') throw questionError(name, 'must be a string');
  // A URL would silently carry another character.
  if (/\p{Surrogate}/u.test(value)) throw questionError(name, 'must not contain a lone surrogate');
}

/**
 * A user as a segment of a path.
 * @throws HrmError kind `invalid`, code `invalid_query`, also for `.` and `..`: a URL drops them from a path, escaped or not.
 */
export function userSegment(userId: unknown): string {
  checkId('userId', userId);
  if (userId === '') throw questionError('userId', 'must not be empty');
  if (userId === '.' || userId === '..')
    throw questionError('userId', 'is one that no path of a URL can carry: ask for its rows with query() instead');
  return encodeURIComponent(String(userId));
}

/** An instant as a query has it. @throws HrmError kind `invalid`, code `invalid_query`, for what is none. */
export function instantText(name: string, instant: unknown): string {
  const text = toIsoText(instant);
  if (typeof text === 'string') return text;
  throw questionError(name, 'must be an ISO 8601 text, a valid Date or epoch milliseconds');
}

/** An instant as the wire has it; what is none as it is. */
export function toIsoText(instant: unknown): unknown {
  const epochMs = instant instanceof Date ? instant.getTime() : instant;
  const isInstant = Number.isInteger(epochMs) && Math.abs(Number(epochMs)) <= MAX_TIMESTAMP_MS;
  return isInstant ? new Date(Number(epochMs)).toISOString() : instant;
}

/** @throws HrmError kind `invalid`, code `invalid_cursor`, for what cannot be the id of an event. */
export function checkEventId(id: unknown): void {
  if (id === undefined || (typeof id === 'string' && /^[\x21-\x7e]*$/.test(id))) return;
  throw new HrmError('lastEventId must be the id of an event', { kind: 'invalid', code: 'invalid_cursor' });
}

/** @throws HrmError kind `invalid`, code `invalid_query`, for what is no form of readings. */
export function checkForm(form: string): void {
  if (Object.hasOwn(READING_TYPES, form)) return;
  throw questionError('form', `must be one of ${Object.keys(READING_TYPES).join(', ')}`);
}

function questionError(name: string, message: string): HrmError {
  return faultsError('invalid_query', [{ path: `/${name}`, message }]);
}
