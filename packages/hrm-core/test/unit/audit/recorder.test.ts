import { afterEach, describe, expect, it, vi } from 'vitest';
import { type AuditEvent, type AuditWriter, clientAddress, createAuditRecorder } from '../../../src/audit/index.js';
import { HrmError } from '../../../src/errors.js';
import { MAX_AUDIT_REFUSALS, MAX_AUDIT_USERS } from '../../../src/limits.js';

/** A writer that keeps what it is told: `[how, event]`. */
function keeping({ fails = false } = {}) {
  const told: { how: 'note' | 'write'; event: AuditEvent }[] = [];
  const writer: AuditWriter = {
    begin: () => undefined,
    note: (event) => void told.push({ how: 'note', event }),
    async write(event) {
      told.push({ how: 'write', event });
      if (fails) throw new HrmError('full', { kind: 'unavailable', code: 'audit_unavailable' });
    },
    state: () => ({ written: 0, lost: 0, fault: null }),
    reopen: async () => undefined,
    close: async () => ({ written: 0, lost: 0, fault: null }),
  };
  return { writer, told, outline: () => told.map(({ how, event }) => `${how} ${event.outcome} ${event.status}`) };
}

const CALL = { call: 'x', account: null, from: '::1', request: 'r1' } as const;

afterEach(() => vi.useRealTimers());

describe('a call is recorded', () => {
  it.each([
    ['read', false, ['note done 200']],
    ['read', true, ['write done 200']],
    ['ingest', false, ['note done 200']],
    ['ingest', true, ['write begun null', 'write done 200']],
    ['erase', false, ['write begun null', 'write done 200']],
    ['keys', true, ['write begun null', 'write done 200']],
    ['service', true, []],
  ] as const)('%s, required %s: %j', async (action, isRequired, expected) => {
    const { writer, outline } = keeping();
    const trail = createAuditRecorder(writer, { isRequired }).follow({ ...CALL, action });
    await trail.begin();
    await trail.end('done', 200);
    expect(outline()).toEqual(expected);
  });

  it('with whom it names, whose key, and what it brings', async () => {
    const { writer, told } = keeping();
    const trail = createAuditRecorder(writer, { isRequired: false }).follow({ ...CALL, action: 'ingest' });
    trail.setKey('k');
    for (const user of ['ana', 'ben', 'ana']) trail.addUser(user);
    trail.addDevice('watch');
    trail.addReadings(3);
    await trail.end('done', 202);
    expect(told[0]?.event).toEqual({
      ...CALL,
      action: 'ingest',
      outcome: 'done',
      key: 'k',
      users: ['ana', 'ben'],
      devices: ['watch'],
      readings: 3,
      status: 202,
    });
  });

  it('in several lines where it names very many, none longer than a bound', async () => {
    const { writer, told } = keeping();
    const trail = createAuditRecorder(writer, { isRequired: false }).follow({ ...CALL, action: 'import' });
    const users = Array.from({ length: 2 * MAX_AUDIT_USERS + 5 }, (_, i) => `u${i}`);
    for (const user of users) trail.addUser(user);
    await trail.end('done', 200);
    expect(told.map(({ event }) => [event.outcome, event.users?.length])).toEqual([
      ['under_way', MAX_AUDIT_USERS],
      ['under_way', MAX_AUDIT_USERS],
      ['done', 5],
    ]);
    expect(told.flatMap(({ event }) => event.users)).toEqual(users);
  });

  it('that is about everybody with no user, and one about nobody with an empty list', async () => {
    const { writer, told } = keeping();
    await createAuditRecorder(writer, { isRequired: false })
      .follow({ ...CALL, action: 'read' })
      .end('done', 200);
    expect(told[0]?.event.users).toBe(null);
  });
});

describe('where the log cannot be written', () => {
  it('what is required is refused before it is done, and before it is answered', async () => {
    const { writer } = keeping({ fails: true });
    const recorder = createAuditRecorder(writer, { isRequired: true });
    await expect(recorder.follow({ ...CALL, action: 'ingest' }).begin()).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
    const read = recorder.follow({ ...CALL, action: 'read' });
    await read.begin();
    await expect(read.end('done', 200)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('everything else goes on', async () => {
    const { writer } = keeping({ fails: true });
    const trail = createAuditRecorder(writer, { isRequired: false }).follow({ ...CALL, action: 'erase' });
    await trail.begin();
    await trail.end('done', 202);
  });
});

it('refusals that anybody may cause are named up to a bound, and counted beyond it', async () => {
  vi.useFakeTimers();
  const { writer, told } = keeping();
  const recorder = createAuditRecorder(writer, { isRequired: false });
  for (let i = 0; i < MAX_AUDIT_REFUSALS + 7; i += 1)
    await recorder.follow({ ...CALL, action: 'read' }).end('refused', i % 2 === 0 ? 401 : 429);
  await recorder.follow({ ...CALL, action: 'service' }).end('refused', 403);
  expect(told).toHaveLength(MAX_AUDIT_REFUSALS + 1);
  vi.advanceTimersByTime(60_000);
  expect(told.slice(-2).map(({ event }) => [event.action, event.status, event.count])).toEqual([
    ['refused', 401, 4],
    ['refused', 429, 3],
  ]);
  await recorder.follow({ ...CALL, action: 'read' }).end('refused', 401);
  expect(told.at(-1)?.event.action).toBe('read');
});

describe('the address of a client', () => {
  it.each([
    ['10.0.0.9', [], [], '10.0.0.9'],
    ['::ffff:10.0.0.9', [], [], '10.0.0.9'],
    ['10.0.0.9', ['1.2.3.4'], [], '10.0.0.9'],
    ['10.0.0.1', ['1.2.3.4'], ['10.0.0.1'], '1.2.3.4'],
    ['10.0.0.1', ['6.6.6.6, 1.2.3.4'], ['10.0.0.1'], '1.2.3.4'],
    ['10.0.0.1', ['6.6.6.6', '1.2.3.4, 10.0.0.2'], ['10.0.0.1', '10.0.0.2'], '1.2.3.4'],
    ['10.0.0.1', ['[2001:db8::1]:443'], ['10.0.0.1'], '2001:db8::1'],
    ['10.0.0.1', ['1.2.3.4:5678'], ['10.0.0.1'], '1.2.3.4'],
    ['10.0.0.1', ['unknown\n'], ['10.0.0.1'], '10.0.0.1'],
    ['10.0.0.1', [], ['10.0.0.1'], '10.0.0.1'],
    [undefined, [], [], null],
  ] as const)('%s with %j by %j is %s', (peer, forwarded, trusted, expected) => {
    expect(clientAddress(peer, forwarded, trusted)).toBe(expected);
  });
});
