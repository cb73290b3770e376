/**
 * Who may do what: the key of a request, its scope, its users, its rate. It says no before anything is read of what was
 * asked, so that a refusal tells nothing of what is stored.
 */

import { HrmError } from '../errors.js';
import { type Clock, systemClock } from '../ports/clock.js';
import { createRateLimiter, type RateLimiter, type RateState } from '../shares/rate-limit.js';
import { type KeyLimits, type KeyRecord, SCOPES, type Scope } from './api-key.js';
import type { KeyRing } from './key-ring.js';

/** What the sender of a request may do. */
export interface Access {
  /** The key's id, by which its share of everything is counted; `null` where none is needed. */
  readonly keyId: string | null;
  /** The key's name, as `keyId`. */
  readonly name: string | null;
  readonly scopes: readonly Scope[];
  /** The only users it may speak of; `null`: all. */
  readonly userIds: readonly string[] | null;
  /** What is left of the key's rate; `null` without a limit. */
  readonly rate: RateState | null;
  /**
   * @throws HrmError code `foreign_user` for a user whom the key is not bound to, whether there is one of that name or not.
   *   What is no string is not its business. To be called before anything else is said of a user's readings: whatever else is wrong, a
   *   foreign user is what is answered.
   */
  requireUser(userId: unknown): void;
  /**
   * @param deviceId - `null`: all devices of a user.
   * @throws HrmError code `foreign_device` for one that the key is not bound to. What is neither a string nor `null` is not its business.
   */
  requireDevice(deviceId: unknown): void;
  /** What the key may have at once, where that is less than everybody's share. */
  readonly limits: KeyLimits;
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

/** What a request brings along to say who asks. */
export interface Credentials {
  /** The token, where one can be made out; `undefined`: none. */
  readonly token: string | undefined;
  /** The same where one is needed. @throws HrmError code `key_missing` or `key_wrong`, saying how it is to be brought. */
  requireToken(): string;
}

/** Finds out who asks, and lets in who may. */
export interface Admission {
  /**
   * To be waited for before {@link Admission.admit}: proves what is no key of the file, as the token of a login is.
   * @throws HrmError code `key_wrong`, or kind `unavailable`, unless the call needs no key.
   */
  prepare(brought: Credentials, scope: Scope | 'any' | 'none'): Promise<void> | null;
  /**
   * @throws HrmError code `key_missing`, `key_wrong`, `scope_missing` or `rate_limited`; `foreign_user` for a key that is bound
   *   to users where the call is about all. A call that needs no key is answered with any, and by its key as to figures.
   */
  admit(brought: Credentials, scope: Scope | 'any' | 'none'): Access;
}

/** What an admission goes by. */
export interface AdmissionComponents {
  /** `null`: no key is ever needed, as in a test of the routes. */
  readonly keys: KeyRing | null;
  readonly clock?: Clock | undefined;
}

/** @param settings.rateLimit - requests a minute and key; 0: any number. */
export function createAdmission(
  { keys, clock = systemClock }: AdmissionComponents,
  { rateLimit }: { readonly rateLimit: number },
): Admission {
  const limiterOf = createLimiters(rateLimit, clock);
  return {
    prepare({ token }, scope) {
      const proving = token === undefined ? null : (keys?.verify?.(token) ?? null);
      // A wrong one is as good as none there.
      return scope === 'none' && proving !== null ? proving.catch(() => undefined) : proving;
    },
    admit(brought, scope) {
      if (keys === null) return ANYBODY;
      // Looking for the key that somebody brings may show that the first was made a moment ago.
      if (!keys.isNeeded() && foundKey(keys, brought) === null && !keys.isNeeded())
        return { ...ANYBODY, ...lasting(keys, () => !keys.isNeeded()) };
      if (scope === 'none') return strangerOrAdmin(keys, brought);
      const token = brought.requireToken();
      const key = keys.find(token);
      if (key === null) throw keyError('key_wrong', 'there is no such API key, or it has ended: ask for a new one');
      const rate = ofKey(key.id, () => {
        const left = limiterOf(key)?.take(key.id) ?? null;
        keys.noteUse(key.id);
        if (scope !== 'any' && !key.scopes.includes(scope)) throw scopeError(scope);
        // What an admin sees is about everybody, and would tell that others are there.
        if (scope === 'admin' && key.user_ids !== null) throw foreignUserError();
        return left;
      });
      return accessOf(
        key,
        rate,
        lasting(keys, () => mayStill(key, keys.find(token), scope)),
      );
    },
  };
}

/** A limiter for each rate that some key has. */
function createLimiters(rateLimit: number, clock: Clock): (key: KeyRecord) => RateLimiter | null {
  const limiters = new Map<number, RateLimiter>();
  return ({ limits }) => {
    const rate = limits?.requests ?? rateLimit;
    if (rate === 0) return null;
    const limiter = limiters.get(rate) ?? createRateLimiter(rate, clock);
    if (limiters.size < MAX_RATES) limiters.set(rate, limiter);
    return limiter;
  };
}

/** Different rates that are counted: as many as a file has keys, about. What is beyond has no bound. */
const MAX_RATES = 10_000;

const REFUSED_KEY = Symbol('the key of a refusal');

/** Lets an error say whose key was refused; the answer does not. */
function ofKey<Result>(keyId: string, judge: () => Result): Result {
  try {
    return judge();
  } catch (error) {
    throw Object.assign(error as Error, { [REFUSED_KEY]: keyId });
  }
}

/** The id of a key that counts, of an error by which {@link Admission.admit} refused it; else `null`. */
export function refusedKey(error: unknown): string | null {
  return error instanceof Error ? ((error as { [REFUSED_KEY]?: string })[REFUSED_KEY] ?? null) : null;
}

/** Whether a key, as it is now, may do all that it might by an earlier record. */
function mayStill(before: KeyRecord, now: KeyRecord | null, scope: Scope | 'any'): boolean {
  if (now === null || (scope !== 'any' && !now.scopes.includes(scope))) return false;
  if (now === before) return true;
  return isWithin(before.user_ids, now.user_ids) && isWithin(before.device_ids ?? null, now.device_ids ?? null);
}

/** Whether all of some are among others; `null`: all there are. */
function isWithin(some: readonly string[] | null, others: readonly string[] | null): boolean {
  const all = others === null ? null : new Set(others);
  return all === null || (some?.every((one) => all.has(one)) ?? false);
}

/** The key of a request, `null` for none that counts. It looks at once for one that was made since the last look. */
function foundKey(keys: KeyRing, { token }: Credentials): KeyRecord | null {
  return token === undefined ? null : keys.find(token);
}

/** Where a key may come along: a wrong one is as good as none. */
function strangerOrAdmin(keys: KeyRing, brought: Credentials): Access {
  const key = foundKey(keys, brought);
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
  rate: null,
  requireUser: () => undefined,
  requireDevice: () => undefined,
  limits: {},
  seesFigures: true,
  isValid: () => true,
  onEnd: () => () => undefined,
};

function accessOf(key: KeyRecord, rate: Access['rate'], lasts: Lasting): Access {
  const users = key.user_ids === null ? null : new Set<unknown>(key.user_ids);
  function requireUser(userId: unknown): void {
    if (users !== null && typeof userId === 'string' && !users.has(userId)) throw foreignUserError();
  }
  const devices = key.device_ids === undefined ? null : new Set<unknown>(key.device_ids);
  function requireDevice(deviceId: unknown): void {
    const isOne = typeof deviceId === 'string' || deviceId === null;
    if (devices !== null && isOne && !devices.has(deviceId)) throw foreignDeviceError();
  }
  return {
    keyId: key.id,
    name: key.name,
    scopes: key.scopes,
    userIds: key.user_ids,
    rate,
    requireUser,
    requireDevice,
    limits: key.limits ?? {},
    seesFigures: seesFigures(key),
    ...lasts,
  };
}

/** The error of a request whose key is missing, or is none. */
export function keyError(code: 'key_missing' | 'key_wrong', message: string): HrmError {
  return new HrmError(message, { kind: 'invalid', code });
}

function scopeError(scope: Scope): HrmError {
  const message = `the API key does not have the scope ${scope}: ask for one that has`;
  return new HrmError(message, { kind: 'invalid', code: 'scope_missing' });
}

function foreignDeviceError(): HrmError {
  return new HrmError('the API key is bound to other devices', { kind: 'invalid', code: 'foreign_device' });
}

function foreignUserError(): HrmError {
  return new HrmError('the API key is bound to other users', { kind: 'invalid', code: 'foreign_user' });
}
