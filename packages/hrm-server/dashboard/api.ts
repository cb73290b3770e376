/**
 * Calls of the API, on this page's own server. A key, where one is needed, goes with each call as a header; it is kept for
 * this tab alone and never becomes part of an address.
 */
import { keepItem, readItem } from './browser-storage.js';

const KEY_ITEM = 'hrm-key';

/** The key that was entered in this tab, or `null`. */
export function readKey(): string | null {
  return readItem('sessionStorage', KEY_ITEM);
}

/** Keeps a key until the tab is closed; `null` forgets it. */
export function keepKey(key: string | null): void {
  keepItem('sessionStorage', KEY_ITEM, key);
}

/** A call that was refused, or that did not come through (`status` 0). */
export interface Refusal {
  readonly isRefusal: true;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** Seconds to wait before another try, where the server says so. */
  readonly retryAfterS: number | null;
}

/** Whether an error is a refusal, and no mistake of this program. */
export function isRefusal(error: unknown): error is Refusal {
  return typeof error === 'object' && error !== null && 'isRefusal' in error;
}

/** What a call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses besides 2xx that are answers. */
  readonly alsoFine?: readonly number[];
}

/**
 * Asks for a path below this page's directory. @throws Refusal; an `AbortError` when the signal fires.
 */
export async function call(path: string, { signal, headers = {}, alsoFine = [] }: CallOptions = {}): Promise<Response> {
  const key = readKey();
  const authorization = key === null ? {} : { Authorization: `Bearer ${key}` };
  const init = { headers: { ...authorization, ...headers }, credentials: 'omit', ...(signal && { signal }) } as const;
  const response = await fetch(path, init).catch((error: unknown) => {
    if (isStopped(signal)) throw error;
    throw refusal(0, 'unreachable', 'The server cannot be reached: is it running?', null);
  });
  if (response.ok || alsoFine.includes(response.status)) return response;
  throw await readRefusal(response);
}

/** The JSON of an answer. @throws as {@link call}. */
export async function callJson<T>(path: string, options?: CallOptions): Promise<T> {
  const response = await call(path, options);
  return await readWhole(response.json() as Promise<T>, options?.signal);
}

/** An answer's body, read to its end. @throws Refusal, status 0, when the connection breaks before it; as {@link call}. */
export async function readWhole<T>(reading: Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isStopped(signal)) throw error;
    throw refusal(0, 'cut', 'The connection broke in the middle of the answer', null);
  }
}

/** Whether nobody waits any more. Time that is up is a server's fault, and told. */
function isStopped(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && (signal.reason as { name?: string }).name !== 'TimeoutError';
}

/** The same, or `null` where this server has no such call. */
export async function callJsonIfThere<T>(path: string, options?: CallOptions): Promise<T | null> {
  try {
    return await callJson<T>(path, options);
  } catch (error) {
    if (isRefusal(error) && error.status === 404) return null;
    throw error;
  }
}

/** What the caller may do, as `/session` says. */
export interface Session {
  readonly anonymous: boolean;
  readonly name: string | null;
  readonly scopes: readonly string[];
  readonly user_ids: readonly string[] | null;
}

const ANYBODY: Session = { anonymous: true, name: null, scopes: ['ingest', 'query', 'admin'], user_ids: null };

/** Who the server takes us for. A server that does not tell knows no keys. @throws Refusal, 401 where a key is needed. */
export async function readSession(): Promise<Session> {
  return (await callJsonIfThere<Session>('session')) ?? ANYBODY;
}

/** A refusal in words for the person at the screen. */
export function explain({ status, code, detail, retryAfterS }: Refusal): string {
  const wait = retryAfterS === null ? 'in a moment' : `in ${retryAfterS} s`;
  if (code === 'foreign_user') return 'This API key may not see this user.';
  if (status === 429) return `Too many requests with this API key: try again ${wait}.`;
  if (status === 503) return `The service cannot answer now: try again ${wait}.`;
  return detail.endsWith('?') ? detail : `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`;
}

async function readRefusal(response: Response): Promise<Refusal> {
  const after = Number(response.headers.get('Retry-After') ?? Number.NaN);
  const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
  const { code = 'unknown', detail = `the server answered ${response.status}` } = problem;
  return refusal(response.status, code, detail, Number.isFinite(after) ? after : null);
}

function refusal(status: number, code: string, detail: string, retryAfterS: number | null): Refusal {
  return { isRefusal: true, status, code, detail, retryAfterS };
}
