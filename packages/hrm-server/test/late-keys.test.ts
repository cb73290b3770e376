/** What a key may do is asked again when it is done: the head of a request may be long before its end. */
import { readFile, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { type Reading, type Storage, writePart } from 'hrm-core';
import { createKey, type KeyRecord, revokeKey } from 'hrm-core/keys';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openLive } from './live-client.js';
import {
  type Bearer,
  connectRaw,
  gate,
  makeKeys,
  post,
  startTest,
  temporaryDirectory,
  until,
  wireReading,
} from './support.js';

type Edit = (key: KeyRecord) => KeyRecord | null;

/** What happens to a key between the head and the end of a request. */
const CHANGES: Readonly<Record<string, Edit>> = {
  'is revoked': () => null,
  'has ended': (key) => ({ ...key, expires_ms: Date.now() - 1 }),
  'loses its scopes': (key) => ({ ...key, scopes: ['admin'] }),
  'is bound to other users': (key) => ({ ...key, user_ids: ['ben'] }),
};

/** Changes the first key, as a person with an editor, or `hrm keys revoke`. */
async function change(keysFile: string, edit: Edit): Promise<void> {
  const { version, keys } = JSON.parse(await readFile(keysFile, 'utf8')) as { version: number; keys: KeyRecord[] };
  const [first, ...others] = keys as [KeyRecord, ...KeyRecord[]];
  const edited = edit(first);
  if (edited === null) await revokeKey(keysFile, first.id);
  else await writeFile(keysFile, JSON.stringify({ version, keys: [edited, ...others] }));
}

/** Changes the first key. @returns what checks, when the change has its effect, that it came by itself and not with a heartbeat or a time-out. */
async function changeSoon(keysFile: string, edit: Edit): Promise<() => void> {
  await change(keysFile, edit);
  const startMs = performance.now();
  // It takes half a second, and a busy machine some more; bodies may be silent for 10 s, streams for 15 s.
  return () => expect(performance.now() - startMs).toBeLessThan(5_000);
}

const LONG = '/metrics/heart-rate?user_id=ana&start=2024-01-01T00:00:00Z&end=2025-01-01T00:00:00Z';

/** A quarter's minutes: more than what sockets hold. */
function manyReadings(): Reading[] {
  const startMs = Date.UTC(2024, 0, 1);
  return Array.from({ length: 90 * 1_440 }, (_, i) => ({
    userId: 'ana',
    deviceId: 'watch',
    timestampMs: startMs + i * 60_000,
    heartRate: 60 + ((i * i) % 90),
    receivedMs: startMs,
  }));
}

async function start(wrapStorage?: (storage: Storage) => Storage) {
  const { keysFile, headers } = await makeKeys(2);
  const [key, other] = headers as [Bearer, Bearer];
  const service = await startTest(wrapStorage === undefined ? { keysFile } : { keysFile, wrapStorage });
  // Keys are looked at twice a second.
  const isKnown = async () => (await fetch(`${service.url}/users/ana/devices`, { headers: key })).status !== 200;
  return { ...service, keysFile, key, other, isKnown };
}

describe.each(Object.entries(CHANGES))('a key that %s while its request is under way', (_, edit) => {
  test.each([
    ['/metrics/heart-rate', JSON.stringify(wireReading())],
    ['/metrics/heart-rate/batch', JSON.stringify([wireReading()])],
  ])('stores nothing at %s', async (path, body) => {
    const { port, queue, keysFile, key, isKnown } = await start();
    const { socket, closed } = await connectRaw(port);
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n`;
    socket.write(
      `${head}Authorization: ${key.Authorization}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    );
    await until(
      async () => (await fetch(`http://127.0.0.1:${port}/users/ana/devices`, { headers: key })).ok,
      'it counts',
    );
    await change(keysFile, edit);
    await until(isKnown, 'the change is known');
    socket.write(body.slice(10));
    expect(await closed).toMatch(/^HTTP\/1\.1 401 [\s\S]*"code":"key_wrong"/);
    expect((await queue.depth()).readings).toBe(0);
  });

  test.each([
    ['/metrics/heart-rate', JSON.stringify(wireReading())],
    ['/metrics/heart-rate/batch', JSON.stringify([wireReading()])],
  ])('is refused at %s though the rest of the body does not come', async (path, body) => {
    const { port, keysFile, key } = await start();
    const { socket, received } = await connectRaw(port);
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
    socket.write(`${head}Authorization: ${key.Authorization}\r\nContent-Length: ${body.length}\r\n\r\n[`);
    await until(async () => (await fetch(`http://127.0.0.1:${port}/session`, { headers: key })).ok, 'it counts');
    const soon = await changeSoon(keysFile, edit);
    await until(() => received() !== '', 'it is refused');
    expect(received()).toMatch(/^HTTP\/1\.1 401 [\s\S]*"code":"key_wrong"/);
    soon();
  });

  test('ends its quiet live stream, and no other', async () => {
    const { url, keysFile, key, other } = await start();
    const live = await openLive(url, { user_id: 'ana' }, key);
    const others = await openLive(url, { user_id: 'ana' }, other);
    await until(() => live.blocks.length === 1 && others.blocks.length === 1, 'both have begun');
    const soon = await changeSoon(keysFile, edit);
    expect(await live.ended).toBe('whole');
    soon();
    await post(`${url}/metrics/heart-rate`, wireReading(), other);
    await others.waitFor(1);
  });

  test('ends a long answer of which the client takes nothing', async () => {
    const { port, storage, keysFile, key } = await start();
    await writePart({ storage }, manyReadings());
    const { socket, received } = await connectRaw(port);
    socket.write(`GET ${LONG} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${key.Authorization}\r\n\r\n`);
    await until(() => received() !== '', 'the answer has begun');
    socket.pause();
    const resets = vi.spyOn(Socket.prototype, 'resetAndDestroy');
    onTestFinished(() => resets.mockRestore());
    const soon = await changeSoon(keysFile, edit);
    await until(() => resets.mock.calls.length > 0, 'the answer is cut');
    soon();
  });

  test.each([
    '/metrics/heart-rate?user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z',
    '/users/ana/latest',
    '/users/ana/devices',
  ])('is told nothing at %s', async (path) => {
    const { opened, open } = gate();
    let isWaiting = false;
    const { url, keysFile, key, other } = await start((storage) => ({
      ...storage,
      async *partitions(...call) {
        isWaiting = true;
        await opened;
        yield* storage.partitions(...call);
      },
    }));
    const asked = fetch(url + path, { headers: key });
    await until(() => isWaiting, 'the storage is asked');
    await change(keysFile, edit);
    const session = async () => (await fetch(`${url}/session`, { headers: key })).status;
    const scopes = async () => JSON.stringify(await (await fetch(`${url}/session`, { headers: key })).json());
    await until(
      async () => (await session()) === 401 || !(await scopes()).includes('"query"],"user_ids":null'),
      'known',
    );
    open();
    expect((await asked).status).toBe(401);
    expect((await fetch(`${url}/session`, { headers: other })).status).toBe(200);
  });
});

test('a live stream that needed no key ends when the first key is made', async () => {
  const keysFile = join(await temporaryDirectory(), 'keys.json');
  const { url } = await startTest({ keysFile });
  const live = await openLive(url, { user_id: 'ana' });
  await until(() => live.blocks.length === 1, 'it has begun');
  await createKey(keysFile, { name: 'first', scopes: ['query'], userIds: null, expiresMs: null });
  expect(await live.ended).toBe('whole');
});

test('a live stream ends when the time of its key has come', async () => {
  const keysFile = join(await temporaryDirectory(), 'keys.json');
  const expiresMs = Date.now() + 3_000;
  const { token } = await createKey(keysFile, { name: 'short', scopes: ['query'], userIds: null, expiresMs });
  const { url } = await startTest({ keysFile });
  const live = await openLive(url, { user_id: 'ana' }, { Authorization: `Bearer ${token}` });
  expect(live.response.status).toBe(200);
  expect(await live.ended).toBe('whole');
  expect(Date.now()).toBeGreaterThanOrEqual(expiresMs);
  expect(Date.now()).toBeLessThan(expiresMs + 5_000);
});
