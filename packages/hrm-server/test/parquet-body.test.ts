/** A Parquet file over HTTP: what the library exports comes in again, and what is none is a problem of the client's. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { exportReadings, writePart } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { openDirectoryStorage } from 'hrm-core/directory';
import { createKey } from 'hrm-core/keys';
import { expect, it } from 'vitest';
import { post, startTest, temporaryDirectory, until } from './support.js';

const PATH = '/metrics/heart-rate/batch';
const TYPE = { 'Content-Type': 'application/vnd.apache.parquet' };
const DAY_MS = Date.UTC(2024, 0, 15);

/** A file as the library exports it. */
async function exported(users: readonly string[]): Promise<Buffer> {
  const storage = await openDirectoryStorage({ directory: await temporaryDirectory() });
  const readings = users.flatMap((userId) =>
    Array.from({ length: 600 }, (_, i) => {
      const timestampMs = DAY_MS + i * 1_000;
      return { userId, deviceId: `watch ${i % 2}`, timestampMs, heartRate: 60 + (i % 50), receivedMs: timestampMs };
    }),
  );
  await writePart({ storage }, readings);
  const pieces: Uint8Array[] = [];
  for (const userId of users)
    for await (const piece of exportReadings({ storage }, { userId, start: DAY_MS, end: DAY_MS + 86_400_000 }))
      pieces.push(piece);
  await storage.close();
  return Buffer.concat(pieces);
}

it('takes what the library exports, packed or not, by fetch and by the client', async () => {
  const file = await exported(['ana']);
  const { url } = await startTest({ parts: ['api', 'consumer'] });
  const plain = await post(url + PATH, file, TYPE);
  expect([plain.status, await plain.json()]).toEqual([202, { status: 'accepted', count: 600 }]);
  expect((await post(url + PATH, gzipSync(file), { ...TYPE, 'Content-Encoding': 'gzip' })).status).toBe(202);
  const client = createClient({ url });
  expect(await client.enqueueParquet(file)).toEqual({ accepted: 600 });
  const question = { userId: 'ana', start: DAY_MS, end: DAY_MS + 86_400_000 };
  await until(async () => {
    const counts: number[] = [];
    for await (const { count } of client.query(question)) counts.push(count);
    return counts.length === 10 && counts.every((count) => count === 60);
  }, 'all of it is answered, once');
});

it('refuses what is none, and a user that is not the key’s before anything else', async () => {
  const file = await exported(['ana']);
  const { url } = await startTest();
  const damaged = file.subarray(0, file.length - 20);
  const refused = await post(url + PATH, damaged, TYPE);
  expect([refused.status, await refused.json()]).toEqual([400, expect.objectContaining({ code: 'invalid_parquet' })]);
  expect((await post(url + PATH, file, { 'Content-Type': 'application/parquet' })).status).toBe(415);
  const single = await post(`${url}/metrics/heart-rate`, file, TYPE);
  expect(single.status).toBe(415);
  const keysFile = join(await temporaryDirectory(), 'keys.json');
  const { token } = await createKey(keysFile, { name: 'ben', scopes: ['ingest'], userIds: ['ben'], expiresMs: null });
  const locked = await startTest({ keysFile });
  expect((await post(locked.url + PATH, file, TYPE)).status).toBe(401);
  const foreign = await post(locked.url + PATH, file, { ...TYPE, Authorization: `Bearer ${token}` });
  expect([foreign.status, await foreign.json()]).toEqual([403, expect.objectContaining({ code: 'foreign_user' })]);
});
