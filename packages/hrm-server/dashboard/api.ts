/**
 * The client of the API on this page's own server. A key, where one is needed, goes with each call as a header; it is kept for
 * this tab alone and never becomes part of an address.
 */
import { type Client, type ClientOptions, createClient, type HrmError } from 'hrm-core/client';
import { keepItem, readItem } from './browser-storage.js';
import { texts } from './texts/texts.js';

const KEY_ITEM = 'hrm-key';

/** The key that was entered in this tab, or `null`. */
export function readKey(): string | null {
  return readItem('sessionStorage', KEY_ITEM);
}

/** Keeps a key until the tab is closed; `null` forgets it. */
export function keepKey(key: string | null): void {
  keepItem('sessionStorage', KEY_ITEM, key);
}

/**
 * A client with the key that this tab has now. It asks once, unless it is told otherwise: the person at the screen is told at once.
 * @throws HrmError code `invalid_api_key` for a key that cannot be one.
 */
export function openClient(options: Pick<ClientOptions, 'retries' | 'timeoutMs'> = {}): Client {
  // Its own server, wherever that is mounted; what the address has besides is no business of a call.
  const { href: url } = new URL('.', location.origin + location.pathname);
  return createClient({ url, apiKey: readKey() ?? undefined, fetch: fetchByKeyAlone, retries: 0, ...options });
}

/** Cookies and passwords that the browser has for this server are no key of its. */
function fetchByKeyAlone(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  return fetch(input, { ...init, credentials: 'omit' });
}

/** Whether a call was refused for want of a key, or of one that counts. */
export function isKeyRefusal({ code }: HrmError): boolean {
  return code === 'key_missing' || code === 'key_wrong' || code === 'invalid_api_key';
}

/** A refusal in words for the person at the screen. */
export function explain({ kind, code, message, retryAfterMs }: HrmError): string {
  const words = texts.refusals;
  const wait = retryAfterMs === undefined ? words.soon : words.inSeconds(Math.ceil(retryAfterMs / 1_000));
  if (code === 'foreign_user') return words.foreignUser;
  if (code === 'rate_limited') return words.tooMany(wait);
  if (code === 'server_unreachable') return words.unreachable;
  if (kind === 'unavailable' && code !== 'bad_answer') return words.unavailable(wait);
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith('?') ? '' : '.'}`;
}
