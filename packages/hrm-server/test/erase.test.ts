import { join } from 'node:path';
import { query, writePart } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { createKey } from 'hrm-core/keys';
import { describe, expect, it } from 'vitest';
import { startTest, temporaryDirectory } from './support.js';

const START_MS = Date.UTC(2024, 0, 15, 10);

function readingsOf(userId: string, deviceId: string) {
  return Array.from({ length: 60 }, (_, i) => ({
    userId,
    deviceId,
    timestampMs: START_MS + i * 1_000,
    heartRate: 60 + i,
    receivedMs: START_MS,
  }));
}

describe('an erasure', () => {
  it('hides what it is of before it is answered, for keys that may', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const keyOf = async (scopes: ('ingest' | 'query' | 'erase' | 'admin')[], userIds: string[] | null) =>
      (await createKey(keysFile, { name: 'a', scopes, expiresMs: null, userIds })).token;
    const all = await keyOf(['query', 'erase'], null);
    const ofBen = await keyOf(['erase'], ['ben']);
    const reader = await keyOf(['query', 'ingest', 'admin'], null);
    const { url, storage } = await startTest({ keysFile });
    await writePart({ storage }, [
      ...readingsOf('ana', 'watch'),
      ...readingsOf('ana', 'strap'),
      ...readingsOf('ben', 'watch'),
    ]);
    const day = { start: START_MS, end: START_MS + 60_000 };
    const countOf = async (userId: string) => (await query({ storage }, { userId, ...day }))[0]?.count ?? 0;
    const send = async (token: string, target: string) => {
      const response = await fetch(`${url}${target}`, {
        method: 'DELETE',
        headers: { Authorization: `Bearer ${token}` },
      });
      return {
        status: response.status,
        location: response.headers.get('location'),
        body: (await response.json()) as { id?: string },
      };
    };
    for (const [token, target, code] of [
      [reader, '/users/ana/readings', 'scope_missing'],
      [ofBen, '/users/ana/readings', 'foreign_user'],
      [all, '/users/ana/readings?start=2024', 'invalid_erasure'],
      [all, '/users/ana/readings?start=2024-01-15T10:00:00Z&end=2024-01-15T10:00:00Z', 'invalid_erasure'],
      [all, '/users/ana/readings?user_id=ben', 'invalid_query'],
    ] as const) {
      expect((await send(token, target)).body).toMatchObject({ code });
    }
    expect([await countOf('ana'), await countOf('ben')]).toEqual([60, 60]);
    const client = createClient({ url, apiKey: all });
    const erased = await client.erase({ userId: 'ana', deviceId: 'strap', end: START_MS + 30_000 });
    const rows = [];
    for await (const row of client.query({ userId: 'ana', deviceId: 'strap', ...day })) rows.push(row.count);
    expect(rows).toEqual([30]);
    expect(await client.erasure(erased.id)).toEqual({ id: erased.id, state: 'in_force', report: null });
    const whole = await send(ofBen, '/users/ben/readings');
    expect(whole).toMatchObject({ status: 202, body: { id: expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(whole.location).toBe(`/erasures/${whole.body.id}`);
    expect([await countOf('ana'), await countOf('ben')]).toEqual([60, 0]);
    await expect(client.erasure('0'.repeat(32))).rejects.toMatchObject({ code: 'not_found' });
    expect((await fetch(`${url}/users/ana/readings`)).status).toBe(405);
  });
});
