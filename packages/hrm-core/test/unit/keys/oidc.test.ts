/** Tokens of a login, judged by what a real issuer publishes over HTTP. */
import { createHmac } from 'node:crypto';
import { type CryptoKey, exportSPKI, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkIssuer } from '../../../src/doctor/check-issuer.js';
import type { HrmError } from '../../../src/errors.js';
import { recordOf } from '../../../src/keys/oidc/claims.js';
import { type Issuer, KEYS_COUNT_MS, openIssuer } from '../../../src/keys/oidc/issuer.js';
import { keyIssues } from '../../../src/ops/health-issues.js';
import { loadSettings } from '../../../src/settings.js';
import { AUDIENCE, startIssuer, type TestIssuer } from '../../support/oidc-issuer.js';

const NAMES = { scopesClaim: 'scope', usersClaim: 'sub' };

let login: TestIssuer;
let nowMs: number;
let errors: HrmError[];
let issuer: Issuer;
beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 1);
  errors = [];
  login = await startIssuer({ nowMs: () => nowMs });
  issuer = await open();
});
afterEach(() => login.close());

const open = (over = {}) =>
  openIssuer(
    { issuer: login.url, audience: AUDIENCE, ...NAMES, ...over },
    { clock: { nowMs: () => nowMs }, onError: (error) => errors.push(error) },
  );

/** What comes of a token: its subject, or the code and the words of the error. */
async function judged(token: string, of = issuer): Promise<string> {
  try {
    await of.verify(token);
    return of.find(token)?.name ?? 'nothing';
  } catch (error) {
    const { code, message } = error as HrmError;
    return `${code}: ${message}`;
  }
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token', () => {
  it('counts as a key does that is bound to its subject, until it ends', async () => {
    const token = await login.token({ scope: 'hrm:query hrm:admin openid query erase' });
    expect(issuer.find(token)).toBeNull();
    expect(await judged(token)).toBe('ana');
    expect(issuer.find(token)).toMatchObject({ id: 'oidc:ana', scopes: ['query', 'admin'], user_ids: ['ana'] });
    expect(issuer.verify(token)).toBeNull();
    nowMs += 3_600_000 + 59_000;
    expect(issuer.find(token)).not.toBeNull();
    nowMs += 1_000;
    expect(issuer.find(token)).toBeNull();
    expect(await judged(token)).toMatch(/^key_wrong: .* it has expired$/);
  });

  it.each(['RS256', 'PS384', 'ES256', 'ES512', 'EdDSA'])('may be signed by %s', async (alg) => {
    await login.rotate({ alg });
    expect(await judged(await login.token())).toBe('ana');
  });

  it.each([
    ['of another issuer', { iss: 'https://other.example.org' }, 'iss'],
    ['for another audience', { aud: 'mail' }, 'aud'],
    ['without an audience', { aud: undefined }, 'aud'],
    ['without an end', { exp: undefined }, 'exp'],
    ['without a subject', { sub: undefined }, 'sub'],
    ['of later', { nbf: Date.UTC(2026, 0, 1) / 1_000 + 61 }, 'nbf'],
    ['that has ended', { exp: Date.UTC(2026, 0, 1) / 1_000 - 60 }, 'has expired'],
    ['with a subject that would break a log', { sub: 'a\nb' }, 'its subject'],
    ['of very many users', { sub: 'ana', users: Array(1_001).fill('a') }, '1000 users'],
  ])('%s is refused, with the reason', async (_, claims, said) => {
    const other = await open({ usersClaim: 'users' });
    const token = await login.token(claims);
    const told = await judged(token, other);
    expect(told).toMatch(/^key_wrong: /);
    expect(told).toContain(said);
    for (const piece of token.split('.')) expect(told).not.toContain(piece);
  });

  it('for several audiences counts, and within the tolerance of clocks', async () => {
    const nowS = nowMs / 1_000;
    const soon = { aud: ['mail', AUDIENCE], nbf: nowS + 59, exp: nowS - 59 };
    expect(await judged(await login.token({ ...soon, exp: nowS + 100 }))).toBe('ana');
    expect(await judged(await login.token({ ...soon, nbf: nowS - 100 }))).toBe('ana');
  });

  it('without a signature, or signed with what everybody has, is refused, and asks nobody', async () => {
    const claims = { iss: login.url, aud: AUDIENCE, sub: 'ana', exp: nowMs / 1_000 + 100, scope: 'hrm:admin' };
    expect(await judged(await login.token())).toBe('ana');
    const before = login.requests();
    const [jwk] = login.published();
    const publicText = await exportSPKI((await importJWK(jwk ?? {}, 'RS256')) as CryptoKey);
    const bodies = ['HS256', 'none', 'None', 'nOnE'].map((alg) => `${part({ alg, kid: jwk?.kid })}.${part(claims)}`);
    const signed = bodies.flatMap((body) =>
      [publicText, JSON.stringify(jwk), String(jwk?.n)].map(
        (secret) => `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`,
      ),
    );
    const own = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', jwk: jwk ?? {} })
      .sign(Buffer.from(publicText));
    const forged = [...signed, ...bodies.map((body) => `${body}.`), new UnsecuredJWT(claims).encode(), own];
    for (const token of forged) expect(await judged(token)).toMatch(/^key_wrong: .* not signed as this issuer signs$/);
    expect(login.requests()).toBe(before);
  });

  it('whose claims or signature were changed is refused', async () => {
    const token = await login.token();
    const [header = '', claims = '', signature = ''] = token.split('.');
    const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), sub: 'bo' };
    for (const text of [
      `${header}.${part(changed)}.${signature}`,
      `${header}.${claims}.${signature.slice(0, -8)}AAAAAAAA`,
      `${header}.${claims}.`,
    ])
      expect(await judged(text)).toMatch(/^key_wrong/);
  });

  it('of another type than one that lets in is refused', async () => {
    for (const typ of ['JWT', 'at+jwt', 'application/at+jwt', 'jwt'])
      expect(await judged(await login.token({}, { typ }))).toBe('ana');
    for (const typ of ['logout+jwt', 'dpop+jwt', '']) {
      const told = await judged(await login.token({}, { typ }));
      expect(told).toMatch(/^key_wrong: .* another type$/);
    }
  });

  it('that is none is left to the keys, and a very long one is not read', async () => {
    for (const text of ['hrm_aaaaaaaaaaaa_x', '', 'a.b.c', 'eyJ', 'eyJ.a', 'eyJ.a.b.c', 'eyJ a.b.c']) {
      expect(issuer.verify(text)).toBeNull();
      expect(issuer.find(text)).toBeNull();
    }
    expect(await judged(`eyJhbGciOiJSUzI1NiJ9.${'a'.repeat(9_000)}.a`)).toContain('longer than 8192');
    expect(login.requests()).toBe(0);
  });
});

describe('what a token may do', () => {
  const claims = (more: object) => ({ sub: 'ana', iat: 1, ...more });
  it.each([
    [{}, [], ['ana']],
    [{ scope: 'query admin' }, [], ['ana']],
    [{ scope: 'hrm:query hrm:all_users' }, ['query'], null],
    [{ scope: ['hrm:erase', 'hrm:query', 7] }, ['query', 'erase'], ['ana']],
    [{ scope: { 'hrm:query': true } }, [], ['ana']],
  ])('by %j is %j, about %j', (more, scopes, users) => {
    expect(recordOf(claims(more), NAMES, 5)).toMatchObject({
      scopes,
      user_ids: users,
      expires_ms: 5,
      created_ms: 1_000,
    });
  });

  it.each([
    [{ users: ['ana', 'bo', 'bo', 7, ''] }, ['ana', 'bo']],
    [{ users: 'cy' }, ['cy']],
    [{ hrm: { users: ['dora'] } }, []],
    [{ 'hrm.users': ['a'], hrm: { users: ['b'] } }, []],
    [{}, []],
  ])('is about those that its claim names, and without it about nobody: %j', (more, users) => {
    expect(recordOf(claims(more), { ...NAMES, usersClaim: 'users' }, 5)).toMatchObject({ user_ids: users });
  });

  it.each([
    [{ realm_access: { roles: ['hrm:query'] } }, ['query']],
    [{ 'realm_access.roles': ['hrm:admin'], realm_access: { roles: ['hrm:query'] } }, ['admin']],
    [{ realm_access: 'hrm:query' }, []],
    [{ realm_access: { constructor: 1 } }, []],
  ])('may stand deeper: %j', (more, scopes) => {
    expect(recordOf(claims(more), { ...NAMES, scopesClaim: 'realm_access.roles' }, 5)).toMatchObject({ scopes });
  });
});

describe('the keys of the issuer', () => {
  it('are asked for once, also for many tokens at once, and again after ten minutes, which nobody waits for', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, i) => login.token({ sub: `u${i}` })));
    await Promise.all(tokens.map((token) => judged(token)));
    expect(login.requests()).toBe(2);
    nowMs += 600_001;
    login.behave('fails');
    expect(await judged(await login.token({ sub: 'later' }))).toBe('later');
    await expect.poll(() => errors.length).toBe(1);
    expect(issuer.fault()).toBe('issuer_unreachable');
  });

  it('may change: a new one counts at once, one that was withdrawn no more', async () => {
    const before = await login.token();
    expect(await judged(before)).toBe('ana');
    let heard = 0;
    const stop = issuer.onChange(() => {
      heard += 1;
    });
    nowMs += 30_000;
    await login.rotate({ keepOld: false });
    expect(await judged(await login.token({ sub: 'bo' }))).toBe('bo');
    expect(issuer.find(before)).toBeNull();
    expect(await judged(before)).toMatch(/^key_wrong/);
    await expect.poll(() => heard).toBe(1);
    stop();
    stop();
  });

  it('are those of before while both are published', async () => {
    const before = await login.token();
    await judged(before);
    nowMs += 30_000;
    await login.rotate();
    expect(await judged(await login.token({ sub: 'bo' }))).toBe('bo');
    expect(issuer.find(before)?.name).toBe('ana');
  });

  it('are asked for twice a minute at most, however many tokens name keys that are none', async () => {
    await judged(await login.token());
    expect(login.requests()).toBe(2);
    for (let second = 0; second < 60; second += 1) {
      const flood = await Promise.all(
        Array.from({ length: 5 }, (_, i) => login.token({}, { kid: `no-${second}-${i}` })),
      );
      for (const told of await Promise.all(flood.map((token) => judged(token)))) expect(told).toMatch(/^key_wrong/);
      nowMs += 1_000;
    }
    expect(login.requests()).toBe(4);
    expect(await judged(await login.token({ sub: 'bo' }))).toBe('bo');
  });

  it('count on for a day while the issuer is gone, and then no more until it is back', async () => {
    const old = await login.token({ exp: nowMs / 1_000 + 10 * 86_400 });
    expect(await judged(old)).toBe('ana');
    login.behave('hangs up');
    nowMs += KEYS_COUNT_MS;
    expect(await judged(await login.token({ sub: 'bo' }))).toBe('bo');
    nowMs += 30_001;
    expect(await judged(await login.token({ sub: 'cy' }))).toMatch(/^issuer_unreachable/);
    await expect.poll(() => errors.length).toBe(1);
    expect(keyIssues(issuer.fault(), 0)).toMatchObject([{ code: 'issuer_unreachable', severity: 'degraded' }]);
    login.behave('well');
    nowMs += 30_000;
    expect(await judged(await login.token({ sub: 'cy' }))).toBe('cy');
    expect(issuer.fault()).toBeNull();
  });

  it.each(['fails', 'hangs up', 'other name', 'no keys', 'endless'] as const)(
    'are not had from one that %s at the start: nobody is let in, and it is asked again after five seconds',
    async (manner) => {
      login.behave(manner);
      const token = await login.token();
      expect(await judged(token)).toMatch(/^issuer_unreachable/);
      const { length } = errors;
      expect([length, errors[0]?.kind]).toEqual([1, 'unavailable']);
      const before = login.requests();
      expect(await judged(token)).toMatch(/^issuer_unreachable/);
      expect(login.requests()).toBe(before);
      login.behave('well');
      nowMs += 5_000;
      expect(await judged(token)).toBe('ana');
    },
  );
});

describe('who listens', () => {
  it('hears that a token has ended', async () => {
    await judged(await login.token({ exp: nowMs / 1_000 + 1 }));
    let heard = 0;
    const stops = [issuer.onChange(() => (heard += 1)), issuer.onChange(() => undefined)];
    nowMs += 61_000;
    await expect.poll(() => heard).toBe(1);
    for (const stop of stops) stop();
  });
});

describe('hrm doctor', () => {
  it('asks the issuer, where there is one', async () => {
    expect(await checkIssuer({ oidcIssuer: '' })).toEqual([]);
    expect(await checkIssuer({ oidcIssuer: login.url })).toMatchObject([
      { check: 'login', level: 'ok', message: 'the issuer answers, with 1 key' },
    ]);
    login.behave('other name');
    expect(await checkIssuer({ oidcIssuer: login.url })).toMatchObject([
      { level: 'problem', code: 'issuer_unreachable', message: expect.stringContaining('another name') },
    ]);
  });
});

describe('the settings of a login', () => {
  it.each([
    [{ HRM_OIDC_ISSUER: 'http://login.example.org' }, 'HRM_OIDC_ISSUER is'],
    [{ HRM_OIDC_ISSUER: 'http://127.0.0.1.example.org' }, 'HRM_OIDC_ISSUER is'],
    [{ HRM_OIDC_ISSUER: 'https://a:b@login.example.org' }, 'HRM_OIDC_ISSUER is'],
    [{ HRM_OIDC_ISSUER: 'https://login.example.org?x' }, 'HRM_OIDC_ISSUER is'],
    [{ HRM_OIDC_ISSUER: 'https://login.example.org' }, 'needs HRM_OIDC_AUDIENCE'],
  ])('%j are refused', (env, said) => {
    expect(() => loadSettings({ env })).toThrow(said);
  });

  it('are none by default, and the claims have names', () => {
    const { oidcIssuer, oidcScopesClaim, oidcUsersClaim } = loadSettings();
    expect([oidcIssuer, oidcScopesClaim, oidcUsersClaim]).toEqual(['', 'scope', 'sub']);
    const env = { HRM_OIDC_ISSUER: 'https://login.example.org/realms/a/', HRM_OIDC_AUDIENCE: 'hrm' };
    expect(loadSettings({ env }).oidcIssuer).toBe(env.HRM_OIDC_ISSUER);
  });
});
