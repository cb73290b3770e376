/**
 * Bearers that are tokens of an issuer (JWT): proved by its public keys, and then known by what they say until they end.
 *
 * The keys are asked for when the first token comes, again after ten minutes, and where a token names a key that is not among them: that is how an
 * issuer changes its keys. However many tokens come, it is asked twice a minute at most. While it cannot be reached, the keys that are known count on for a day.
 */
import { createHash } from 'node:crypto';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import { HrmError } from '../../errors.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { KeyRecord } from '../api-key.js';
import { type ClaimNames, recordOf } from './claims.js';
import { fetchKeys, type PublishedKeys } from './key-set.js';

/** Of public keys only: with a shared secret whoever may look at a token could make one, and `none` is no signature. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Types of tokens that may be taken for one that lets in; most issuers say nothing, or JWT. A token that ends a login, say, has another. */
const TYPES = ['jwt', 'at+jwt', 'application/at+jwt'];
/** What clocks may differ by, seconds. */
const CLOCK_TOLERANCE_S = 60;
/** Characters of a token. */
const MAX_TOKEN_LENGTH = 8_192;
/** After so long the keys are asked for again, ms. */
const REFRESH_AFTER_MS = 600_000;
/** Between two questions, ms. */
const ASK_EVERY_MS = 30_000;
/** The same while no keys are known. */
const ASK_FIRST_EVERY_MS = 5_000;
/** How long keys count while the issuer cannot be reached, ms: a day. */
export const KEYS_COUNT_MS = 86_400_000;
/** Tokens that are known. One beyond takes the place of the one that was used longest ago. */
const MAX_KNOWN_TOKENS = 10_000;

/** Header, claims and signature, in base64url. */
const TOKEN = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/;

/** What an issuer is asked by. */
export interface IssuerSettings extends ClaimNames {
  readonly issuer: string;
  readonly audience: string;
}

/** What it works on. */
export interface IssuerComponents {
  readonly fetch?: typeof fetch | undefined;
  readonly clock?: Clock | undefined;
  /** Hears that the issuer cannot be asked, once until it can be again. */
  readonly onError?: ((error: HrmError) => void) | undefined;
}

/** Tokens of an issuer. */
export interface Issuer {
  /**
   * Proves a token, so that {@link Issuer.find} knows it. `null`: it is known, or no token of an issuer.
   * @throws HrmError code `key_wrong`, with the reason; kind `unavailable`, code `issuer_unreachable`.
   */
  verify(token: string): Promise<void> | null;
  /** The record of a token that was proved and has not ended. */
  find(token: string): KeyRecord | null;
  /** Hears, within half a second, that a token has ended or its key was withdrawn. @returns what ends the listening. */
  onChange(listener: () => void): () => void;
  /** `issuer_unreachable` where it could not be asked the last time. */
  fault(): string | null;
}

/** Whether a bearer looks like a token of an issuer. */
export function isIssuersToken(token: string): boolean {
  return TOKEN.test(token);
}

interface KeySet {
  readonly fetchedMs: number;
  readonly keyOf: JWTVerifyGetKey;
  /** Each key as text, by its id. */
  readonly texts: ReadonlyMap<string, string>;
}

interface Known {
  readonly record: KeyRecord;
  readonly untilMs: number;
  /** The key that proved it, as text. */
  readonly keyText: string | undefined;
  readonly keyId: string;
}

/** Between two looks for tokens that have ended, ms. */
const LOOK_EVERY_MS = 500;

/** Opens an issuer; it is not asked yet. The library is loaded here: who has no issuer does not need it. */
export async function openIssuer(
  settings: IssuerSettings,
  { fetch: fetching = fetch, clock = systemClock, onError }: IssuerComponents = {},
): Promise<Issuer> {
  const { createLocalJWKSet, errors, jwtVerify } = await import('jose');
  const { issuer, audience } = settings;
  const known = new Map<string, Known>();
  const listeners = new Set<() => void>();
  let keys: KeySet | null = null;
  let askedMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;
  let isReachable = true;
  let timer: NodeJS.Timeout | null = null;
  let toldMs = clock.nowMs();
  let hasNews = false;

  /** Ms since then; a clock that was set back counts as very long. */
  function since(ms: number): number {
    const passedMs = clock.nowMs() - ms;
    return passedMs < 0 ? Number.POSITIVE_INFINITY : passedMs;
  }

  async function ask(): Promise<void> {
    askedMs = clock.nowMs();
    try {
      const published = await fetchKeys(issuer, fetching);
      keys = keySetOf(published, createLocalJWKSet(published as JSONWebKeySet), clock.nowMs());
      forgetWithdrawn(keys);
      isReachable = true;
    } catch (cause) {
      if (isReachable) onError?.(unreachableError(cause));
      isReachable = false;
    }
  }

  /** Asks now, with others who do, unless that was done a moment ago. */
  async function askIfDue(): Promise<void> {
    const everyMs = keys === null ? ASK_FIRST_EVERY_MS : ASK_EVERY_MS;
    if (asking === null && since(askedMs) >= everyMs) {
      asking = ask().finally(() => {
        asking = null;
      });
    }
    await asking;
  }

  function forgetWithdrawn({ texts }: KeySet): void {
    for (const [hash, { keyId, keyText }] of known) {
      if (keyText !== undefined && texts.get(keyId) === keyText) continue;
      known.delete(hash);
      hasNews = true;
    }
  }

  async function currentKeys(): Promise<KeySet> {
    if (keys === null || since(keys.fetchedMs) > KEYS_COUNT_MS) await askIfDue();
    else if (since(keys.fetchedMs) > REFRESH_AFTER_MS) void askIfDue();
    if (keys === null || since(keys.fetchedMs) > KEYS_COUNT_MS) throw unreachableError();
    return keys;
  }

  async function prove(token: string, set: KeySet) {
    const currentDate = new Date(clock.nowMs());
    const rules = { algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_S, requiredClaims: ['exp', 'sub'] };
    const { payload, protectedHeader } = await jwtVerify(token, set.keyOf, { issuer, audience, currentDate, ...rules });
    if (!TYPES.includes((protectedHeader.typ ?? 'JWT').toLowerCase()))
      throw wrongError('it is a token of another type');
    const untilMs = ((payload.exp ?? 0) + CLOCK_TOLERANCE_S) * 1_000;
    const record = recordOf(payload, settings, untilMs);
    if (typeof record === 'string') throw wrongError(record);
    const keyId = protectedHeader.kid ?? '';
    remember(hashOf(token), { record, untilMs, keyId, keyText: set.texts.get(keyId) });
  }

  function remember(hash: string, entry: Known): void {
    if (known.size >= MAX_KNOWN_TOKENS) {
      const [oldest] = known.keys();
      known.delete(oldest ?? '');
    }
    known.set(hash, entry);
  }

  async function verifyNow(token: string): Promise<void> {
    if (token.length > MAX_TOKEN_LENGTH) throw wrongError(`it is longer than ${MAX_TOKEN_LENGTH} characters`);
    const set = await currentKeys();
    try {
      await prove(token, set);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw told(error);
      await askIfDue();
      // The issuer may have a new key.
      if (keys === set || keys === null) throw told(error);
      await prove(token, keys).catch((again) => {
        throw told(again);
      });
    }
  }

  /** What whoever brought the token may hear: nothing of the token. */
  function told(error: unknown): unknown {
    if (error instanceof errors.JWTExpired) return wrongError('it has expired');
    if (error instanceof errors.JWTClaimValidationFailed) return wrongError(`its claim ${error.claim} is not right`);
    if (error instanceof errors.JOSEError) return wrongError('it is not signed as this issuer signs');
    return error;
  }

  function findHash(hash: string): KeyRecord | null {
    const entry = known.get(hash);
    if (entry === undefined) return null;
    known.delete(hash);
    if (entry.untilMs <= clock.nowMs()) return null;
    // The last of all: it was used now.
    known.set(hash, entry);
    return entry.record;
  }

  function look(): void {
    const nowMs = clock.nowMs();
    for (const { untilMs } of known.values()) hasNews ||= untilMs > toldMs && untilMs <= nowMs;
    toldMs = nowMs;
    if (hasNews) for (const listener of [...listeners]) listener();
    hasNews = false;
  }

  return {
    verify(token) {
      return isIssuersToken(token) && findHash(hashOf(token)) === null ? verifyNow(token) : null;
    },
    find: (token) => (isIssuersToken(token) ? findHash(hashOf(token)) : null),
    onChange(listener) {
      const listening = () => listener();
      listeners.add(listening);
      timer ??= setInterval(look, LOOK_EVERY_MS).unref();
      return () => {
        listeners.delete(listening);
        if (listeners.size > 0 || timer === null) return;
        clearInterval(timer);
        timer = null;
      };
    },
    fault: () => (isReachable ? null : 'issuer_unreachable'),
  };
}

function keySetOf({ keys }: PublishedKeys, keyOf: JWTVerifyGetKey, fetchedMs: number): KeySet {
  return { fetchedMs, keyOf, texts: new Map(keys.map((key) => [String(key.kid ?? ''), JSON.stringify(key)])) };
}

/** Tokens themselves are not kept. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

function wrongError(reason: string): HrmError {
  const message = `the token of the login does not count: ${reason}`;
  return new HrmError(message, { kind: 'invalid', code: 'key_wrong' });
}

function unreachableError(cause?: unknown): HrmError {
  const message = 'the issuer of HRM_OIDC_ISSUER cannot be asked for its keys: try again later';
  return new HrmError(message, { kind: 'unavailable', code: 'issuer_unreachable', cause });
}
