/** Where a request comes from, as far as those are to be believed who say so. */
import { isIP } from 'node:net';

/**
 * The address of a client. What `X-Forwarded-For` says counts only as far as it was written by proxies that are trusted: anybody may send one.
 * @param peer - the other end of the connection.
 * @param forwarded - the values of the header, in their order.
 * @param trusted - addresses of proxies.
 */
export function clientAddress(
  peer: string | undefined,
  forwarded: readonly string[],
  trusted: readonly string[],
): string | null {
  const hops = [...forwarded.flatMap((value) => value.split(',')), peer ?? ''].map(plainAddress);
  // Each proxy adds at the end whom it heard from.
  const client = hops.findLastIndex((hop) => !trusted.includes(hop));
  const address = hops[Math.max(0, client)] ?? '';
  if (isIP(address) !== 0) return address;
  // What is no address was written by nobody who is trusted: the last one who is stands for it.
  return hops.slice(client + 1).find((hop) => isIP(hop) !== 0) ?? null;
}

/** Without what stands around it: brackets, a port, the form of IPv4 in IPv6. */
function plainAddress(text: string): string {
  const bare = text.trim().replace(/^\[(.*)\](?::\d+)?$/, '$1');
  const withoutPort = /^[\d.]+:\d+$/.test(bare) ? bare.replace(/:\d+$/, '') : bare;
  const isMapped = /^::ffff:\d+\./i.test(withoutPort);
  return isMapped ? withoutPort.slice('::ffff:'.length) : withoutPort;
}
