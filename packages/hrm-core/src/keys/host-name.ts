/** The addresses that a server listens on, by who can reach them. */
import { isIP } from 'node:net';
import type { Settings } from '../settings.js';

const AUTHORITY = /^(?:(\[[0-9a-f:.]+\])|([^\s:/?#@[\]\\%]+))(?::\d{0,5})?$/;

/** A host without its port, in one spelling; `null` for what is none. */
export function normaliseHost(authority: string): string | null {
  if (isIP(authority) === 6) return normaliseHost(`[${authority}]`);
  const match = AUTHORITY.exec(authority.toLowerCase());
  if (match === null) return null;
  const [, address, name] = match;
  if (address === undefined) return name?.replace(/\.$/, '') ?? null;
  // `[0:0::1]` is `[::1]`; the URL parser has the canonical form.
  return URL.canParse(`http://${address}`) ? new URL(`http://${address}`).hostname : null;
}

/** Only this machine can reach such an address. */
export function isLoopback(host: string): boolean {
  const name = normaliseHost(host);
  return name === 'localhost' || name === '[::1]' || (name !== null && isIP(name) === 4 && name.startsWith('127.'));
}

/** Whether a server must not listen without keys: others than this machine could reach it, and nobody has said that they may. */
export function mustHaveKeys({ host, allowAnonymous }: Pick<Settings, 'host' | 'allowAnonymous'>): boolean {
  return !allowAnonymous && !isLoopback(host);
}
