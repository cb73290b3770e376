import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Queue } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { createKey, revokeKey } from 'hrm-core/keys';
import { describe, expect, test } from 'vitest';
import { openLive } from './live-client.js';
import { connectRaw, exchangeRaw, post, startTest, temporaryDirectory, until, wireReading } from './support.js';

const LIVE = '/metrics/heart-rate/live';
const BATCH = '/metrics/heart-rate/batch';

/** Wraps the queue, and tells how many reads of its feed are under way. */
function countingReads(count: { reads: number }): (queue: Queue) => Queue {
  return ({ feed, ...queue }) => ({
    ...queue,
    feed: feed && {
      ...feed,
      async read(from, options) {
        count.reads += 1;
        try {
          return await feed.read(from, options);
        } finally {
          count.reads -= 1;
        }
      },
    },
  });
}

async function send(url: string, ...readings: Record<string, unknown>[]): Promise<void> {
  const response = await post(
    url + BATCH,
    readings.map((reading) => wireReading(reading)),
  );
  expect(response.status).toBe(202);
}

describe('GET /metrics/heart-rate/live', () => {
  test('tells an alert when it opens, to who comes later too, and when it is over', { timeout: 60_000 }, async () => {
    const rules = join(await temporaryDirectory(), 'rules.json');
    await writeFile(rules, '{"version":1,"rules":[{"name":"fast","kind":"above","bpm":120,"minutes":2}]}');
    const { url } = await startTest({ parts: ['api', 'consumer'], flags: { alertsFile: rules } });
    const live = await openLive(url, { user_id: 'ana' });
    const other = await openLive(url, { user_id: 'ben' });
    const minute = (ago: number) => new Date(Date.now() - ago * 60_000).toISOString();
    await send(url, ...[6, 5, 4].map((ago) => ({ timestamp: minute(ago), heart_rate: 150 })));
    await live.waitFor(1, 'alert');
    const [opened] = live.data('alert') as { data: { id: string } }[];
    expect(opened).toMatchObject({ type: 'alert.opened', data: { rule: 'fast', user_id: 'ana', bpm: 150, end: null } });
    await send(url, { timestamp: minute(3), heart_rate: 60 });
    await live.waitFor(2, 'alert');
    expect(live.data('alert')[1]).toMatchObject({ type: 'alert.ended', data: { id: opened?.data.id } });
    const client = createClient({ url }).live({ userId: 'ana' });
    const seen: object[] = [];
    for await (const event of client) {
      if (event.type === 'alert') seen.push(event);
      if (seen.length === 2) break;
    }
    expect(seen).toMatchObject([
      { id: opened?.data.id, isOver: false, rule: 'fast', kind: 'above', bpm: 150, end: null },
      { id: opened?.data.id, isOver: true },
    ]);
    expect(other.data('alert')).toEqual([]);
    // No place to go on from.
    expect(live.blocks.filter(({ event }) => event === 'alert').every(({ id }) => id === undefined)).toBe(true);
  });

  test('is a stream of events: one a reading, as it is accepted, of the user or the device', async () => {
    const { url } = await startTest();
    const live = await openLive(url, { user_id: 'ana' });
    expect(live.response.status).toBe(200);
    expect(Object.fromEntries(live.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    const scale = await openLive(url, { user_id: 'ana', device_id: 'scale' });
    await send(
      url,
      { heart_rate: 71 },
      { user_id: 'ben' },
      { device_id: 'scale', timestamp: '2024-01-15T11:00:00.25+01:00' },
    );
    await post(`${url}/metrics/heart-rate`, wireReading({ heart_rate: 73 }));
    await live.waitFor(3);
    expect(live.data()).toEqual([
      { device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 71 },
      { device_id: 'scale', timestamp: '2024-01-15T10:00:00.250Z', heart_rate: 72 },
      { device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 73 },
    ]);
    expect(live.blocks[0]).toEqual({ retry: '2000', id: expect.any(String) });
    const ids = live.blocks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    await scale.waitFor(1);
    expect(scale.data()).toHaveLength(1);
  });

  test('tells the rank of devices that have a priority', async () => {
    const { url } = await startTest({ flags: { devicePriority: '{"strap":2}' } });
    const live = await openLive(url, { user_id: 'ana' });
    await send(url, {}, { device_id: 'strap' }, { device_id: 'constructor' });
    await live.waitFor(3);
    const told = live.data() as { device_id: string; rank?: number }[];
    const ranks = told.map(({ device_id, rank }) => [device_id, rank]);
    expect(ranks).toEqual([
      ['watch', undefined],
      ['strap', 2],
      ['constructor', undefined],
    ]);
  });

  test('goes on after Last-Event-ID with what was missed, once, from before the first event too', async () => {
    const { url } = await startTest();
    const first = await openLive(url, { user_id: 'ana' });
    await until(() => first.lastId() !== '', 'it says where it stands');
    const start = first.lastId();
    await send(url, { heart_rate: 61 }, { heart_rate: 62 }, { heart_rate: 63 });
    await first.waitFor(3);
    const second = first.blocks.filter(({ event }) => event === 'reading')[1]?.id ?? '';
    first.leave();
    await send(url, { heart_rate: 64 }, { user_id: 'ben', heart_rate: 99 });
    for (const [id, heartRates] of [
      [second, [63, 64, 65]],
      [start, [61, 62, 63, 64, 65]],
    ] as const) {
      const again = await openLive(url, { user_id: 'ana' }, { 'Last-Event-ID': id });
      if (id === second) await send(url, { heart_rate: 65 });
      await again.waitFor(heartRates.length);
      expect(again.data()).toEqual(heartRates.map((heart_rate) => expect.objectContaining({ heart_rate })));
      expect(again.data('gap')).toEqual([]);
    }
  });

  test('tells a gap when what came after Last-Event-ID is gone, and what to come back with', async () => {
    const { url } = await startTest();
    const live = await openLive(url, { user_id: 'ana' }, { 'Last-Event-ID': 'ffffffff-0000000000000001.7' });
    await live.waitFor(1, 'gap');
    expect(live.data('gap')).toEqual([{}]);
    const id = live.lastId();
    await send(url, { heart_rate: 61 });
    const again = await openLive(url, { user_id: 'ana' }, { 'Last-Event-ID': id });
    await again.waitFor(1);
    expect(again.data('gap')).toEqual([]);
  });

  test('says that it lives, and is not cut for having nothing else to say', async () => {
    const { url } = await startTest({
      limits: { stalledMs: 400, silentMs: 400, checkEveryMs: 50 },
      live: { heartbeatMs: 100 },
    });
    const live = await openLive(url, { user_id: 'ana' });
    await until(
      () => live.blocks.filter(({ comment }) => comment === 'heartbeat').length >= 15,
      'it has beaten 15 times',
    );
    const before = live.lastId();
    await send(url, { user_id: 'ben' });
    const beats = live.blocks.length;
    await until(() => live.blocks.length > beats + 3, 'it beats on');
    // Each has another id of one length, so that nobody sees whether others sent anything.
    const ids = live.blocks.map(({ id = '' }) => id);
    expect([new Set(ids).size, new Set(ids.map(({ length }) => length)).size]).toEqual([ids.length, 1]);
    await send(url, {});
    await live.waitFor(1);
    const again = await openLive(url, { user_id: 'ana' }, { 'Last-Event-ID': before });
    await again.waitFor(1);
  });

  test.each([
    ['', {}, 400, 'invalid_query'],
    ['?user_id=', {}, 400, 'invalid_query'],
    ['?user_id=a%00b', {}, 400, 'invalid_query'],
    ['?user_id=ana&device_id=', {}, 400, 'invalid_query'],
    ['?user_id=ana&start=2024-01-15T10:00:00Z', {}, 400, 'invalid_query'],
    ['?user_id=ana&user_id=ben', {}, 400, 'invalid_query'],
    ['?user_id=ana', { 'Last-Event-ID': 'Rubbish!' }, 400, 'invalid_cursor'],
    ['?user_id=ana', { 'Last-Event-ID': 'a'.repeat(200) }, 400, 'invalid_cursor'],
  ])('refuses %j with %j', async (query, headers: Record<string, string>, status, code) => {
    const { url } = await startTest();
    const response = await fetch(url + LIVE + query, { headers });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ code, errors: [{ path: expect.stringMatching(/^\/[\w-]+$/) }] });
  });

  test('takes an empty Last-Event-ID for none, refuses two, and any method but GET and HEAD', async () => {
    const { url, port } = await startTest();
    const live = await openLive(url, { user_id: 'ana' }, { 'Last-Event-ID': '' });
    expect(live.response.status).toBe(200);
    const twice = `GET ${LIVE}?user_id=ana HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nLast-Event-ID: a-1\r\nLast-Event-ID: a-2\r\n\r\n`;
    expect(await exchangeRaw(port, twice)).toMatch(/^HTTP\/1.1 400 [\s\S]*invalid_cursor/);
    const posted = await fetch(url + LIVE, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const head = await fetch(`${url}${LIVE}?user_id=ana`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(await head.text()).toBe('');
    expect((await fetch(url + LIVE, { method: 'HEAD' })).status).toBe(400);
  });

  test('has so many streams at once and no more, until somebody leaves', async () => {
    const { url, port } = await startTest({ live: { maxStreams: 3 } });
    const open = [];
    for (let i = 0; i < 3; i += 1) open.push(await openLive(url, { user_id: 'ana' }));
    const refused = await fetch(`${url}${LIVE}?user_id=ana`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await refused.json()).toMatchObject({ code: 'too_busy' });
    expect((await fetch(`${url}${LIVE}?user_id=ana`, { method: 'HEAD' })).status).toBe(200);
    open[0]?.leave();
    const isTaken = async () => (await openLive(url, { user_id: 'ana' })).response.status === 200;
    await until(isTaken, 'the place of who left is free');
    // Who is gone before the answer has no place either.
    open[1]?.leave();
    for (let i = 0; i < 10; i += 1) {
      const { socket } = await connectRaw(port);
      socket.write(`GET ${LIVE}?user_id=ana HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      socket.destroy();
    }
    await until(isTaken, 'nobody keeps a place after they went');
  });

  test('has so many of one key, however its header is written, and others of another', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const input = { name: 'a', scopes: ['query'] as const, userIds: null, expiresMs: null };
    const [one, other] = [await createKey(keysFile, input), await createKey(keysFile, input)];
    const { url } = await startTest({ keysFile, live: { maxStreams: 4, maxStreamsPerKey: 2 } });
    for (const scheme of ['Bearer', 'bearer']) {
      const open = await openLive(url, { user_id: 'ana' }, { Authorization: `${scheme} ${one.token}` });
      expect(open.response.status).toBe(200);
    }
    const refused = await fetch(`${url}${LIVE}?user_id=ana`, { headers: { Authorization: `BEARER  ${one.token}` } });
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'too_busy' }]);
    const others = await openLive(url, { user_id: 'ana' }, { Authorization: `Bearer ${other.token}` });
    expect(others.response.status).toBe(200);
  });

  test('cuts a client that takes nothing, and holds little for it meanwhile; others are not held up', async () => {
    const count = { reads: 0 };
    const { url, port } = await startTest({
      // Long enough that no batch is cut where the machine is busy.
      limits: { stalledMs: 3_000, checkEveryMs: 50 },
      live: { heartbeatMs: 100, maxStreams: 2 },
      wrapQueue: countingReads(count),
    });
    const quick = await openLive(url, { user_id: 'ana' });
    const { socket, closed } = await connectRaw(port);
    socket.write(`GET ${LIVE}?user_id=ana HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await until(() => socket.bytesRead > 0, 'its stream has begun');
    socket.pause();
    const batch = Array.from({ length: 2_000 }, () => ({}));
    let sent = 0;
    async function isFree(): Promise<boolean> {
      await send(url, ...batch);
      sent += batch.length;
      await quick.waitFor(sent);
      const probe = await openLive(url, { user_id: 'ana' });
      probe.leave();
      return probe.response.status === 200;
    }
    await until(isFree, 'the one who takes nothing is cut');
    socket.resume();
    // Not to its proper end: the chunk of length 0 is missing.
    expect((await closed).endsWith('\r\n0\r\n\r\n')).toBe(false);
    expect(quick.data()).toHaveLength(sent);
    quick.leave();
    await until(() => count.reads === 0, 'nobody reads for nobody');
  });

  test('ends properly and at once when the server closes, so that a client may come back', async () => {
    const { url, port, service } = await startTest();
    const streams = [await openLive(url, { user_id: 'ana' }), await openLive(url, { user_id: 'ben' })];
    const { socket, closed } = await connectRaw(port);
    socket.write(`GET ${LIVE}?user_id=ana HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await until(() => socket.bytesRead > 0, 'its stream has begun');
    socket.pause();
    // More than the kernel holds for who does not read.
    const batch = Array.from({ length: 10_000 }, () => ({ device_id: 'x'.repeat(128) }));
    for (let i = 1; i <= 6; i += 1) {
      await send(url, ...batch);
      // Who is a whole batch behind is told of a gap, and this one is to miss nothing.
      await streams[0]?.waitFor(i * batch.length);
    }
    const startMs = performance.now();
    await service.close();
    expect(performance.now() - startMs).toBeLessThan(9_000);
    for (const { ended } of streams) expect(await ended).toBe('whole');
    socket.resume();
    expect((await closed).endsWith('\r\n0\r\n\r\n')).toBe(false);
  });

  test('is refused to a key of other users, and ends when its key is revoked', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const scopes = ['query', 'ingest'] as const;
    const bound = await createKey(keysFile, { name: 'bound', scopes, userIds: ['ana'], expiresMs: null });
    const other = await createKey(keysFile, { name: 'other', scopes, userIds: null, expiresMs: null });
    const { url } = await startTest({ keysFile });
    const headers = { Authorization: `Bearer ${bound.token}` };
    for (const query of ['user_id=ben', 'user_id=ana&user_id=ben', 'user_id=ben&rubbish']) {
      const response = await fetch(`${url}${LIVE}?${query}`, { headers });
      expect([response.status, await response.json()]).toMatchObject([403, { code: 'foreign_user' }]);
    }
    const live = await openLive(url, { user_id: 'ana' }, headers);
    await post(`${url}/metrics/heart-rate`, wireReading(), headers);
    await live.waitFor(1);
    await revokeKey(keysFile, bound.record.id);
    expect(await live.ended).toBe('whole');
    const later = await openLive(url, { user_id: 'ana' }, { Authorization: `Bearer ${other.token}` });
    expect(later.response.status).toBe(200);
  });

  test('says nothing of whom it is asked about in the log', async () => {
    const { url, log } = await startTest();
    const live = await openLive(url, { user_id: 'ana-secret' });
    await fetch(`${url}${LIVE}?user_id=ana-secret&device_id=`);
    await send(url, { user_id: 'ana-secret', heart_rate: 187 });
    await live.waitFor(1);
    expect(log.join('')).not.toMatch(/ana-secret|187/);
    expect(log.join('')).toContain(LIVE);
  });
});
