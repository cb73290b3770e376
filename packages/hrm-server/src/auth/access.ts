/**
 * Who may do what: the key of a request, its scope, its users, its rate. It says no before anything is read of what was
 * asked, so that a refusal tells nothing of what is stored.
 */

import { type Clock, type HrmError, systemClock } from 'hrm-core';
import type { KeyRing } from 'hrm-core/keys';
import { type KeyRecord, SCOPES, type Scope } from 'hrm-core/keys';
import type { Operation } from '../api/operations.js';
import { invalidError } from '../api/problem.js';
import { headerValues, type RawHead } from '../http/header-values.js';
import { createRateLimiter } from './rate-limit.js';

/** What the sender of a request may do. */
export interface Access {
  /** The key's id, by which its share of everything is counted; `null` where none is needed. */
  readonly keyId: string | null;
  /** The key's name, as `keyId`. */
  readonly name: string | null;
  readonly scopes: readonly Scope[];
  /** The only users it may speak of; `null`: all. */
  readonly userIds: readonly string[] | null;
  /** What the answer says of the rate; empty without a limit. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * @throws HrmError code `foreign_user` for a user whom the key is not bound to, whether there is one of that name or not.
   *   What is no string is not its business.
   */
  requireUser(userId: unknown): void;
  /** Whether it may see figures that are about everybody. */
  readonly seesFigures: boolean;
  /**
   * Whether what was admitted would be now: the key counts and may still do as much, or none is needed yet. For whatever comes
   * a while after the head of a request: the end of its body, its turn, pieces of its answer.
   */
  isValid(): boolean;
  /**
   * For whatever lasts, and may have nothing to do meanwhile: hears once that this is valid no more, within half a second.
   * @param listener - given what {@link requireValid} would throw.
   * @returns what ends the listening; again is harmless.
   */
  onEnd(listener: (error: HrmError) => void): () => void;
}

/** @throws HrmError code `key_wrong` where what was admitted is no more. */
export function requireValid({ isValid }: Access): void {
  if (!isValid()) throw endedError();
}

/** How long an access lasts. */
type Lasting = Pick<Access, 'isValid' | 'onEnd'>;

function lasting(keys: KeyRing, isValid: Access['isValid']): Lasting {
  return {
    isValid,
    onEnd(listener) {
      const stop = keys.onChange(() => {
        if (isValid()) return;
        stop();
        listener(endedError());
      });
      return stop;
    },
  };
}

function endedError(): HrmError {
  return keyError('key_wrong', 'the API key has ended, or may no longer do this: ask for a new one');
}

/** Finds out who asks. */
export interface Gate {
  /**
   * @throws HrmError code `key_missing`, `key_wrong`, `scope_missing` or `rate_limited`; `foreign_user` for a key that is bound
   *   to users where the call is about all. A call that needs no key is answered with any, and by its key as to figures.
   */
  admit(incoming: RawHead, scope: Operation['scope']): Access;
}

/** What a gate goes by. */
export interface GateComponents {
  /** `null`: no key is ever needed, as in a test of the routes. */
  readonly keys: KeyRing | null;
  readonly clock?: Clock | undefined;
}

const BEARER = /^Bearer +(\S+) *$/i;

/** @param settings.rateLimit - requests a minute and key; 0: any number. */
export function createGate(
  { keys, clock = systemClock }: GateComponents,
  { rateLimit }: { readonly rateLimit: number },
): Gate {
  const limiter = rateLimit === 0 ? null : createRateLimiter(rateLimit, clock);
  return {
    admit(incoming, scope) {
      if (keys === null) return ANYBODY;
      // Looking for the key that somebody brings may show that the first was made a moment ago.
      if (!keys.isNeeded() && foundKey(keys, incoming) === null && !keys.isNeeded())
        return { ...ANYBODY, ...lasting(keys, () => !keys.isNeeded()) };
      if (scope === 'none') return strangerOrAdmin(keys, incoming);
      const token = readToken(incoming);
      const key = keys.find(token);
      if (key === null) throw keyError('key_wrong', 'there is no such API key, or it has ended: ask for a new one');
      const headers = limiter?.take(key.id) ?? {};
      if (scope !== 'any' && !key.scopes.includes(scope)) throw scopeError(scope);
      // What an admin sees is about everybody, and would tell that others are there.
      if (scope === 'admin' && key.user_ids !== null) throw foreignUserError();
      return accessOf(
        key,
        headers,
        lasting(keys, () => mayStill(key, keys.find(token), scope)),
      );
    },
  };
}

/** Whether a key, as it is now, may do all that it might by an earlier record. */
function mayStill(before: KeyRecord, now: KeyRecord | null, scope: Scope | 'any'): boolean {
  if (now === null || (scope !== 'any' && !now.scopes.includes(scope))) return false;
  if (now === before || now.user_ids === null) return true;
  const users = new Set(now.user_ids);
  return before.user_ids?.every((user) => users.has(user)) ?? false;
}

/** The key of a request, `null` for none that counts. It looks at once for one that was made since the last look. */
function foundKey(keys: KeyRing, incoming: RawHead): KeyRecord | null {
  const [, token] = BEARER.exec(headerValues(incoming, 'authorization')[0] ?? '') ?? [];
  return token === undefined ? null : keys.find(token);
}

/** Where a key may come along: a wrong one is as good as none. */
function strangerOrAdmin(keys: KeyRing, incoming: RawHead): Access {
  const key = foundKey(keys, incoming);
  return { ...ANYBODY, scopes: [], seesFigures: key !== null && seesFigures(key) };
}

function seesFigures({ scopes, user_ids }: KeyRecord): boolean {
  return scopes.includes('admin') && user_ids === null;
}

const ANYBODY: Access = {
  keyId: null,
  name: null,
  scopes: SCOPES,
  userIds: null,
  headers: {},
  requireUser: () => undefined,
  seesFigures: true,
  isValid: () => true,
  onEnd: () => () => undefined,
};

function accessOf(key: KeyRecord, headers: Access['headers'], lasts: Lasting): Access {
  const users = key.user_ids === null ? null : new Set<unknown>(key.user_ids);
  return {
    keyId: key.id,
    name: key.name,
    scopes: key.scopes,
    userIds: key.user_ids,
    headers,
    requireUser(userId) {
      if (users !== null && typeof userId === 'string' && !users.has(userId)) throw foreignUserError();
    },
    seesFigures: seesFigures(key),
    ...lasts,
  };
}

function readToken(incoming: RawHead): string {
  const authorization = headerValues(incoming, 'authorization');
  if (authorization.length === 0)
    throw keyError('key_missing', 'an API key is needed: send it as Authorization: Bearer hrm_…');
  const [, token] = authorization.length === 1 ? (BEARER.exec(authorization[0] ?? '') ?? []) : [];
  if (token === undefined) throw keyError('key_wrong', 'the Authorization header must be Bearer and an API key, once');
  return token;
}

function keyError(code: 'key_missing' | 'key_wrong', message: string): HrmError {
  return invalidError(code, message, []);
}

function scopeError(scope: Scope): HrmError {
  return invalidError('scope_missing', `the API key does not have the scope ${scope}: ask for one that has`, []);
}

function foreignUserError(): HrmError {
  return invalidError('foreign_user', 'the API key is bound to other users', []);
}
