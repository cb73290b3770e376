import { spawn } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createKey, type KeyInput, openKeyRing, readKeys, revokeKey } from 'hrm-core/keys';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { headersOf } from '../src/api/problem.js';
import { createAdmission, rateHeaders } from '../src/auth/access.js';
import { serve } from '../src/serve.js';
import { startTest, temporaryDirectory, testSettings, wireReading } from './support.js';

const INPUT: KeyInput = { name: 'a gateway', scopes: ['ingest'], userIds: null, expiresMs: null };

/** A clock that the test sets. */
function manualClock(): { nowMs: () => number; passMs: (ms: number) => void } {
  let nowMs = 1_700_000_000_000;
  return {
    nowMs: () => nowMs,
    passMs: (ms) => {
      nowMs += ms;
    },
  };
}

describe('the file of keys', () => {
  it('has a hash and never the secret, and is for its owner alone', async () => {
    const path = join(await temporaryDirectory(), 'deep', 'keys.json');
    const { record, token } = await createKey(path, { ...INPUT, userIds: ['ana', 'ana'] });
    expect(token).toMatch(/^hrm_[a-z2-7]{12}_[\w-]{43}$/);
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain(token.split('_').slice(2).join('_'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readKeys(path)).toEqual([record]);
    expect(record).toMatchObject({ name: 'a gateway', scopes: ['ingest'], user_ids: ['ana'], expires_ms: null });
  });

  it.each([
    ['at once', () => undefined],
    ['and take each other for dead', (path: string) => rmSync(`${path}.lock`, { force: true })],
  ])('loses no key when many processes make keys %s', async (_, disturb) => {
    const path = join(await temporaryDirectory(), 'keys.json');
    const script = `import { createKey } from 'hrm-core/keys';
      for (let i = 0; i < 5; i++) await createKey(${JSON.stringify(path)}, ${JSON.stringify(INPUT)});`;
    const processes = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], {
        cwd: import.meta.dirname,
        stdio: 'inherit',
      }),
    );
    const disturbing = setInterval(disturb, 1, path);
    const codes = await Promise.all(processes.map((child) => new Promise((resolve) => child.on('exit', resolve))));
    clearInterval(disturbing);
    expect(codes).toEqual([0, 0, 0, 0]);
    expect(readKeys(path)).toHaveLength(20);
    expect(readdirSync(dirname(path))).toEqual(['keys.json', 'keys.json.needed']);
  });

  it('goes on after a writer that was killed', async () => {
    const path = join(await temporaryDirectory(), 'keys.json');
    writeFileSync(`${path}.lock`, '');
    writeFileSync(`${path}.tmp`, 'half');
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(`${path}.lock`, longAgo, longAgo);
    await createKey(path, INPUT);
    expect(readKeys(path)).toHaveLength(1);
    expect(readdirSync(dirname(path))).toEqual(['keys.json', 'keys.json.needed']);
  });

  it.each([
    ['no name', { name: '' }, '/name'],
    ['a name of two lines', { name: 'a\nb' }, '/name'],
    ['no scope', { scopes: [] }, '/scopes'],
    ['no users', { userIds: [] }, '/user_ids'],
    ['a user that none can be', { userIds: ['a\u0000'] }, '/user_ids'],
  ])('refuses %s', async (_, wrong, path) => {
    const file = join(await temporaryDirectory(), 'keys.json');
    await expect(createKey(file, { ...INPUT, ...wrong })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'invalid_key',
      faults: [{ path }],
    });
    expect(readKeys(file)).toEqual([]);
  });

  it.each(['', '{', '[]', '{"version":2,"keys":[]}', '{"version":1,"keys":[{"id":"x"}]}'])(
    'that is damaged (%s) is neither read nor overwritten',
    async (text) => {
      const path = join(await temporaryDirectory(), 'keys.json');
      writeFileSync(path, text);
      const damaged = { kind: 'data', code: 'keys_damaged' };
      await expect(createKey(path, INPUT)).rejects.toMatchObject(damaged);
      await expect(revokeKey(path, 'aaaaaaaaaaaa')).rejects.toMatchObject(damaged);
      expect(readFileSync(path, 'utf8')).toBe(text);
      const settings = { ...(await testSettings()), keysFile: path };
      await expect(serve(settings, { parts: ['api'], log: pino({ level: 'silent' }) })).rejects.toMatchObject(damaged);
    },
  );

  it('that is too large for one is not read: neither its bytes nor a process that runs wait for it', async () => {
    const path = join(await temporaryDirectory(), 'keys.json');
    const clock = manualClock();
    const { token } = await createKey(path, INPUT);
    const ring = openKeyRing(path, { clock });
    truncateSync(path, 3 * 1024 ** 3);
    expect(() => readKeys(path)).toThrow(expect.objectContaining({ kind: 'data', code: 'keys_damaged' }));
    clock.passMs(1_000);
    expect(ring.find(token)).not.toBeNull();
    expect(ring.fault()).toBe('keys_damaged');
  });

  it('gets no key that would make it too large to be read', async () => {
    const path = join(await temporaryDirectory(), 'keys.json');
    await createKey(path, INPUT);
    const { version, keys } = JSON.parse(readFileSync(path, 'utf8'));
    // As a line it is just small enough.
    const userIds = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(128, 'u'));
    const idOf = (i: number) =>
      `aaaaaaaaa${[...String(i).padStart(3, '0')].map((digit) => 'abcdefghij'[Number(digit)]).join('')}`;
    const many = Array.from({ length: 125 }, (_, i) => ({ ...keys[0], id: idOf(i), user_ids: userIds }));
    writeFileSync(path, JSON.stringify({ version, keys: many }));
    await expect(createKey(path, INPUT)).rejects.toMatchObject({
      code: 'keys_unwritable',
      message: expect.stringContaining('revoke'),
    });
    expect(readKeys(path)).toHaveLength(many.length);
  });

  it('does not tell of a key that is not there', async () => {
    const path = join(await temporaryDirectory(), 'keys.json');
    expect(await revokeKey(path, 'aaaaaaaaaaaa')).toBe(false);
  });
});

describe('the keys of a server that runs', () => {
  it('are needed from the first on, and for good: neither a vanished nor a broken file opens the door', async () => {
    const path = join(await temporaryDirectory(), 'keys.json');
    const clock = manualClock();
    const errors: unknown[] = [];
    const ring = openKeyRing(path, { clock, onError: (error) => errors.push(error) });
    expect(ring.isNeeded()).toBe(false);
    const { token, record } = await createKey(path, INPUT);
    clock.passMs(1_000);
    expect(ring.isNeeded()).toBe(true);
    expect(ring.find(token)).toEqual(record);
    writeFileSync(path, 'broken');
    clock.passMs(1_000);
    expect(ring.find(token)).toEqual(record);
    // Once, however many wrong keys are tried.
    for (let i = 0; i < 5; i += 1) expect(ring.find(token.replace(/.$/, '-'))).toBeNull();
    clock.passMs(1_000);
    expect([ring.fault(), errors.length]).toEqual(['keys_damaged', 1]);
    rmSync(path);
    clock.passMs(1_000);
    expect([ring.isNeeded(), ring.find(token)]).toEqual([true, record]);
    mkdirSync(path);
    clock.passMs(1_000);
    expect([ring.isNeeded(), ring.find(token)]).toEqual([true, record]);
    expect(errors).toMatchObject([{ code: 'keys_damaged' }, { code: 'keys_lost' }, { code: 'keys_unreadable' }]);
    rmSync(path, { recursive: true });
    await createKey(path, INPUT);
    clock.passMs(1_000);
    expect(ring.find(token)).toBeNull();
    expect([ring.fault(), errors.length]).toEqual([null, 3]);
  });

  it('let a server listen beyond this machine, which it refuses without', async () => {
    const settings = {
      ...(await testSettings({ host: '0.0.0.0' })),
      keysFile: join(await temporaryDirectory(), 'k.json'),
    };
    const log = pino({ level: 'silent' });
    await expect(serve(settings, { parts: ['api'], log })).rejects.toMatchObject({ code: 'invalid_settings' });
    const { token } = await createKey(settings.keysFile, INPUT);
    const service = await serve(settings, { parts: ['api'], log });
    try {
      expect((await fetch(`${service.url}/session`)).status).toBe(401);
      const response = await fetch(`${service.url}/session`, { headers: { Authorization: `Bearer ${token}` } });
      expect(await response.json()).toEqual({
        anonymous: false,
        name: 'a gateway',
        scopes: ['ingest'],
        user_ids: null,
      });
    } finally {
      await service.close();
    }
  });

  it('without keys everybody may do everything', async () => {
    const { url } = await startTest();
    expect(await (await fetch(`${url}/session`)).json()).toEqual({
      anonymous: true,
      name: null,
      scopes: ['ingest', 'query', 'erase', 'admin'],
      user_ids: null,
    });
  });
});

function thrownBy(call: () => unknown): unknown {
  try {
    call();
    return null;
  } catch (error) {
    return error;
  }
}

describe('the rate of a key', () => {
  it('is a minute at once and then what flows in, told in the standard headers', async () => {
    const path = join(await temporaryDirectory(), 'keys.json');
    const { token } = await createKey(path, INPUT);
    const other = await createKey(path, INPUT);
    const clock = manualClock();
    const admission = createAdmission({ keys: openKeyRing(path, { clock }), clock }, { rateLimit: 60 });
    const admit = (key: string) => admission.admit({ rawHeaders: ['Authorization', `Bearer ${key}`] }, 'ingest');
    expect(rateHeaders(admit(token).rate)).toEqual({
      'RateLimit-Policy': '"default";q=60;w=60',
      RateLimit: '"default";r=59;t=1',
    });
    for (let i = 1; i < 60; i += 1) admit(token);
    expect(() => admit(token)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
    expect(headersOf(thrownBy(() => admit(token)))).toEqual({
      'RateLimit-Policy': '"default";q=60;w=60',
      RateLimit: '"default";r=0;t=60',
      'Retry-After': '1',
    });
    expect(rateHeaders(admit(other.token).rate).RateLimit).toBe('"default";r=59;t=1');
    clock.passMs(999);
    expect(() => admit(token)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
    clock.passMs(1);
    admit(token);
    clock.passMs(-3_600_000);
    expect(() => admit(token)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
    clock.passMs(3_600_000 + 60_000);
    for (let i = 0; i < 60; i += 1) admit(token);
    expect(() => admit(token)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  });

  it('is 429 over HTTP, which stores nothing', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const { token } = await createKey(keysFile, { ...INPUT, scopes: ['ingest', 'query'] });
    const { url } = await startTest({ keysFile, flags: { rateLimit: '2' } });
    const ask = () => fetch(`${url}/session`, { headers: { Authorization: `Bearer ${token}` } });
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
    const response = await ask();
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(response.headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/);
    expect(await response.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe('pages of other origins', () => {
  const PAGE = 'https://app.example.org';

  it('may do nothing unless they are named', async () => {
    const { url } = await startTest();
    const preflight = { Origin: PAGE, 'Access-Control-Request-Method': 'POST' };
    const response = await fetch(`${url}/metrics/heart-rate`, { method: 'OPTIONS', headers: preflight });
    expect(response.status).toBe(405);
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it.each([
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'text/plain;application/json',
  ])('can send no readings: %s, which a browser sends unasked, is refused', async (type) => {
    const { url, queue } = await startTest();
    for (const [path, body] of [
      ['/metrics/heart-rate', wireReading()],
      ['/metrics/heart-rate/batch', [wireReading()]],
    ] as const) {
      const headers = { Origin: PAGE, ...(type === undefined ? {} : { 'Content-Type': type }) };
      // A text would have a type.
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      expect((await fetch(url + path, { method: 'POST', headers, body: bytes })).status).toBe(415);
    }
    expect((await queue.depth()).readings).toBe(0);
  });

  it('that are named may ask and read, others still may not', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const { token } = await createKey(keysFile, INPUT);
    const { url } = await startTest({ keysFile, flags: { corsOrigins: `${PAGE}, http://localhost:3000` } });
    const ask = (origin: string) =>
      fetch(`${url}/metrics/heart-rate`, {
        method: 'OPTIONS',
        headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
      });
    const allowed = await ask(PAGE);
    expect(allowed.status).toBe(204);
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': expect.stringContaining('Authorization'),
      vary: 'Origin',
    });
    expect((await ask('https://evil.example.org')).status).toBe(405);
    const headers = { Origin: PAGE, Authorization: `Bearer ${token}` };
    for (const path of ['/session', '/metrics/heart-rate']) {
      const response = await fetch(url + path, { headers });
      expect(response.headers.get('access-control-allow-origin')).toBe(PAGE);
      expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    }
    const foreign = await fetch(`${url}/session`, { headers: { ...headers, Origin: 'https://evil.example.org' } });
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each(['example.org', 'https://example.org/', 'https://example.org/a', '*', 'null', 'ftp://example.org'])(
    '%s is no origin',
    async (origin) => {
      await expect(testSettings({ corsOrigins: origin })).rejects.toMatchObject({ code: 'invalid_settings' });
    },
  );
});
