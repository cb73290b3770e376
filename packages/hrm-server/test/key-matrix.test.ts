/**
 * Every call with every kind of key: the whole matrix, against a table written apart from the server's own.
 */
import { join } from 'node:path';
import { writePart } from 'hrm-core';
import { createKey, revokeKey, SCOPES, type Scope } from 'hrm-core/keys';
import { OPERATIONS } from 'hrm-core/schemas';
import { describe, expect, it } from 'vitest';
import { startTest, type TestService, temporaryDirectory, wireReading } from './support.js';

/** How a call is made for a user, and what it needs. `null`: it is about no user. */
interface Row {
  readonly needs: Scope | 'any' | 'none';
  readonly call: (userId: string) => { readonly path: string; readonly body?: unknown; readonly method?: string };
  readonly isAboutUser: boolean;
  readonly success: number | string;
}

function aboutNobody(path: string, needs: Row['needs']): Row {
  return { needs, call: () => ({ path }), isAboutUser: false, success: 200 };
}

function aboutUser(what: string): Row {
  return { needs: 'query', call: (userId) => ({ path: `/users/${userId}/${what}` }), isAboutUser: true, success: 200 };
}

const RANGE = 'start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
const TABLE: Readonly<Record<string, Row>> = {
  postReading: {
    needs: 'ingest',
    call: (user_id) => ({ path: '/metrics/heart-rate', body: wireReading({ user_id }) }),
    isAboutUser: true,
    success: 202,
  },
  postBatch: {
    needs: 'ingest',
    call: (user_id) => ({
      path: '/metrics/heart-rate/batch',
      body: [wireReading({ user_id: 'ana' }), wireReading({ user_id })],
    }),
    isAboutUser: true,
    success: 202,
  },
  postImport: {
    needs: 'ingest',
    call: (user_id) => ({ path: `/imports?user_id=${user_id}`, body: wireReading({ user_id: user_id || 'ana' }) }),
    isAboutUser: true,
    success: 200,
  },
  query: {
    needs: 'query',
    call: (userId) => ({ path: `/metrics/heart-rate?user_id=${userId}&${RANGE}` }),
    isAboutUser: true,
    success: 200,
  },
  readings: {
    needs: 'query',
    call: (userId) => ({ path: `/metrics/heart-rate/readings?user_id=${userId}&${RANGE}` }),
    isAboutUser: true,
    success: 200,
  },
  searchObservations: {
    needs: 'query',
    call: (userId) => ({ path: `/fhir/Observation?patient=Patient/${userId}` }),
    isAboutUser: true,
    success: 200,
  },
  fhirMetadata: aboutNobody('/fhir/metadata', 'none'),
  users: aboutNobody('/users', 'query'),
  days: aboutUser('days?start=2024-01-15&end=2024-01-16'),
  devices: aboutUser('devices'),
  latest: aboutUser('latest'),
  userSettings: aboutUser('settings'),
  putUserSettings: {
    needs: 'ingest',
    call: (userId) => ({ path: `/users/${userId}/settings`, method: 'PUT', body: { birth_year: 1986 } }),
    isAboutUser: true,
    success: 200,
  },
  erase: {
    needs: 'erase',
    call: (userId) => ({ path: `/users/${userId}/readings?device_id=none`, method: 'DELETE' }),
    isAboutUser: true,
    success: 202,
  },
  // Of nobody: ids are random, and say nothing of whose readings they are.
  erasure: { ...aboutNobody(`/erasures/${'0'.repeat(32)}`, 'erase'), success: '404 not_found' },
  live: {
    needs: 'query',
    call: (userId) => ({ path: `/metrics/heart-rate/live?user_id=${userId}` }),
    isAboutUser: true,
    success: 200,
  },
  system: aboutNobody('/system', 'admin'),
  session: aboutNobody('/session', 'any'),
  health: aboutNobody('/health', 'none'),
  liveness: aboutNobody('/health/live', 'none'),
  metrics: aboutNobody('/metrics', 'admin'),
  openapi: aboutNobody('/openapi.json', 'none'),
  docs: aboutNobody('/docs', 'none'),
};

/** Every set of scopes that is not empty. */
const SCOPE_SETS = Array.from({ length: 2 ** SCOPES.length - 1 }, (_, i) => i + 1).map((bits) =>
  SCOPES.filter((_, i) => (bits & (1 << i)) !== 0),
);

async function startWithKeys(): Promise<{ service: TestService; keysFile: string }> {
  const keysFile = join(await temporaryDirectory(), 'keys.json');
  await createKey(keysFile, { name: 'first', scopes: ['admin'], userIds: null, expiresMs: null });
  return { service: await startTest({ keysFile }), keysFile };
}

async function ask(
  { url }: TestService,
  { path, body, method = 'POST' }: ReturnType<Row['call']>,
  token?: string,
): Promise<Response> {
  const headers = { ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) };
  if (body === undefined) return await fetch(url + path, { method: method === 'POST' ? 'GET' : method, headers });
  const type = { 'Content-Type': 'application/json' };
  return await fetch(url + path, { method, headers: { ...headers, ...type }, body: JSON.stringify(body) });
}

async function outcome(response: Response): Promise<string> {
  if (response.headers.get('content-type') === 'text/event-stream') {
    // It has no end.
    await response.body?.cancel();
    return String(response.status);
  }
  const text = await response.text();
  if (response.status < 400) return String(response.status);
  const { code, issue } = JSON.parse(text);
  // FHIR has it in an OperationOutcome.
  return `${response.status} ${code ?? issue[0].details.coding[0].code}`;
}

describe('the matrix of keys and calls', () => {
  it('has a row for every call', () => {
    expect(Object.keys(TABLE).sort()).toEqual(Object.keys(OPERATIONS).sort());
  });

  it.each(SCOPE_SETS.map((scopes) => ({ scopes })))('holds for a key with $scopes', async ({ scopes }) => {
    const { service, keysFile } = await startWithKeys();
    const input = { name: 'of the matrix', scopes, expiresMs: null };
    const free = (await createKey(keysFile, { ...input, userIds: null })).token;
    const bound = (await createKey(keysFile, { ...input, userIds: ['ana', 'ben'] })).token;
    for (const [id, { needs, call, isAboutUser, success }] of Object.entries(TABLE)) {
      const may = needs === 'none' || needs === 'any' || scopes.includes(needs);
      const expected = may ? String(success) : '403 scope_missing';
      const foreign = may && (isAboutUser || needs === 'admin') ? '403 foreign_user' : expected;
      const asked = async (user: string, token?: string) => outcome(await ask(service, call(user), token));
      expect({ id, any: await asked('zoe', free) }).toEqual({ id, any: expected });
      // What is about the whole system is about others, too.
      const own = may && needs === 'admin' ? '403 foreign_user' : expected;
      expect({ id, own: await asked('ana', bound) }).toEqual({ id, own });
      expect({ id, own: await asked('ben', bound) }).toEqual({ id, own });
      expect({ id, foreign: await asked('zoe', bound) }).toEqual({ id, foreign });
      // A path without a user is another path.
      expect({ id, nobody: await asked('', bound) }).toEqual({
        id,
        nobody: call('').path.includes('//') ? '404 not_found' : foreign,
      });
    }
  });

  it('refuses every call that needs a key without one, and with one that is wrong, has ended or was revoked', async () => {
    const { service, keysFile } = await startWithKeys();
    const input = { name: 'all', scopes: SCOPES, userIds: null };
    const good = await createKey(keysFile, { ...input, expiresMs: null });
    const ended = await createKey(keysFile, { ...input, expiresMs: Date.now() - 1 });
    const revoked = await createKey(keysFile, { ...input, expiresMs: null });
    expect((await ask(service, { path: '/session' }, revoked.token)).status).toBe(200);
    expect(await revokeKey(keysFile, revoked.record.id)).toBe(true);
    await expect.poll(async () => (await ask(service, { path: '/session' }, revoked.token)).status).toBe(401);
    const wrong = [
      ended.token,
      revoked.token,
      `${good.token}x`,
      good.token.slice(0, -1),
      good.token.replace(/^hrm_/, 'HRM_'),
      `hrm_${good.record.id}_${ended.token.split('_').slice(2).join('_')}`,
      'hrm_aaaaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      'null',
    ];
    for (const [id, { needs, call, success }] of Object.entries(TABLE)) {
      const isOpen = needs === 'none';
      expect({ id, missing: await outcome(await ask(service, call('ana'))) }).toEqual({
        id,
        missing: isOpen ? '200' : '401 key_missing',
      });
      for (const token of wrong) {
        const response = await ask(service, call('ana'), token);
        expect(response.headers.get('www-authenticate') ?? '').toMatch(isOpen ? /^$/ : /^Bearer /);
        expect({ id, wrong: await outcome(response) }).toEqual({ id, wrong: isOpen ? '200' : '401 key_wrong' });
      }
      expect({ id, good: await outcome(await ask(service, call('ana'), good.token)) }).toEqual({
        id,
        good: String(success),
      });
    }
  });

  it('answers for a foreign user alike whether there is one, whatever else is wrong with the call', async () => {
    const { service, keysFile } = await startWithKeys();
    const stored = {
      userId: 'zoe',
      deviceId: 'watch',
      timestampMs: Date.UTC(2024, 0, 15),
      heartRate: 72,
      receivedMs: 0,
    };
    await writePart({ storage: service.storage }, [stored]);
    const { token } = await createKey(keysFile, { name: 'ana', scopes: SCOPES, userIds: ['ana'], expiresMs: null });
    const answers = new Set<string>();
    for (const user of ['zoe', 'nobody', 'an', 'Ana', 'ana%20', 'an%61a', '%5Fshared', '..%2Fana']) {
      for (const rest of [RANGE, 'start=x&end=y', 'nonsense=1', `${RANGE}&user_id=ana`, `user_id=ana&${RANGE}`, '']) {
        const response = await ask(service, { path: `/metrics/heart-rate?user_id=${user}&${rest}` }, token);
        const {
          date: _,
          'keep-alive': __,
          ratelimit: ___,
          'x-request-id': ____,
          ...headers
        } = Object.fromEntries(response.headers);
        answers.add(JSON.stringify([response.status, headers, await response.text()]));
      }
    }
    const bodies = [
      [wireReading({ user_id: 'zoe', heart_rate: 7 })],
      [wireReading({ user_id: 'ana', heart_rate: 7 }), wireReading({ user_id: 'nobody' })],
      [null, 3, wireReading({ user_id: 'zoe', timestamp: 'x' })],
    ];
    for (const body of bodies) {
      const response = await ask(service, { path: '/metrics/heart-rate/batch', body }, token);
      expect(await outcome(response)).toBe('403 foreign_user');
    }
    expect(answers.size).toBe(1);
    expect([...answers][0]).toContain('foreign_user');
    expect(await service.queue.depth()).toMatchObject({ readings: 0 });
  });
});
