import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditEvent, listAudit, verifyAudit } from 'hrm-core/audit';
import { createKey, type Scope } from 'hrm-core/keys';
import { describe, expect, it } from 'vitest';
import { requestsIn } from '../../hrm-core/test/support/audit.js';
import { parseScrape } from './scrape.js';
import { post, startTest, temporaryDirectory, wireReading } from './support.js';

const DAY = 'start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';

async function start({ required = false, keys = true, flags = {} } = {}) {
  const directory = await temporaryDirectory();
  const auditLog = join(directory, 'audit.log');
  const keysFile = join(directory, 'keys.json');
  const makeKey = async (scopes: readonly Scope[], userIds: readonly string[] | null) => {
    const { record, token } = await createKey(keysFile, { name: 'a', scopes, userIds, expiresMs: null });
    return { id: record.id, headers: { Authorization: `Bearer ${token}` } };
  };
  const all = await makeKey(['ingest', 'query', 'erase', 'admin'], null);
  const ana = await makeKey(['query', 'ingest'], ['ana']);
  const test = await startTest({
    flags: { auditLog, auditRequired: String(required), ...flags },
    ...(keys && { keysFile }),
  });
  async function events(): Promise<Partial<AuditEvent>[]> {
    await test.service.close();
    const found = [];
    for await (const { action, call, outcome, key, users, status, readings, from } of listAudit(auditLog))
      found.push({ action, call, outcome, key, users, status, from, ...(readings !== undefined && { readings }) });
    expect(await verifyAudit(auditLog)).toMatchObject({ isWhole: true, lost: 0, unended: 0 });
    return found;
  }
  return { ...test, directory, auditLog, all, ana, events };
}

describe('the audit log of a server', () => {
  it('says who did what about whom, from where, and with what outcome', async () => {
    const { url, all, ana, events } = await start();
    const { headers } = all;
    await post(`${url}/metrics/heart-rate`, wireReading(), headers);
    await post(`${url}/metrics/heart-rate/batch`, [wireReading(), wireReading({ user_id: 'ben' })], headers);
    await fetch(`${url}/metrics/heart-rate?user_id=ana&${DAY}`, { headers });
    await fetch(`${url}/users/ben/devices`, { headers: ana.headers });
    await fetch(`${url}/metrics/heart-rate/readings?user_id=ana&${DAY}`, { headers: ana.headers });
    await fetch(`${url}/fhir/Observation?patient=ana&${'date=ge2024-01-15&date=lt2024-01-16'}`, { headers });
    await fetch(`${url}/users/ana/readings`, { method: 'DELETE', headers: ana.headers });
    await fetch(`${url}/metrics/heart-rate?user_id=ana`, { headers });
    await fetch(`${url}/system`, { headers: ana.headers });
    await fetch(`${url}/system`, { headers });
    await fetch(`${url}/users/ana/latest`);
    const live = await fetch(`${url}/metrics/heart-rate/live?user_id=ana`, { headers: ana.headers });
    await live.body?.cancel();
    await fetch(`${url}/users/ana/settings`, {
      method: 'PUT',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: '{}',
    });
    const from = '127.0.0.1';
    const [A, B] = [
      { key: all.id, from },
      { key: ana.id, from },
    ];
    const done = { outcome: 'done', status: 200 };
    const refused = { outcome: 'refused', status: 403 };
    expect(await events()).toEqual([
      { action: 'ingest', call: 'postReading', ...A, outcome: 'done', status: 202, users: ['ana'], readings: 1 },
      { action: 'ingest', call: 'postBatch', ...A, outcome: 'done', status: 202, users: ['ana', 'ben'], readings: 2 },
      { action: 'read', call: 'query', ...A, ...done, users: ['ana'] },
      { action: 'read', call: 'devices', ...B, ...refused, users: ['ben'] },
      { action: 'export', call: 'readings', ...B, ...done, users: ['ana'] },
      { action: 'read', call: 'searchObservations', ...A, ...done, users: ['ana'] },
      { action: 'erase', call: 'erase', ...B, ...refused, users: ['ana'] },
      { action: 'read', call: 'query', ...A, outcome: 'failed', status: 400, users: ['ana'] },
      { action: 'service', call: 'system', ...B, ...refused, users: null },
      { action: 'read', call: 'latest', key: null, from, outcome: 'refused', status: 401, users: ['ana'] },
      { action: 'live', call: 'live', ...B, ...done, users: ['ana'] },
      { action: 'settings', call: 'putUserSettings', ...A, ...done, users: ['ana'] },
    ]);
  });

  it('has an erasure on the disk before it is done, and before it is answered', async () => {
    const { url, all, auditLog, events } = await start();
    const answer = await fetch(`${url}/users/ana/readings`, {
      method: 'DELETE',
      headers: { ...all.headers, 'X-Request-Id': 'gone' },
    });
    expect(answer.status).toBe(202);
    expect(requestsIn(auditLog)).toEqual(['gone', 'gone']);
    expect((await events()).map(({ outcome, status, users }) => [outcome, status, users])).toEqual([
      ['begun', null, ['ana']],
      ['done', 202, ['ana']],
    ]);
  });

  it('names the users of a page', async () => {
    const { url, all, storage, events } = await start();
    const { writePart } = await import('hrm-core');
    const reading = { deviceId: 'w', timestampMs: Date.now(), heartRate: 70, receivedMs: Date.now() };
    await writePart({ storage }, [
      { userId: 'ana', ...reading },
      { userId: 'ben', ...reading },
    ] as never);
    await fetch(`${url}/users`, { headers: all.headers });
    expect((await events())[0]?.users).toEqual(['ana', 'ben']);
  });

  it('believes who passes requests on, where that is said', async () => {
    const { url, all, events } = await start({ flags: { trustedProxies: '127.0.0.1' } });
    await fetch(`${url}/users/ana/devices`, { headers: { ...all.headers, 'X-Forwarded-For': '6.6.6.6, 203.0.113.9' } });
    expect((await events())[0]?.from).toBe('203.0.113.9');
  });

  it('records without keys, and when nobody waits for it', async () => {
    const { url, events, auditLog } = await start({ keys: false });
    await fetch(`${url}/users/ana/devices`, { headers: { 'X-Request-Id': 'r' } });
    await expect.poll(() => requestsIn(auditLog)).toEqual(['r']);
    expect(await events()).toMatchObject([{ key: null, users: ['ana'], from: '127.0.0.1' }]);
  });

  it('has nothing of what was sent or answered', async () => {
    const { url, all, ana, events, auditLog } = await start();
    const marks = { device_id: 'DEVICE-MARK', heart_rate: 77, timestamp: '2024-01-15T10:11:12.345Z' };
    await post(`${url}/metrics/heart-rate`, wireReading(marks), all.headers);
    await post(`${url}/metrics/heart-rate`, '{"heart_rate":"BODY-MARK"', all.headers);
    await fetch(`${url}/users/ana/devices`, { headers: { Authorization: 'Bearer WRONG-MARK' } });
    await fetch(`${url}/metrics/heart-rate?user_id=ana&${DAY}&start=QUERY-MARK`, { headers: ana.headers });
    await events();
    const text = readFileSync(auditLog, 'utf8');
    for (const mark of ['hrm_', 'BODY-MARK', 'WRONG-MARK', 'QUERY-MARK', '10:11:12', '"heart_rate"', ':77', ' 77'])
      expect(text).not.toContain(mark);
  });
});

describe('a log that cannot be written', () => {
  it('stops nothing, and is told of', async () => {
    const { url, all, auditLog, directory, service } = await start();
    await expect.poll(() => readFileSync(auditLog, 'utf8')).toContain('opened');
    rmSync(auditLog);
    mkdirSync(auditLog);
    const answer = await fetch(`${url}/users/ana/devices`, all);
    expect(answer.status).toBe(200);
    await expect
      .poll(async () => await (await fetch(`${url}/health`, all)).text())
      .toMatch(/the audit log cannot be written \(E/);
    await service.close();
    writeFileSync(join(directory, 'x'), '');
  });

  it('stops what must be recorded, before its effect', async () => {
    const { url, all, auditLog, queue } = await start({ required: true });
    await post(`${url}/metrics/heart-rate`, wireReading(), all.headers);
    const before = await queue.depth();
    expect(before.readings).toBe(1);
    rmSync(auditLog);
    mkdirSync(auditLog);
    const answers = [
      await post(`${url}/metrics/heart-rate`, wireReading(), all.headers),
      await fetch(`${url}/metrics/heart-rate?user_id=ana&${DAY}`, all),
      await fetch(`${url}/users/ana/readings`, { method: 'DELETE', ...all }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ code: 'audit_unavailable' });
    }
    expect(await queue.depth()).toEqual(before);
    expect((await fetch(`${url}/health`, all)).status).toBe(200);
    rmSync(auditLog, { recursive: true });
    expect((await fetch(`${url}/metrics/heart-rate?user_id=ana&${DAY}`, all)).status).toBe(200);
    const { text } = parseScrape(await (await fetch(`${url}/metrics`, all)).text());
    expect(text).toMatch(/^hrm_audit_events_total [1-9]/m);
    expect(text).toMatch(/^hrm_audit_lost_total 0$/m);
  });
});
