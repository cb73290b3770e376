/** The target of a request as it was sent: path, `?`, query. Clients of proxies put scheme and host before it. @see RFC 9112, 3.2 */

const ABSOLUTE = /^https?:\/\/([^/?#]*)/i;

/** The host, and the port where there is one, of an absolute target; `undefined` for any other. */
export function authorityOf(target: string): string | undefined {
  return ABSOLUTE.exec(target)?.[1];
}

/** The path. */
export function pathOf(target: string): string {
  const relative = target.startsWith('/') ? target : target.replace(ABSOLUTE, '');
  const at = relative.indexOf('?');
  return at < 0 ? relative : relative.slice(0, at);
}

/** The pairs of the query, `name=value` as they were sent. */
export function pairsOf(target: string): readonly string[] {
  const at = target.indexOf('?');
  return at < 0 ? [] : target.slice(at + 1).split('&');
}
