import { once } from 'node:events';
import { join } from 'node:path';
import { type CallOptions, HrmError, listUsers, type UsersInput, writePart } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { createKey } from 'hrm-core/keys';
import { describe, expect, it } from 'vitest';
import { exchangeRaw, startTest, temporaryDirectory } from './support.js';

const START_MS = Date.UTC(2024, 0, 15, 10);

function reading(userId: string, deviceId: string, offsetMs: number, heartRate: number) {
  return { userId, deviceId, timestampMs: START_MS + offsetMs, heartRate, receivedMs: START_MS };
}

describe('the list of users', () => {
  it('comes in pages, as the client gives it; a key that is bound to users sees these', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const input = { name: 'a', scopes: ['query'], expiresMs: null } as const;
    const { token } = await createKey(keysFile, { ...input, userIds: null });
    const bound = await createKey(keysFile, { ...input, userIds: ['eve', 'nobody', 'ana'] });
    const { url, storage } = await startTest({ keysFile, flags: { devicePriority: '{"watch":1}' } });
    const both = ['ring', 'watch'].map((deviceId, i) => reading('ana', deviceId, 0, 70 + i));
    await writePart({ storage }, [...both, reading('ben', 'ring', 0, 55), reading('eve', 'ring', 250, 60)]);
    const timestamp = '2024-01-15T10:00:00Z';
    const ana = { user_id: 'ana', latest: { device_id: 'watch', timestamp, heart_rate: 71 } };
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/users?limit=1`, { headers });
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'private, no-store']);
    expect(await response.json()).toEqual({ users: [ana], count: 1, next: 'ana', since: '2024-01-15' });
    const client = createClient({ url, apiKey: token });
    expect(await client.users({ limit: 2 })).toEqual(
      await listUsers({ storage }, { limit: 2, priority: { watch: 1 } }),
    );
    const names = async (one: typeof client, asked: UsersInput) =>
      (await one.users(asked)).users.map(({ userId }) => userId);
    expect(await names(client, { after: 'ana', search: 'E' })).toEqual(['ben', 'eve']);
    expect(await names(client, { since: '2024-01-16' })).toEqual([]);
    expect(await names(createClient({ url, apiKey: bound.token }), {})).toEqual(['ana', 'eve']);
    expect(await names(createClient({ url, apiKey: bound.token }), { search: 'ben' })).toEqual([]);
    // On which dates others have readings does not show.
    const ofBound = async (query: string) =>
      await (await fetch(`${url}/users?${query}`, { headers: { Authorization: `Bearer ${bound.token}` } })).json();
    const asked = ['', 'since=1980-01-01', 'since=2024-01-16'];
    const before = (await Promise.all(asked.map(ofBound))) as { since: string }[];
    expect(before.map(({ since }) => since)).toEqual(['1970-01-01', '1980-01-01', '2024-01-16']);
    const others = [-15_000, ...Array.from({ length: 40 }, (_, day) => day)].map((day) => day * 86_400_000);
    await writePart(
      { storage },
      others.map((ms) => reading('ben', 'ring', ms, 55)),
    );
    expect(await Promise.all(asked.map(ofBound))).toEqual(before);
    for (const [query, path] of [
      ['limit=1e2', '/limit'],
      ['since=2024-02-30', '/since'],
      ['search=', '/search'],
      ['user=ana', '/user'],
    ]) {
      const refused = await fetch(`${url}/users?${query}`, { headers });
      expect([refused.status, await refused.json()]).toMatchObject([400, { errors: [{ path }] }]);
    }
  });
});

describe('the calls about a user', () => {
  it('tell very many devices in pieces, as one document', async () => {
    const { url, storage } = await startTest();
    const ids = Array.from({ length: 5_000 }, (_, i) => `${'€"'.repeat(20)}${String(i).padStart(5, '0')}`);
    await writePart(
      { storage },
      ids.map((id, i) => reading('ana', id, i, 60 + (i % 90))),
    );
    const shown = ids.map((device_id, i) => {
      const timestamp = new Date(START_MS + i).toISOString().replace('.000Z', 'Z');
      return { device_id, timestamp, heart_rate: 60 + (i % 90) };
    });
    const response = await fetch(`${url}/users/ana/latest`);
    expect(response.headers.get('content-length')).toBeNull();
    expect(await response.json()).toEqual({ user_id: 'ana', latest: shown.at(-1), devices: shown, count: 5_000 });
    const { devices, count } = (await (await fetch(`${url}/users/ana/devices`)).json()) as {
      devices: { device_id: string }[];
      count: number;
    };
    expect([devices.map(({ device_id }) => device_id), count]).toEqual([ids, 5_000]);
    expect((await fetch(`${url}/users/ana/devices`, { method: 'HEAD' })).status).toBe(200);
  });

  it('refuse a second search of a client that takes long, instead of cutting it', async () => {
    // It finds nothing until it is told to stop.
    const search = ({ signal }: CallOptions = {}): AsyncIterable<never> => ({
      [Symbol.asyncIterator]: () => ({
        async next() {
          if (signal?.aborted !== true) await once(signal ?? new EventTarget(), 'abort');
          throw new HrmError('told to stop', { kind: 'closed', code: 'aborted' });
        },
      }),
    });
    const { url } = await startTest({
      wrapStorage: (storage) => ({ ...storage, partitions: (_, options) => search(options) }),
    });
    const leave = new AbortController();
    const first = fetch(`${url}/users/ana/latest`, { signal: leave.signal }).catch(() => 'left');
    const second = fetch(`${url}/users/ana/devices`, { signal: leave.signal });
    const response = await Promise.race([first, second]);
    expect(response).toMatchObject({ status: 503 });
    expect(await (response as Response).json()).toMatchObject({ code: 'too_busy' });
    leave.abort();
    await Promise.allSettled([first, second]);
  });

  it('hold one long answer of a client at a time', async () => {
    const { url, storage } = await startTest();
    await writePart(
      { storage },
      Array.from({ length: 30_000 }, (_, i) => reading('ana', `${'€'.repeat(120)}${i}`, i, 60)),
    );
    // Of 14 MB, more than sockets hold: it is under way as long as nobody reads it.
    const first = await fetch(`${url}/users/ana/devices`);
    expect(first.status).toBe(200);
    const second = await fetch(`${url}/users/ana/devices`);
    expect([second.status, ((await second.json()) as { code: string }).code]).toEqual([503, 'too_busy']);
    expect((await fetch(`${url}/users/bo/devices`)).status).toBe(200);
    expect(((await first.json()) as { count: number }).count).toBe(30_000);
    await expect.poll(async () => (await fetch(`${url}/users/ana/devices`)).status).toBe(200);
  });

  it('tell the days in figures, and what cannot be asked', async () => {
    const { url, storage } = await startTest({ flags: { devicePriority: '{"strap":1}' } });
    const minutes = Array.from({ length: 30 }, (_, i) => i * 60_000);
    await writePart({ storage }, [
      ...minutes.map((ms) => reading('ana', 'watch', ms, 70)),
      ...minutes.map((ms) => reading('ana', 'strap', ms, 60)),
    ]);
    const path = `${url}/users/ana/days?start=2024-01-01&end=2024-02-01`;
    const body = {
      user_id: 'ana',
      time_zone: 'Asia/Tokyo',
      days: [
        {
          ...{ date: '2024-01-15', start: '2024-01-15T00:00:00+09:00', end: '2024-01-16T00:00:00+09:00' },
          ...{ min: 60, max: 60, mean: 60, count: 30, minutes: 30, resting_rate: 60 },
          ...{ resting_mean_7: null, resting_mean_28: null, longest_gap_minutes: 1_140 },
          zones: [0, 60, 72, 84, 96, 108].map((from_bpm, i) => ({ from_bpm, minutes: i === 1 ? 30 : 0 })),
          ...{ quality: 'sparse', device_ids: ['strap'] },
        },
      ],
      count: 1,
    };
    const response = await fetch(`${path}&time_zone=Asia/Tokyo&max_heart_rate=120`);
    expect([response.status, await response.json()]).toEqual([200, body]);
    const asked = { userId: 'ana', start: '2024-01-01', end: '2024-02-01', timeZone: 'Asia/Tokyo', maxHeartRate: 120 };
    expect(await createClient({ url }).daily(asked)).toMatchObject([
      {
        date: '2024-01-15',
        restingRate: 60,
        zones: [{}, { fromBpm: 60, minutes: 30 }, {}, {}, {}, {}],
        quality: 'sparse',
      },
    ]);
    // A watch on a minute's own first millisecond, as the strap is: nothing else is left of it.
    const resolved = await fetch(`${path}&resolve=device`);
    expect(await resolved.json()).toMatchObject({ days: [{ count: 30, device_ids: ['strap'] }] });
    expect(await (await fetch(`${url}/users/nobody/days?start=2024-01-01&end=2024-02-01`)).json()).toEqual({
      ...{ user_id: 'nobody', time_zone: 'UTC', days: [], count: 0 },
    });
    for (const [wrong, parameter] of [
      ['&max_heart_rate=1e2', 'max_heart_rate'],
      ['&birth_year=1', 'birth_year'],
      ['&resolve=minute', 'resolve'],
      ['&time_zone=Mars', 'time_zone'],
      ['&interval=1d', 'interval'],
      ['&end=2024-02-02', 'end'],
    ]) {
      const refused = await fetch(path + wrong);
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ errors: [{ path: `/${parameter}` }] });
    }
  });

  it('keep settings, by which a user is answered', async () => {
    const { url, storage } = await startTest({ flags: { devicePriority: '{"strap":1}' } });
    await writePart({ storage }, [reading('ana', 'watch', 0, 70), reading('ana', 'strap', 0, 60)]);
    const path = `${url}/users/ana/settings`;
    const rows = `${url}/metrics/heart-rate?user_id=ana&start=2024-01-01T00:00:00Z&end=2024-02-01T00:00:00Z`;
    const put = (body: string, headers: Record<string, string> = {}) =>
      fetch(path, { method: 'PUT', body, headers: { 'Content-Type': 'application/json', ...headers } });
    const shown = async () => {
      const response = await fetch(rows);
      const { data } = (await response.json()) as { data: [{ device_ids: string[] }] };
      const latest = (await (await fetch(`${url}/users/ana/latest`)).json()) as { latest: { device_id: string } };
      expect(data[0].device_ids).toEqual([latest.latest.device_id]);
      return [latest.latest.device_id, response.headers.get('etag')];
    };
    expect(await (await fetch(path)).json()).toEqual({ user_id: 'ana', settings: {} });
    const [first, tag] = await shown();
    expect(first).toBe('strap');
    const settings = { max_heart_rate: 120, time_zone: 'Asia/Tokyo', device_priority: { watch: 3 } };
    const stored = await put(JSON.stringify(settings));
    expect([stored.status, await stored.json()]).toEqual([200, { user_id: 'ana', settings }]);
    expect(await (await fetch(path)).json()).toEqual({ user_id: 'ana', settings });
    const [second, other] = await shown();
    expect(second).toBe('watch');
    expect(other).not.toBe(tag);
    const days = await fetch(`${url}/users/ana/days?start=2024-01-01&end=2024-02-01`);
    expect(await days.json()).toMatchObject({
      time_zone: 'Asia/Tokyo',
      days: [{ max: 70, zones: [{}, {}, {}, {}, {}, {}] }],
    });
    const client = createClient({ url });
    expect(await client.userSettings('ana')).toEqual({
      maxHeartRate: 120,
      timeZone: 'Asia/Tokyo',
      devicePriority: { watch: 3 },
    });
    for (const [body, status, code] of [
      ['{', 400, 'not_json'],
      ['{"birth_year":1}', 400, 'invalid_user_settings'],
      ['{"birthYear":1986}', 400, 'invalid_user_settings'],
      [`{"time_zone":"${'x'.repeat(200_000)}"}`, 413, 'body_too_large'],
    ] as const)
      expect([status, await (await put(body)).json()]).toMatchObject([status, { status, code }]);
    expect((await put('{}', { 'Content-Type': 'text/plain' })).status).toBe(415);
    expect((await fetch(path, { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD, PUT');
    await expect(client.setUserSettings('ana', { zones: [1] })).rejects.toMatchObject({
      code: 'invalid_user_settings',
      faults: [{ path: '/zones/0' }, { path: '/zones' }],
    });
    expect(await client.setUserSettings('ana', {})).toEqual({});
    expect(await shown()).toEqual([first, tag]);
  });

  it('tell the devices and the last readings, as stored', async () => {
    const { url, storage } = await startTest({ flags: { devicePriority: '{"watch":1}' } });
    const user = 'a/n a?#ü%';
    await writePart({ storage }, [
      reading(user, 'watch', 0, 70),
      reading(user, 'watch', 61_250, 72),
      reading(user, 'band', 61_250, 90),
      reading('ben', 'ring', 99_000, 55),
    ]);
    const path = `${url}/users/${encodeURIComponent(user)}`;
    const response = await fetch(`${path}/devices`);
    expect(response.headers.get('cache-control')).toBe('private, no-store');
    const later = { timestamp: '2024-01-15T10:01:01.250Z', heart_rate: 72 };
    const bands = { ...later, heart_rate: 90 };
    expect(await response.json()).toEqual({
      user_id: user,
      devices: [
        { device_id: 'band', first: bands, last: bands },
        { device_id: 'watch', first: { timestamp: '2024-01-15T10:00:00Z', heart_rate: 70 }, last: later },
      ],
      count: 2,
    });
    expect(await (await fetch(`${path}/latest`)).json()).toEqual({
      user_id: user,
      latest: { device_id: 'watch', ...later },
      devices: [
        { device_id: 'band', ...bands },
        { device_id: 'watch', ...later },
      ],
      count: 2,
    });
  });

  it('know nothing of an unknown user, and refuse what is no user', async () => {
    const { url, port } = await startTest();
    expect(await (await fetch(`${url}/users/nobody/devices`)).json()).toEqual({
      user_id: 'nobody',
      devices: [],
      count: 0,
    });
    expect(await (await fetch(`${url}/users/nobody/latest`)).json()).toMatchObject({ latest: null, devices: [] });
    for (const bad of ['%ff', '%', 'a%00b', 'x'.repeat(129)]) {
      const answer = await exchangeRaw(
        port,
        `GET /users/${bad}/latest HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toContain('"path":"/user_id"');
    }
    for (const path of ['/users/', '/users/ana', '/users//latest', '/users/ana/latest/', '/users/a/b/latest'])
      expect({ path, status: (await fetch(url + path)).status }).toEqual({ path, status: 404 });
  });

  it('mean the user whom the path names: nothing is resolved, and no parameter is taken', async () => {
    const { url, port, storage } = await startTest();
    await writePart({ storage }, [reading('ana', 'watch', 0, 70), reading('..', 'ring', 0, 60)]);
    const targets = [
      '/users/ana/../bob/latest',
      '/users/bob/%2E%2e/ana/latest',
      '/users/../latest',
      '/users/./devices',
      '/users/.%2e/latest',
      '/users/ana\\..\\bob/latest',
      '/users/ana/latest#/x',
      'http://127.0.0.1/users/ana/../bob/latest',
      '/assets/../health',
      '/..',
    ];
    for (const target of targets) {
      const answer = await exchangeRaw(port, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
      expect({ target, answer }).toMatchObject({ answer: expect.stringMatching(/^HTTP\/1.1 400 /) });
      expect(answer).toContain('"code":"bad_target"');
      expect(answer.toLowerCase()).toContain('x-content-type-options: nosniff');
    }
    // Dots that are no segment are a name, and a query is no path.
    for (const user of ['...', '.a', 'a..', '..%2Fana'])
      expect((await fetch(`${url}/users/${user}/latest`)).status).toBe(200);
    const day = 'start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
    const rows = await fetch(`${url}/metrics/heart-rate?user_id=..&${day}`);
    expect(await rows.json()).toMatchObject({ user_id: '..', count: 1 });
    const strict = await fetch(`${url}/users/ana/latest?user_id=bob`);
    expect([strict.status, await strict.json()]).toMatchObject([400, { code: 'invalid_query' }]);
  });
});
