/** How long keys live, what replaces them, when they were used, and what they may have at once. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createAdmission,
  createKey,
  isEnding,
  keyLimitsOf,
  openKeyRing,
  readKeys,
  readLastUsed,
  rotateKey,
} from '../../../src/keys/index.js';
import { keyIssues } from '../../../src/ops/health-issues.js';
import { createQuota, createSemaphore } from '../../../src/shares/index.js';
import { MEMORY_DIRECTORY } from '../../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2024, 0, 15);
const INPUT = { name: 'a', scopes: ['ingest'], userIds: null, expiresMs: null } as const;

function keysFile(): string {
  const directory = mkdtempSync(join(MEMORY_DIRECTORY, 'hrm-keys-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'keys.json');
}

describe('a key', () => {
  it('of which nothing new is said is written as versions before wrote it', async () => {
    const file = keysFile();
    await createKey(file, INPUT);
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')).keys[0])).toEqual([
      'id',
      'name',
      'hash',
      'scopes',
      'user_ids',
      'created_ms',
      'expires_ms',
    ]);
  });

  it.each([
    [{ deviceIds: ['w'], scopes: ['ingest', 'query'] as const }, '/device_ids'],
    [{ deviceIds: [] }, '/device_ids'],
    [{ limits: keyLimitsOf(['requests=0']) }, '/limits'],
    [{ limits: keyLimitsOf(['requests']) }, '/limits'],
    [{ limits: keyLimitsOf(['body_bytes=1000']) }, '/limits'],
    [{ limits: keyLimitsOf(['nothing=3']) }, '/limits'],
  ])('with %j is refused', async (input, path) => {
    await expect(createKey(keysFile(), { ...INPUT, ...input })).rejects.toMatchObject({
      code: 'invalid_key',
      faults: [{ path }],
    });
  });

  it.each([
    [null, NOW_MS, false],
    [100 * DAY_MS, 0, false],
    [100 * DAY_MS, 92 * DAY_MS, false],
    [100 * DAY_MS, 94 * DAY_MS, true],
    [100 * DAY_MS, 100 * DAY_MS, false],
    [DAY_MS, DAY_MS / 2, false],
    [DAY_MS, 0.95 * DAY_MS, true],
  ])('that ends at %s is about to at %s: %s', (expires_ms, nowMs, expected) => {
    const key = { id: '', name: '', hash: '', scopes: ['ingest'], user_ids: null, created_ms: 0, expires_ms } as never;
    expect(isEnding(key, nowMs)).toBe(expected);
    expect(isEnding({ ...(key as object), replaced_by: 'x' } as never, nowMs)).toBe(false);
  });
});

describe('a key is replaced', () => {
  it('by one that may do the same and lives as long, and ends after the overlap', async () => {
    const file = keysFile();
    const input = {
      ...INPUT,
      userIds: ['ana'],
      deviceIds: ['w'],
      limits: { streams: 2 },
      expiresMs: NOW_MS + 90 * DAY_MS,
    };
    const old = await createKey(file, input, NOW_MS);
    const other = await createKey(file, INPUT, NOW_MS);
    const laterMs = NOW_MS + 80 * DAY_MS;
    const made = await rotateKey(file, old.record.id, { overlapMs: DAY_MS, nowMs: laterMs });
    const { id, hash, ...same } = old.record;
    expect(made.record).toEqual({
      ...same,
      id: expect.not.stringContaining(id),
      hash: expect.not.stringContaining(hash),
      created_ms: laterMs,
      expires_ms: laterMs + 90 * DAY_MS,
    });
    const ended = { ...old.record, expires_ms: laterMs + DAY_MS, replaced_by: made.record.id };
    expect(readKeys(file)).toEqual([ended, made.record, other.record]);
    const ring = openKeyRing(file, { clock: { nowMs: () => laterMs + DAY_MS - 1 } });
    expect([old, made].map((key) => ring.find(key.token)?.id)).toEqual([id, made.record.id]);
    const later = openKeyRing(file, { clock: { nowMs: () => laterMs + DAY_MS } });
    expect([old, made].map((key) => later.find(key.token)?.id)).toEqual([undefined, made.record.id]);
    await made.undo();
    expect(readKeys(file)).toEqual([old.record, other.record]);
  });

  it('never by a later end of the old one, and not where there is none', async () => {
    const file = keysFile();
    const { record } = await createKey(file, { ...INPUT, expiresMs: NOW_MS + DAY_MS }, NOW_MS);
    expect((await rotateKey(file, record.id, { overlapMs: 7 * DAY_MS, nowMs: NOW_MS })).replaced.expires_ms).toBe(
      NOW_MS + DAY_MS,
    );
    await expect(rotateKey(file, 'nokey', { overlapMs: 0 })).rejects.toMatchObject({ code: 'key_unknown' });
  });
});

it('a ring says how many keys end soon, and a health check that somebody should look', async () => {
  const file = keysFile();
  await createKey(file, { ...INPUT, expiresMs: NOW_MS + 100 * DAY_MS }, NOW_MS);
  await createKey(file, INPUT, NOW_MS);
  expect(openKeyRing(file, { clock: { nowMs: () => NOW_MS } }).ending()).toBe(0);
  expect(openKeyRing(file, { clock: { nowMs: () => NOW_MS + 95 * DAY_MS } }).ending()).toBe(1);
  expect(keyIssues(null, 1)).toMatchObject([{ code: 'keys_ending', severity: 'degraded' }]);
  expect(keyIssues(null, 0)).toEqual([]);
  expect(keyIssues('keys_lost', 1)).toMatchObject([{ code: 'keys_lost' }]);
});

describe('the last use of a key', () => {
  it('is kept to the hour, in one write for many, by several processes', async () => {
    const file = keysFile();
    const [a, b] = [await createKey(file, INPUT), await createKey(file, INPUT)];
    const rings = [NOW_MS + 1, NOW_MS + 2 * 3_600_000 + 5].map((nowMs) =>
      openKeyRing(file, { clock: { nowMs: () => nowMs } }),
    );
    for (const ring of rings) for (let i = 0; i < 100; i += 1) ring.noteUse(a.record.id);
    rings[0]?.noteUse(b.record.id);
    rings[0]?.noteUse('gone');
    expect(readLastUsed(file).size).toBe(0);
    await expect
      .poll(() => [...readLastUsed(file)].sort())
      .toEqual(
        [
          [a.record.id, NOW_MS + 2 * 3_600_000],
          [b.record.id, NOW_MS],
        ].sort(),
      );
  });

  it('is nothing that a request fails for', async () => {
    const file = keysFile();
    const { record } = await createKey(file, INPUT);
    writeFileSync(`${file}.used`, 'no file of uses');
    expect(readLastUsed(file).size).toBe(0);
    const ring = openKeyRing(file);
    ring.noteUse(record.id);
    await expect.poll(() => readLastUsed(file).size).toBe(1);
  });
});

describe('what a key may have', () => {
  it('is counted by its own rate', async () => {
    const file = keysFile();
    const clock = { nowMs: () => NOW_MS };
    const few = await createKey(file, { ...INPUT, limits: { requests: 2 } });
    const usual = await createKey(file, INPUT);
    const admission = createAdmission({ keys: openKeyRing(file, { clock }), clock }, { rateLimit: 5 });
    const ask = (token: string) => admission.admit({ token, requireToken: () => token }, 'ingest').rate?.left;
    expect([ask(few.token), ask(few.token)]).toEqual([1, 0]);
    expect(() => ask(few.token)).toThrow('2 requests a minute');
    expect(ask(usual.token)).toBe(4);
  });

  it('is less than the share of all, and never more', () => {
    const quota = createQuota(100);
    expect(quota.atMost(10).acquire('a', 11)).toBe(false);
    expect(quota.atMost(10).acquire('a', 10)).toBe(true);
    expect(quota.atMost(10).hasRoom('a', 1)).toBe(false);
    expect(quota.atMost(1_000).acquire('a', 16)).toBe(false);
    expect(quota.atMost(undefined).acquire('a', 15)).toBe(true);
    quota.release('a', 25);
    expect(quota.acquire('a', 25)).toBe(true);
    const places = createSemaphore(8, 'too many');
    const free = places.acquire('b', 1);
    expect(() => places.acquire('b', 1)).toThrow('too many');
    free();
    places.acquire('b', 1);
    places.acquire('c');
    places.acquire('c');
  });
});
