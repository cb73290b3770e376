/** Alerts from what is stored to what is told: a receiver that fails and recovers, places, files of rules, and what is left behind by who was killed. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAlertFeed } from '../../src/alerts/alert-feed.js';
import {
  type AlertEvent,
  type AlertPlace,
  alertLine,
  alertToWire,
  eraseAlerts,
  listAlerts,
  openRules,
  retryAlerts,
  startAlerts,
} from '../../src/alerts/index.js';
import { createPending } from '../../src/alerts/pending.js';
import { publish, readOpen, readState, removeExpiredAlerts } from '../../src/alerts/records.js';
import { overlay } from '../../src/alerts/stored-and-pending.js';
import { sendWebhook } from '../../src/alerts/webhook.js';
import { openAlertDirectory } from '../../src/drivers/alerts/directory.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, drainBatch, enqueue, erase, type Queue, query, type Storage, writePart } from '../../src/index.js';
import { parseRules } from '../../src/pure/alerts/rules.js';
import { partitionDate as formatDate } from '../../src/pure/partition.js';
import { queuedFrom } from '../../src/pure/reading/queued-readings.js';
import { createFakeS3 } from '../support/fake-s3.js';
import { openFakeAlerts } from '../support/s3-storage.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2026, 10, 27, 12);
const FAST = { name: 'fast', kind: 'above', bpm: 100, minutes: 3 };

let directory: string;
let storage: Storage;
let queue: Queue;
let place: AlertPlace;
let receiver: Receiver;
let stop: AbortController;
let running: Promise<void>[];
beforeEach(async () => {
  directory = await mkdtemp(join(MEMORY_DIRECTORY, 'hrm-alerts-'));
  storage = await openDirectoryStorage({ directory: join(directory, 'data') });
  queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
  place = openAlertDirectory(join(directory, 'data'));
  receiver = await startReceiver();
  stop = new AbortController();
  running = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await receiver.close();
  await queue.close();
  await storage.close();
  await rm(directory, { recursive: true });
});

/** Minutes before now, each with three readings. */
function minutesOf(userId: string, fromAgo: number, rates: readonly number[]) {
  return rates.flatMap((heartRate, i) =>
    [0, 20, 40].map((second) => ({
      userId,
      deviceId: 'watch',
      timestampMs: NOW_MS - (fromAgo - i) * MINUTE_MS + second * 1_000,
      heartRate,
      receivedMs: NOW_MS,
    })),
  );
}

async function store(readings: ReturnType<typeof minutesOf>): Promise<void> {
  await enqueue(
    { queue, clock },
    readings.map(({ timestampMs, userId, deviceId, heartRate }) => {
      return { userId, deviceId, heartRate, timestamp: new Date(timestampMs).toISOString() };
    }),
  );
}

let nowMs = NOW_MS;
let startedMs = 0;
/** Goes on as the machine's, from where a test puts it. */
const clock = { nowMs: () => nowMs + performance.now() - startedMs };

/** A consumer's alerts, with times short enough to wait for. */
function start(
  rules: readonly object[],
  { triedMs = 60_000, timeoutMs = 300, late = 120, feed = null as Queue['feed'] } = {},
) {
  [nowMs, startedMs] = [NOW_MS, performance.now()];
  const events: AlertEvent[] = [];
  const current = parseRules(JSON.stringify({ version: 1, late_minutes: late, rules }));
  const { url, secret } = receiver;
  const alerts = startAlerts(
    {
      storage,
      place,
      clock,
      feed,
      rules: { current: () => current },
      send: (outgoing, options) => sendWebhook({ url, secret }, outgoing, { ...options, nowMs: Date.now(), timeoutMs }),
    },
    { tickMs: 5, settleMs: 0, listMs: 20, ownMs: 0, triedMs, retry: { minMs: 10, maxMs: 40 } },
    { signal: stop.signal, onEvent: (event) => void events.push(event) },
  );
  running.push(alerts.done);
  const types = () => events.map(({ type }) => type);
  return { ...alerts, events, types };
}

const told = () => receiver.received.filter(({ answered }) => answered === 204).map(({ body }) => body.type);

it('alerts that are over, and what was not told of them, go with their day; open ones and newer ones stay', async () => {
  const minute = (days: number) => Math.floor(NOW_MS / MINUTE_MS) - days * 1_440;
  async function make(userId: string, days: number, isOver: boolean) {
    const owner = { rule: { name: `r${days}`, kind: 'above' }, userId } as const;
    const bpm = { bpm: 120, baselineBpm: null };
    const opened = { type: 'opened', startMinute: minute(days), ...bpm } as const;
    await publish(place, owner, { last: null, transition: opened }, { nowMs: NOW_MS, isTold: days === 40 });
    if (!isOver) return;
    const last = { number: 1, startMinute: minute(days), endMinute: null, openedMinute: minute(days) };
    const ended = { type: 'ended', startMinute: minute(days), endMinute: minute(days) + 5, bpm: 120 } as const;
    await publish(place, owner, { last, transition: ended }, { nowMs: NOW_MS, isTold: days === 40 });
  }
  await make('ana', 40, true);
  await make('ana', 41, false);
  await make('ana', 3, true);
  await removeExpiredAlerts(place, (_, ms) => ms < NOW_MS - 30 * 1_440 * MINUTE_MS);
  expect((await listAlerts(place)).map(({ opened }) => opened.data.rule)).toEqual(['r41', 'r3']);
  expect(await place.list('untold/')).toEqual([]);
});

describe('a consumer with rules', () => {
  it('tells an alert once, with its end, and says nothing of anybody in its log', async () => {
    const { observer, events } = start([FAST]);
    await store([...minutesOf('ana', 10, [70, 70, 120, 121, 122]), ...minutesOf('bo', 10, [70, 120, 120, 70])]);
    await drainBatch({ queue, storage, clock, observer });
    await expect.poll(told).toEqual(['alert.opened']);
    await store(minutesOf('ana', 5, [80]));
    await drainBatch({ queue, storage, clock, observer });
    nowMs += MINUTE_MS;
    await expect.poll(told).toEqual(['alert.opened', 'alert.ended']);
    expect(receiver.refused).toEqual([]);
    const [first, second] = receiver.received;
    expect(first?.body.data).toMatchObject({
      ...{ rule: 'fast', kind: 'above', user_id: 'ana', number: 1, start: '2026-11-27T11:52:00Z', end: null, bpm: 122 },
    });
    expect(second?.body.data).toMatchObject({ id: first?.body.data.id, end: '2026-11-27T11:55:00Z' });
    expect(first?.id).toBe(`${first?.body.data.id}-opened`);
    // The receiver has it a moment before the consumer knows.
    const listed = async () => (await listAlerts(place)).map(alertToWire);
    await expect.poll(listed).toMatchObject([{ user_id: 'ana', telling: 'done' }]);
    expect(await readOpen(place)).toEqual([]);
    const lines = JSON.stringify(events.map(alertLine));
    expect(lines).toContain(first?.body.data.id);
    expect(lines).not.toMatch(/ana|12[0-9]|hooks|whsec/);
  });

  it('tells an alert before anything of it is stored, and once, with its end, when it is', async () => {
    const { observer } = start([FAST], { feed: queue.feed });
    await expect.poll(() => queue.feed?.read('', { timeoutMs: 0 }).then(({ next }) => next)).not.toBe('');
    await store([...minutesOf('ana', 10, [70, 70, 120, 121, 122]), ...minutesOf('bo', 10, [70, 120, 120, 70])]);
    await expect.poll(told).toEqual(['alert.opened']);
    expect((await queue.depth()).readings).toBeGreaterThan(20);
    await store(minutesOf('ana', 5, [80]));
    nowMs += MINUTE_MS;
    await expect.poll(told).toEqual(['alert.opened', 'alert.ended']);
    await drainBatch({ queue, storage, clock, observer });
    nowMs += MINUTE_MS;
    // The same alert as whoever judges what is stored would tell.
    stop.abort();
    await Promise.all(running);
    stop = new AbortController();
    start([FAST]);
    nowMs += MINUTE_MS;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(told()).toEqual(['alert.opened', 'alert.ended']);
    expect((await listAlerts(place)).map(({ opened, ended }) => [opened.data.start, ended?.data.end])).toEqual([
      ['2026-11-27T11:52:00Z', '2026-11-27T11:55:00Z'],
    ]);
  });

  it('finds by a sweep what a killed one had stored, and not judged', async () => {
    await writePart({ storage }, minutesOf('ana', 10, [70, 120, 120, 120, 70]));
    start([{ ...FAST, user_ids: ['ana', 'nobody'] }]);
    await expect.poll(told).toEqual(['alert.opened', 'alert.ended']);
  });

  it('tells no history', async () => {
    await writePart({ storage }, [
      ...minutesOf('ana', 100, [120, 120, 120, 120, 70]),
      ...minutesOf('bo', 20, [120, 120, 120, 120, 70]),
    ]);
    start([FAST], { late: 60 });
    await expect.poll(told).toEqual(['alert.opened', 'alert.ended']);
    expect(receiver.received.map(({ body }) => body.data.user_id)).toEqual(['bo', 'bo']);
  });

  it('hears that somebody is silent, and is back', async () => {
    const { observer } = start([{ name: 'quiet', kind: 'silent', minutes: 30 }]);
    await store(minutesOf('ana', 10, [70]));
    await drainBatch({ queue, storage, clock, observer });
    nowMs += 25 * MINUTE_MS;
    await expect.poll(told).toEqual(['alert.opened']);
    expect(receiver.received[0]?.body.data).toMatchObject({ start: '2026-11-27T11:51:00Z', bpm: null });
    await store(minutesOf('ana', -20, [70]));
    await drainBatch({ queue, storage, clock, observer });
    nowMs += MINUTE_MS;
    await expect.poll(told).toEqual(['alert.opened', 'alert.ended']);
    expect(receiver.received[1]?.body.data).toMatchObject({ end: '2026-11-27T12:20:00Z' });
  });

  it('compares a resting rate with its mean of 28 days', async () => {
    const dayMs = 24 * 60 * MINUTE_MS;
    const at = (daysAgo: number, rate: number) =>
      minutesOf(
        'ana',
        daysAgo * 1_440 + 300,
        Array.from({ length: 40 }, () => rate),
      );
    await writePart({ storage }, Array.from({ length: 20 }, (_, i) => at(i + 2, 60)).flat());
    await writePart({ storage }, [...at(1, 75), ...minutesOf('ana', 5, [75])]);
    start([{ name: 'rest', kind: 'resting', bpm: 10 }]);
    await expect.poll(told).toEqual(['alert.opened']);
    const { data } = receiver.received[0]?.body ?? {};
    expect(data).toMatchObject({ start: new Date(NOW_MS - 1.5 * dayMs).toISOString().replace('.000', ''), bpm: 75 });
    expect(data?.baseline_bpm).toBeCloseTo((20 * 60 + 75) / 21, 1);
  });

  it('ends the alerts of a rule that is gone', async () => {
    await writePart({ storage }, minutesOf('ana', 5, [70, 120, 120, 120, 120]));
    const first = start([FAST]);
    await expect.poll(first.types).toEqual(['opened', 'told']);
    stop.abort();
    await Promise.all(running);
    stop = new AbortController();
    start([{ ...FAST, name: 'other', bpm: 200 }]);
    await expect.poll(told).toEqual(['alert.opened', 'alert.ended']);
  });
});

describe('a receiver', () => {
  it('that fails, hangs and recovers gets each alert, under the same id', async () => {
    const behaviours = [500, 'hang', 302, 410] as const;
    receiver.behave(500);
    await writePart({ storage }, minutesOf('ana', 10, [70, 120, 120, 120, 120, 120]));
    const { events } = start([FAST]);
    for (const behaviour of behaviours) {
      receiver.behave(behaviour);
      await expect.poll(() => receiver.received.some(({ answered }) => answered === behaviour)).toBe(true);
    }
    receiver.behave(204);
    await expect.poll(told).toContain('alert.opened');
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBeLessThanOrEqual(2);
    expect(events.some((event) => event.type === 'delayed' && event.retryMs > 0)).toBe(true);
    expect(events.filter(({ type }) => type === 'fault')).toEqual([]);
  });

  it('that never takes it costs a failed alert, which is told again when a person says so', async () => {
    receiver.behave(500);
    await writePart({ storage }, minutesOf('ana', 10, [70, 120, 120, 120, 70]));
    const { types } = start([FAST], { triedMs: 0 });
    await expect.poll(() => types().filter((type) => type === 'failed')).toHaveLength(2);
    expect((await listAlerts(place)).map(({ telling }) => telling)).toEqual(['failed']);
    receiver.behave(204);
    expect(await retryAlerts(place, ['0'.repeat(32)])).toBe(0);
    expect(await retryAlerts(place, null)).toBe(2);
    await expect.poll(() => told().sort()).toEqual(['alert.ended', 'alert.opened']);
    await expect.poll(async () => (await listAlerts(place)).map(({ telling }) => telling)).toEqual(['done']);
  });

  it('hears nothing of an alert whose opener was killed before it opened it', async () => {
    const owner = { rule: FAST as never, userId: 'ana' };
    const transition = { type: 'opened', startMinute: 5, bpm: 120, baselineBpm: null } as const;
    const dies: AlertPlace = {
      ...place,
      put: (name, text) => (name.startsWith('users/') ? Promise.reject(new Error('killed')) : place.put(name, text)),
    };
    const options = { nowMs: NOW_MS - 11 * MINUTE_MS, isTold: true };
    await expect(publish(dies, owner, { last: null, transition }, options)).rejects.toThrow('killed');
    expect([await place.list('untold/'), await readOpen(place)]).toMatchObject([{ length: 1 }, { length: 1 }]);
    start([FAST]);
    await expect.poll(() => place.list('untold/')).toEqual([]);
    await expect.poll(() => readOpen(place)).toEqual([]);
    expect(receiver.received).toEqual([]);
  });
});

describe.each(['directory', 'bucket'])('alerts in a %s', (kind) => {
  const open = () => (kind === 'bucket' ? openFakeAlerts(createFakeS3()) : place);

  it('stay as the first wrote them, are listed in order, and go when they are removed', async () => {
    const one = open();
    expect(await one.list('users/')).toEqual([]);
    expect(await Promise.all([one.put('users/b/2.json', 'a'), one.put('open/x.json', 'b')])).toEqual([
      'written',
      'written',
    ]);
    expect(await one.put('users/b/2.json', 'other')).toBe('exists');
    await one.put('users/a.json', 'c');
    expect(await one.list('users/')).toEqual(['users/a.json', 'users/b/2.json']);
    expect([await one.get('users/b/2.json'), await one.get('users/none.json')]).toEqual(['a', null]);
    await one.remove(['users/b/2.json', 'users/none.json']);
    expect(await one.list('users/')).toEqual(['users/a.json']);
    await expect(one.get('../secret')).rejects.toThrow(RangeError);
  });

  it('keep the newest of a rule and a user, and are erased with their user', async () => {
    const one = open();
    const owner = { rule: { name: 'fast', kind: 'above' }, userId: 'ana' } as const;
    const options = { nowMs: NOW_MS, isTold: false };
    for (let i = 0; i < 34; i += 1) {
      const opened = { type: 'opened', startMinute: 10 * i, bpm: 120, baselineBpm: null } as const;
      const ended = { type: 'ended', startMinute: 10 * i, endMinute: 10 * i + 5, bpm: 120 } as const;
      const last = await readState(one, owner);
      expect(last?.number).toBe(i === 0 ? undefined : i);
      await publish(one, owner, { last, transition: opened }, options);
      await publish(one, owner, { last: await readState(one, owner), transition: ended }, options);
    }
    expect(await listAlerts(one)).toHaveLength(32);
    await publish(
      one,
      { ...owner, userId: 'bo' },
      { last: null, transition: { type: 'opened', startMinute: 1, bpm: 1, baselineBpm: null } },
      { ...options, isTold: true },
    );
    await eraseAlerts(one, 'ana');
    expect((await listAlerts(one)).map(({ opened }) => opened.data.user_id)).toEqual(['bo']);
    await eraseAlerts(one, 'bo');
    expect([...(await one.list('users/')), ...(await one.list('open/')), ...(await one.list('untold/'))]).toEqual([]);
  });
});

describe('a file of rules', () => {
  it('counts as soon as it is changed, and as it was before where it is wrong', async () => {
    const path = join(directory, 'rules.json');
    const write = (rules: unknown) => writeFile(path, JSON.stringify({ version: 1, rules }));
    await write([FAST]);
    const errors: unknown[] = [];
    const rules = openRules(path, (error) => errors.push(error));
    expect(rules.current().rules).toMatchObject([{ name: 'fast', calm_minutes: 15, gap_minutes: 5 }]);
    await write([{ ...FAST, bpm: 999 }]);
    expect(rules.current().rules[0]).toMatchObject({ bpm: 100 });
    expect(errors).toMatchObject([{ code: 'invalid_alerts', faults: [{ path: '/rules/0/bpm' }] }]);
    await rm(path);
    expect(rules.current().rules).toHaveLength(1);
    expect(errors).toMatchObject([{}, { code: 'alerts_unreadable' }]);
    await write([{ ...FAST, bpm: 110 }]);
    expect(rules.current().rules[0]).toMatchObject({ bpm: 110 });
    expect(errors).toHaveLength(2);
  });

  it.each([
    ['{', '', 'not JSON'],
    ['7', '', 'must be an object'],
    ['{"version":1}', '/rules', 'is missing'],
    ['{"version":1,"rules":[7]}', '/rules/0', 'must be an object'],
    ['{"version":1,"rules":[{"name":"a"}]}', '/rules/0/kind', 'above, below, silent or resting'],
    ['{"version":1,"rules":[{"name":"a","kind":"silent"}]}', '/rules/0/minutes', 'is missing'],
    ['{"version":1,"rules":[{"name":"a","kind":"silent","minutes":30,"bpm":1}]}', '/rules/0/bpm', 'is no field'],
    ['{"version":1,"rules":[{"name":"A b","kind":"silent","minutes":30}]}', '/rules/0/name', 'a-z'],
    [
      '{"version":1,"rules":[{"name":"a","kind":"silent","minutes":30,"user_ids":[]}]}',
      '/rules/0/user_ids',
      'left out',
    ],
    [
      '{"version":1,"rules":[{"name":"a","kind":"resting","bpm":5,"time_zone":"Mars"}]}',
      '/rules/0/time_zone',
      'Madrid',
    ],
    [
      '{"version":1,"rules":[{"name":"a","kind":"silent","minutes":9},{"name":"a","kind":"silent","minutes":9}]}',
      '/rules',
      'differ',
    ],
  ])('%s is refused', (text, path, words) => {
    expect(() => parseRules(text)).toThrow(
      expect.objectContaining({
        code: 'invalid_alerts',
        faults: [{ path, message: expect.stringContaining(words) }],
      }),
    );
  });
});

describe('what is stored and what is accepted', () => {
  const day = { userId: 'ana', start: NOW_MS - 86_400_000, end: NOW_MS };
  const rowsOf = async (from: Storage) => (await query({ storage: from }, day)).map(({ max, count }) => [max, count]);

  it('have one answer, which is that of both once all is stored, wherever and however often it is', async () => {
    const both = overlay(storage);
    const [early, late] = [minutesOf('ana', 900, [60, 61]), minutesOf('ana', 899, [90, 91])];
    await both.put(early);
    expect(await rowsOf(both.storage)).toEqual([
      [60, 3],
      [61, 3],
    ]);
    await writePart({ storage }, early);
    await both.put([...early, ...late]);
    const merged = await rowsOf(both.storage);
    expect(await rowsOf(storage)).not.toEqual(merged);
    await writePart({ storage }, late);
    expect(await rowsOf(storage)).toEqual(merged);
    expect(await rowsOf(both.storage)).toEqual(merged);
    await compact({ storage }, { all: true });
    expect(await rowsOf(both.storage)).toEqual(merged);
    await both.put([]);
    expect(await rowsOf(both.storage)).toEqual(merged);
  });

  it('are without what was erased, before it is stored too', async () => {
    const both = overlay(storage);
    await both.put(minutesOf('ana', 10, [60, 61]));
    expect(await rowsOf(both.storage)).toHaveLength(2);
    await erase({ storage }, { userId: 'ana' });
    expect(await rowsOf(both.storage)).toEqual([]);
  });

  it('set a damaged file aside as the storage does', async () => {
    await writePart({ storage }, minutesOf('ana', 9, [70]));
    const [date = '', user = ''] = [
      formatDate(NOW_MS),
      (await readdir(join(directory, 'data', formatDate(NOW_MS))))[0],
    ];
    const at = join(directory, 'data', date, user);
    const [part = ''] = (await readdir(at)).filter((name) => name.startsWith('part-'));
    await writeFile(join(at, part), 'no Parquet');
    const both = overlay(storage);
    await both.put(minutesOf('ana', 10, [60]));
    const outcomes: string[] = [];
    const rows = await query({ storage: both.storage }, day, {
      onDamage: ({ outcome }) => void outcomes.push(outcome),
    });
    expect([rows.length, outcomes]).toEqual([1, ['quarantined']]);
  });
});

it('keeps of what was accepted the newest, for ten minutes, and in bounds', () => {
  let now = NOW_MS;
  const pending = createPending({ nowMs: () => now }, 10);
  const add = (userId: string, length: number) =>
    pending.add(queuedFrom(minutesOf(userId, 10, Array(length).fill(70))), (id) => id !== 'nobody');
  const counts = () => ['ana', 'bo', 'nobody'].map((userId) => pending.of(userId, 0).length);
  add('ana', 1);
  add('nobody', 1);
  expect(counts()).toEqual([3, 0, 0]);
  now += 599_000;
  add('bo', 1);
  expect(counts()).toEqual([3, 3, 0]);
  now += 2_000;
  expect(counts()).toEqual([0, 3, 0]);
  add('ana', 2);
  expect(counts()).toEqual([6, 3, 0]);
  expect(pending.of('ana', NOW_MS - 9 * MINUTE_MS)).toHaveLength(3);
  add('ana', 1);
  expect(counts()).toEqual([9, 0, 0]);
  add('bo', 4);
  expect(counts()).toEqual([0, 0, 0]);
});

describe('those who watch a user', () => {
  const rule = { name: 'fast', kind: 'above' } as const;
  const opening = { type: 'opened', startMinute: 100, bpm: 150, baselineBpm: null } as const;
  const ending = { type: 'ended', startMinute: 100, endMinute: 110, bpm: 150 } as const;
  const opened = { number: 1, startMinute: 100, endMinute: null, openedMinute: 100 };
  const options = () => ({ nowMs: Date.now(), isTold: false });

  function watch(recallMs = 60_000) {
    let fails = 0;
    const feed = createAlertFeed(
      async () => {
        fails += 1;
        if (fails < 3) throw new Error('not yet');
        return place;
      },
      { lookMs: 5, recallMs },
    );
    const heard: string[] = [];
    const watched = feed.watch('ana', stop.signal);
    async function follow() {
      for (;;) {
        await watched.wait();
        heard.push(watched.take()?.type ?? '');
      }
    }
    void follow();
    return heard;
  }

  it('hear once of what is open, what opens, and what ends, also between two looks, and of nobody else', async () => {
    await publish(place, { rule, userId: 'ana' }, { last: null, transition: opening }, options());
    await publish(place, { rule, userId: 'ben' }, { last: null, transition: opening }, options());
    const heard = watch();
    await expect.poll(() => heard).toEqual(['alert.opened']);
    await publish(place, { rule, userId: 'ana' }, { last: opened, transition: ending }, options());
    await expect.poll(() => heard).toEqual(['alert.opened', 'alert.ended']);
    const brief = { rule: { ...rule, name: 'brief' }, userId: 'ana' };
    await publish(place, brief, { last: null, transition: opening }, options());
    await publish(place, brief, { last: opened, transition: ending }, options());
    await expect.poll(() => heard.length).toBe(4);
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(heard).toEqual(['alert.opened', 'alert.ended', 'alert.opened', 'alert.ended']);
  });

  it('hear nothing of what was over long ago', async () => {
    await publish(place, { rule, userId: 'ana' }, { last: null, transition: opening }, options());
    await publish(place, { rule, userId: 'ana' }, { last: opened, transition: ending }, { ...options(), nowMs: 0 });
    const heard = watch();
    await publish(
      place,
      { rule: { ...rule, name: 'new' }, userId: 'ana' },
      { last: null, transition: opening },
      options(),
    );
    await expect.poll(() => heard).toEqual(['alert.opened']);
  });
});
