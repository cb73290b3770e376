/** Who works on a store, as each process says it and any other reads it: in a directory and in a bucket. */
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openProcessDirectory } from '../../src/drivers/processes/directory.js';
import { type CompactSummary, type ProcessPlace, type SeenProcesses, startPresence } from '../../src/index.js';
import { createFakeS3 } from '../support/fake-s3.js';
import { openFakeProcesses } from '../support/s3-storage.js';

afterEach(() => vi.useRealTimers());

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'hrm-processes-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Places that are one: each process has its own handle. */
type OpenPlaces = () => () => ProcessPlace;

const PLACES: Readonly<Record<string, OpenPlaces>> = {
  'a directory': () => {
    const path = temporary();
    return () => openProcessDirectory(path);
  },
  'a bucket': () => {
    const fake = createFakeS3();
    return () => openFakeProcesses(fake);
  },
};

const QUICK = { version: '1.2.3', beatMs: 5, lookMs: 0 };

function start(place: ProcessPlace, parts: Parameters<typeof startPresence>[1]['parts']) {
  const stop = new AbortController();
  const presence = startPresence(async () => place, { ...QUICK, parts }, stop);
  async function end(): Promise<void> {
    stop.abort();
    await presence.done;
  }
  onTestFinished(end);
  return { ...presence, end };
}

/** Looks until somebody sees it. */
async function until(presence: { seen(): { value: SeenProcesses } | null }, isSeen: (seen: SeenProcesses) => boolean) {
  let found: SeenProcesses | null = null;
  await expect
    .poll(() => {
      found = presence.seen()?.value ?? null;
      return found !== null && isSeen(found);
    })
    .toBe(true);
  return found as unknown as SeenProcesses;
}

const statesOf = ({ processes }: SeenProcesses) => processes.map(({ parts, state }) => `${parts.join('+')} ${state}`);

const SUMMARY = {
  partitions: 7,
  left: 0,
  compacted: 2,
  merged: 9,
  readings: 100,
  swept: 3,
  failures: [],
} as unknown as CompactSummary;

describe.each(Object.entries(PLACES))('processes in %s', (_, open) => {
  it('see one another, and who has ended', async () => {
    const handle = open();
    const api = start(handle(), ['api']);
    const loops = start(handle(), ['consumer', 'compacter']);
    const seen = await until(api, ({ processes }) => processes.length === 2);
    expect(statesOf(seen).sort()).toEqual(['api running', 'consumer+compacter running']);
    const [self] = seen.processes.filter(({ isSelf }) => isSelf);
    expect(self).toMatchObject({ parts: ['api'], pid: process.pid, version: '1.2.3' });
    await loops.end();
    const after = await until(api, (found) => statesOf(found).includes('consumer+compacter stopped'));
    expect(statesOf(after)).toEqual(['api running', 'consumer+compacter stopped']);
  });

  it('know of the last compaction, whoever ran it, also once that one has ended', async () => {
    const handle = open();
    const api = start(handle(), ['api']);
    expect(api.compaction()).toBeNull();
    const cron = start(handle(), ['compacter']);
    cron.compacted(SUMMARY);
    const own = cron.compaction();
    expect(own?.record).toMatchObject({ partitions: 7, merged: 9, failures: 0, pid: process.pid });
    await cron.end();
    await expect.poll(() => api.compaction()?.record.readings).toBe(100);
    expect(Math.abs((api.compaction()?.endedMs ?? 0) - (own?.endedMs ?? 0))).toBeLessThan(5_000);
  });

  it('live by the clock of the disk or the service: one that is wrong here changes nothing', async () => {
    const handle = open();
    const loops = start(handle(), ['consumer']);
    const api = start(handle(), ['api']);
    await until(api, ({ processes }) => processes.length === 2);
    for (const aheadMs of [3_600_000, -3_600_000]) {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + aheadMs });
      const seen = await until(api, ({ processes }) => processes.length === 2);
      expect(statesOf(seen).sort()).toEqual(['api running', 'consumer running']);
      vi.useRealTimers();
    }
    await loops.end();
  });

  it('are not kept by what somebody else has put there', async () => {
    const place = open()();
    for (const text of ['', '{', '[]', '{"parts":["api"]}', `{"parts":${'['.repeat(1_000)}`])
      await place.put(`other-${text.length}.json`, text);
    await place.put('last-compaction.json', '{"partitions":-1}');
    const api = start(place, ['api']);
    const seen = await until(api, ({ processes }) => processes.length > 0);
    expect([statesOf(seen), seen.compaction]).toEqual([['api running'], null]);
  });
});

describe('a process that was killed', () => {
  /** A file as it left it, so long ago. */
  function leave(path: string, name: string, ageMs: number, stopped = false): void {
    const record = { host: 'h', pid: 1, version: '1', parts: ['consumer'], up_ms: 1_000, stopped };
    const file = join(path, '.processes', `${name}.json`);
    writeFileSync(file, JSON.stringify(record));
    const at = new Date(Date.now() - ageMs);
    utimesSync(file, at, at);
  }

  it('is gone after two minutes and forgotten after a day; one that ended, after an hour', async () => {
    const path = temporary();
    const place = openProcessDirectory(path);
    await place.put('x.json', '');
    leave(path, 'silent', 115_000);
    leave(path, 'gone', 125_000);
    leave(path, 'long-gone', 86_390_000);
    leave(path, 'forgotten', 86_410_000);
    leave(path, 'ended', 3_590_000, true);
    leave(path, 'ended-long-ago', 3_610_000, true);
    const api = start(place, ['api']);
    const seen = await until(api, ({ processes }) => processes.length >= 5);
    expect(statesOf(seen)).toEqual([
      'api running',
      'consumer running',
      'consumer gone',
      'consumer stopped',
      'consumer gone',
    ]);
    // What is forgotten goes, and no more.
    await expect.poll(() => readdirSync(join(path, '.processes')).length).toBe(6);
    expect(readdirSync(join(path, '.processes')).filter((name) => /forgotten|long-ago/.test(name))).toEqual([]);
  });

  it('leaves room for others: of very many the oldest go', async () => {
    const path = temporary();
    await openProcessDirectory(path).put('x.json', '');
    for (let n = 0; n < 400; n += 1) leave(path, `crashed-${n}`, 200_000 + n * 1_000);
    start(openProcessDirectory(path), ['api']);
    await expect.poll(() => readdirSync(join(path, '.processes')).length, { timeout: 10_000 }).toBeLessThan(260);
    const left = readdirSync(join(path, '.processes'));
    expect([left.includes('crashed-0.json'), left.includes('crashed-399.json')]).toEqual([true, false]);
  });
});

describe('a place that fails', () => {
  it('matters to nobody, whichever call fails, and is used again once it works', async () => {
    const real = openProcessDirectory(temporary());
    for (const broken of ['put', 'list', 'remove'] as const) {
      let isBroken = true;
      let tries = 0;
      const fail = (name: string) => {
        if (name !== broken || !isBroken) return;
        tries += 1;
        throw Object.assign(new Error('EIO'), { code: 'EIO' });
      };
      const place: ProcessPlace = {
        async put(...args) {
          fail('put');
          await real.put(...args);
        },
        async list() {
          fail('list');
          return await real.list();
        },
        async remove(...args) {
          fail('remove');
          await real.remove(...args);
        },
      };
      const api = start(place, ['api']);
      await expect
        .poll(() => {
          api.seen();
          return tries;
        })
        .toBeGreaterThan(0);
      isBroken = false;
      await until(api, ({ processes }) => processes.some(({ isSelf }) => isSelf));
      await api.end();
    }
  });

  it('that hangs is asked once, and holds up no end for longer than two seconds', async () => {
    let calls = 0;
    const hang = async () => {
      calls += 1;
      return await new Promise<never>(() => undefined);
    };
    const stop = new AbortController();
    const presence = startPresence(hang, { ...QUICK, parts: ['api'] }, stop);
    for (let n = 0; n < 5; n += 1) {
      expect(presence.seen()).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // One for its own sign of life, and one for the look.
    expect(calls).toBe(2);
    const beganMs = performance.now();
    stop.abort();
    await presence.done;
    expect(performance.now() - beganMs).toBeLessThan(3_000);
  });

  it('without a data directory makes none', async () => {
    const path = temporary();
    const api = start(openProcessDirectory(join(path, 'missing')), ['api']);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await api.end();
    expect(readdirSync(path)).toEqual([]);
  });
});

it('costs a bucket a PUT each time, and a look a listing and what has changed', async () => {
  const fake = createFakeS3();
  const place = openFakeProcesses(fake);
  await place.put('a.json', '{}');
  await place.put('b.json', '{}');
  await place.list();
  expect(fake.counts).toEqual({ PUT: 2, LIST: 1, GET: 2 });
  await place.put('a.json', '{"a":1}');
  expect((await place.list()).map(({ text }) => text)).toEqual(['{"a":1}', '{}']);
  expect(fake.counts).toEqual({ PUT: 3, LIST: 2, GET: 3 });
});
