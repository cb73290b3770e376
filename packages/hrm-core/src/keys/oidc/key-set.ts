/** The public keys of an issuer, as it publishes them. @see OpenID Connect Discovery 1.0, RFC 7517 */
import * as v from 'valibot';
import { isLoopback } from '../host-name.js';

/** How long the issuer may take to answer, ms. */
const ANSWER_MS = 5_000;
/** Bytes of an answer: a key takes 500 or so. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** Keys of a set. */
const MAX_KEYS = 100;

const DiscoverySchema = v.object({ issuer: v.string(), jwks_uri: v.string() });

const KeySetSchema = v.object({ keys: v.pipe(v.array(v.looseObject({ kty: v.string() })), v.maxLength(MAX_KEYS)) });

/** A set of keys. */
export type PublishedKeys = v.InferOutput<typeof KeySetSchema>;

/**
 * Asks an issuer for its keys: what it says of itself, and then where that says. No redirection is followed.
 * @throws Error where it cannot be reached, or what it answers is not that.
 */
export async function fetchKeys(issuer: string, fetching: typeof fetch): Promise<PublishedKeys> {
  const found = v.parse(
    DiscoverySchema,
    await getJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, fetching),
  );
  // Else anybody whose page is at that address could say whose keys count.
  if (found.issuer !== issuer) throw new Error('it calls itself by another name');
  if (!isSafeUrl(found.jwks_uri)) throw new Error('its keys are at no https:// address');
  return v.parse(KeySetSchema, await getJson(found.jwks_uri, fetching));
}

/** Whether nobody on the way can change what is read from there. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

async function getJson(url: string, fetching: typeof fetch): Promise<unknown> {
  const answer = await fetching(url, {
    headers: { Accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of answer.body ?? []) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('its answer is too long');
    pieces.push(piece);
  }
  if (!answer.ok) throw new Error(`it answers ${answer.status}`);
  return JSON.parse(Buffer.concat(pieces).toString('utf8'));
}
