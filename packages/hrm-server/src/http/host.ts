/**
 * Whether a request is meant for this server. A page in the browser of whoever runs it can make a name of its own
 * resolve to 127.0.0.1 (DNS rebinding); what gives it away is the `Host` header, which carries that name.
 */

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { HrmError } from 'hrm-core';
import { isLoopback, normaliseHost } from 'hrm-core/keys';
import { authorityOf } from 'hrm-core/schemas';
import type { Settings } from 'hrm-core/settings';
import { invalidError } from '../api/problem.js';
import { headerValues, type RawHead } from './header-values.js';

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** Every interface of this machine. */
export function isWildcard(host: string): boolean {
  const name = normaliseHost(host);
  return name === '0.0.0.0' || name === '[::]';
}

/** Tells why a request is not for this server; `null` when it is. */
export type HostCheck = (incoming: RequestHead) => HrmError | null;

/** What the check looks at; `url` is the request's target. */
type RequestHead = RawHead & Pick<IncomingMessage, 'url'>;

/**
 * The names are those of the address that the server listens on, and `allowedHosts`; ports, case and a trailing dot do
 * not count. A server that listens on every interface may be addressed by any IP address: no web page has one for a name.
 */
export function createHostCheck({ host, allowedHosts }: Pick<Settings, 'host' | 'allowedHosts'>): HostCheck {
  const wildcard = isWildcard(host);
  const names = new Set<string | null>([host, ...allowedHosts].map(normaliseHost));
  if (wildcard || isLoopback(host)) for (const name of LOOPBACK_NAMES) names.add(name);
  if (!isLoopback(host)) names.add(normaliseHost(hostname()));
  names.delete(null);
  return (incoming) => {
    if (!hasHost(incoming)) return hostError();
    const isOurs = authoritiesOf(incoming).every((authority) => {
      const name = normaliseHost(authority);
      return name !== null && (names.has(name) || (wildcard && isIP(name.replace(/^\[|\]$/g, '')) !== 0));
    });
    return isOurs ? null : foreignHostError();
  };
}

/** Whether there is one `Host`, and something in it. */
export function hasHost(incoming: RawHead): boolean {
  const [host = '', ...others] = headerValues(incoming, 'host');
  return host.trim() !== '' && others.length === 0;
}

/** There is no `Host`, an empty one, or more than one. */
export function hostError(): HrmError {
  return invalidError('bad_host', 'there must be one Host header, and a name in it');
}

/** `Host`, and the authority of an absolute request target, which is the one that counts where there is one. */
function authoritiesOf(incoming: RequestHead): string[] {
  const hosts = headerValues(incoming, 'host');
  const authority = authorityOf(incoming.url ?? '');
  return authority === undefined ? hosts : [...hosts, authority];
}

function foreignHostError(): HrmError {
  return invalidError(
    'foreign_host',
    'the Host header is not a name of this server: use its address, or add the name to HRM_ALLOWED_HOSTS',
  );
}
