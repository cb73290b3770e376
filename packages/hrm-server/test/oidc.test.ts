/** Tokens of a login in place of API keys, and beside them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKey, revokeKey } from 'hrm-core/keys';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AUDIENCE, startIssuer, type TestIssuer } from '../../hrm-core/test/support/oidc-issuer.js';
import { openKeys, requireProtected } from '../src/auth/open-keys.js';
import { post, startTest, temporaryDirectory, testSettings, until, wireReading } from './support.js';

let login: TestIssuer;
let directory: string;
let keysFile: string;
beforeEach(async () => {
  login = await startIssuer();
  directory = await temporaryDirectory();
  keysFile = join(directory, 'keys.json');
});
afterEach(() => login.close());

const flagsOf = () => ({ oidcIssuer: login.url, oidcAudience: AUDIENCE });
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const signed = async (claims: Parameters<TestIssuer['token']>[0] = {}) => bearer(await login.token(claims));

async function start(flags: Parameters<typeof startTest>[0] = {}) {
  return await startTest({ ...flags, keysFile, flags: { ...flagsOf(), ...flags.flags } });
}

/** The status of an answer, and the code of a problem. */
async function told(answering: Promise<Response>): Promise<readonly [number, string | undefined]> {
  const answer = await answering;
  const body = (await answer.json()) as { readonly code?: string };
  return [answer.status, body.code];
}

const devicesOf = (url: string, user: string) => `${url}/users/${user}/devices`;

it('a token is judged as a key is: its scopes, its users; keys count beside it', async () => {
  const { token } = await createKey(keysFile, { name: 'a', scopes: ['query'], userIds: null, expiresMs: null });
  const { url } = await start();
  const get = async (path: string, headers: Record<string, string>) => await told(fetch(path, { headers }));
  const ana = await signed();
  expect(await get(devicesOf(url, 'ana'), ana)).toEqual([200, undefined]);
  expect(await get(devicesOf(url, 'bo'), ana)).toEqual([403, 'foreign_user']);
  expect(await told(post(`${url}/metrics/heart-rate`, wireReading(), ana))).toEqual([403, 'scope_missing']);
  const gateway = await signed({ sub: 'gateway', scope: 'hrm:ingest hrm:all_users' });
  expect((await post(`${url}/metrics/heart-rate`, wireReading({ user_id: 'bo' }), gateway)).status).toBe(202);
  expect(await get(devicesOf(url, 'bo'), gateway)).toEqual([403, 'scope_missing']);
  expect(await get(`${url}/system`, await signed({ scope: 'hrm:admin' }))).toEqual([403, 'foreign_user']);
  expect(await get(`${url}/system`, await signed({ scope: 'hrm:admin hrm:all_users' }))).toEqual([200, undefined]);
  const session = await (await fetch(`${url}/session`, { headers: ana })).json();
  expect(session).toEqual({ anonymous: false, name: 'ana', scopes: ['query'], user_ids: ['ana'] });
  expect(await get(devicesOf(url, 'bo'), bearer(token))).toEqual([200, undefined]);
  expect(await get(devicesOf(url, 'ana'), {})).toEqual([401, 'key_missing']);
});

it('a token that is wrong is refused with the reason, and harmless where none is needed', async () => {
  const { url } = await start();
  const ended = await signed({ exp: 1 });
  const answer = await fetch(devicesOf(url, 'ana'), { headers: ended });
  expect(answer.status).toBe(401);
  expect(answer.headers.get('WWW-Authenticate')).toContain('invalid_token');
  expect(await answer.text()).toContain('it has expired');
  for (const headers of [ended, bearer('eyJhbGciOiJub25lIn0.e30.'), await signed({ aud: 'mail' })]) {
    expect(await told(fetch(devicesOf(url, 'ana'), { headers }))).toEqual([401, 'key_wrong']);
    expect((await fetch(`${url}/health/live`, { headers })).status).toBe(200);
    expect((await fetch(`${url}/health`, { headers })).status).toBe(200);
  }
});

it('the audit log names the subject, and no log has a token', async () => {
  const auditLog = join(directory, 'audit.log');
  const { url, log, accessLog, service } = await start({ flags: { auditLog } });
  const tokens = [await login.token(), await login.token({ aud: 'mail' }), await login.token({}, { kid: 'none' })];
  for (const token of tokens) await fetch(devicesOf(url, 'ana'), { headers: bearer(token) });
  await fetch(devicesOf(url, 'bo'), { headers: bearer(tokens[0] ?? '') });
  await service.close();
  const lines = readFileSync(auditLog, 'utf8');
  const events = lines
    .split('\n')
    .filter((line) => line.includes('"outcome"'))
    .map((line) => JSON.parse(line));
  expect(events.map(({ outcome, key, users }) => [outcome, key, users])).toEqual([
    ['done', 'oidc:ana', ['ana']],
    ['refused', null, ['ana']],
    ['refused', null, ['ana']],
    ['refused', 'oidc:ana', ['bo']],
  ]);
  const all = [lines, ...log, ...accessLog].join('');
  for (const token of tokens) for (const part of token.split('.')) expect(all).not.toContain(part);
});

it('a subject has one budget, whatever its tokens are', async () => {
  const { url } = await start({ flags: { rateLimit: '4' } });
  const statuses: number[] = [];
  for (let i = 0; i < 6; i += 1)
    statuses.push((await fetch(devicesOf(url, 'ana'), { headers: await signed({ jti: String(i) }) })).status);
  expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  expect((await fetch(devicesOf(url, 'bo'), { headers: await signed({ sub: 'bo' }) })).status).toBe(200);
});

it('while the issuer is gone keys count, health says so, and tokens are to be tried again later', async () => {
  const { token } = await createKey(keysFile, { name: 'a', scopes: ['query'], userIds: null, expiresMs: null });
  login.behave('hangs up');
  const { url, log } = await start();
  expect(await told(fetch(devicesOf(url, 'ana'), { headers: await signed() }))).toEqual([503, 'issuer_unreachable']);
  expect(await told(fetch(devicesOf(url, 'ana'), { headers: bearer(token) }))).toEqual([200, undefined]);
  const health = (await (await fetch(`${url}/health`)).json()) as { readonly status: string; readonly checks: object };
  expect(health).toMatchObject({ status: 'degraded', checks: { service: expect.stringContaining('HRM_OIDC_ISSUER') } });
  expect(log.filter((line) => line.includes('the issuer of logins cannot be asked'))).toHaveLength(1);
});

it('a live stream ends with its token, and a revoked key ends its own', async () => {
  const { record, token } = await createKey(keysFile, { name: 'a', scopes: ['query'], userIds: null, expiresMs: null });
  const { url } = await start();
  const nowS = Math.floor(Date.now() / 1_000);
  const live = `${url}/metrics/heart-rate/live?user_id=ana`;
  const open = async (headers: Record<string, string>) => {
    const answer = await fetch(live, { headers });
    expect(answer.status).toBe(200);
    const state = { isOver: false };
    const over = () => {
      state.isOver = true;
    };
    answer.text().then(over, over);
    return state;
  };
  const lasting = await open(await signed());
  const ending = await open(await signed({ exp: nowS - 57 }));
  const revoked = await open(bearer(token));
  await until(() => ending.isOver, 'the stream of a token ends with it');
  expect([lasting.isOver, revoked.isOver]).toEqual([false, false]);
  await revokeKey(keysFile, record.id);
  await until(() => revoked.isOver, 'the stream of a revoked key ends');
  expect(lasting.isOver).toBe(false);
});

it('with an issuer nobody is answered without a token, also beyond this machine', async () => {
  const settings = await testSettings({ ...flagsOf(), keysFile, host: '0.0.0.0' });
  const silent = pino({ level: 'silent' });
  const keys = await openKeys(settings, silent);
  expect(keys.isNeeded()).toBe(true);
  expect(() => requireProtected(settings, keys)).not.toThrow();
  const without = await testSettings({ keysFile, host: '0.0.0.0' });
  expect(() => requireProtected(without, keys)).not.toThrow();
  const none = await openKeys(without, silent);
  expect(() => requireProtected(without, none)).toThrow('HRM_HOST is 0.0.0.0');
  expect(login.requests()).toBe(0);
});
