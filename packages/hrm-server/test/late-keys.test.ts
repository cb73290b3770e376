/** What a key may do is asked again when it is done: the head of a request may be long before its end. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Storage } from 'hrm-core';
import { describe, expect, test } from 'vitest';
import { type KeyRecord, revokeKey } from '../src/auth/index.js';
import { type Bearer, connectRaw, gate, makeKeys, startTest, until, wireReading } from './support.js';

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
