import { chmod, chown, mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePart } from 'hrm-core';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { createKey } from 'hrm-core/keys';
import { openStorage } from 'hrm-core/open';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.js';
import { startRedis } from '../../../test/support/redis-server.js';
import { makeSandbox, ndjson, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

interface Report {
  readonly code: number | null;
  readonly status: string;
  /** `level check/code`, of those that are not ok. */
  readonly found: readonly string[];
  readonly all: readonly string[];
  readonly text: string;
}

async function diagnose(env: Record<string, string> = {}): Promise<Report> {
  const { code, stdout, stderr } = await sandbox.run(['doctor', '--json'], { env });
  expect(stderr).toBe('');
  const { status, results } = JSON.parse(stdout);
  const names = (results as Record<string, string | null>[]).map((result) => {
    expect(Object.keys(result)).toEqual(['check', 'level', 'code', 'message', 'advice']);
    expect(result.advice === null).toBe(result.level === 'ok');
    return `${result.level} ${result.check}/${result.code}`;
  });
  const found = names.filter((name) => !name.startsWith('ok '));
  expect(status).toBe(worstOf(found));
  // How busy and how full the disk is, is the machine's business.
  const ofTests = found.filter((name) => !/sync_slow|space_low/.test(name));
  return { code, status: worstOf(ofTests), found: ofTests, all: names, text: stdout };
}

function worstOf(found: readonly string[]): string {
  return ['problem', 'warning'].find((level) => found.some((name) => name.startsWith(level))) ?? 'ok';
}

async function store(): Promise<void> {
  await sandbox.run(['import', '-'], { input: ndjson(10) });
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
}

describe('hrm doctor', () => {
  it('finds nothing where all is well, and leaves nothing behind', async () => {
    await store();
    const before = await readdir(sandbox.dataDir, { recursive: true });
    const report = await diagnose();
    expect(report).toMatchObject({ code: 0, status: 'ok', found: [] });
    for (const name of ['node/node', 'keys/keys', 'clock/file_clock', 'data/permissions', 'queue/depth'])
      expect(report.all).toContain(`ok ${name}`);
    for (const name of ['data/sync', 'data/space']) expect(report.all.join()).toContain(name);
    expect(report.text).not.toContain('ana');
    expect((await readdir(sandbox.dataDir, { recursive: true })).sort()).toEqual(before.sort());
    const people = await sandbox.run(['doctor']);
    expect(people.code).toBe(0);
    expect(people.stdout).toMatch(/^ok {7}node {6}Node\.js [\s\S]*\n0 problems, \d warnings?\n$/);
  });

  it('of nothing says how to begin, and makes nothing', async () => {
    const report = await diagnose();
    expect(report).toMatchObject({ code: 0, found: ['warning data/data_missing', 'warning queue/queue_missing'] });
    expect(await readdir(sandbox.directory)).toEqual([]);
  });

  it('of empty directories says how to begin too, and looks at the room and the rights there', async () => {
    for (const directory of [sandbox.dataDir, sandbox.queueDir]) await mkdir(directory, { mode: 0o700 });
    const report = await diagnose();
    expect(report).toMatchObject({ code: 0, found: ['warning data/data_missing', 'warning queue/queue_missing'] });
    expect(report.all.filter((name) => name.includes('/space'))).toHaveLength(2);
    await chmod(sandbox.dataDir, 0o777);
    const open = await diagnose();
    expect(open).toMatchObject({ code: 3, status: 'problem' });
    expect(open.found).toContain('problem data/permissions');
    expect(open.text).toContain('others may read and write 1 directory and 0 files');
    const env = { HRM_DATA_DIR: join(sandbox.directory, 'a-file', 'data') };
    await writeFile(join(sandbox.directory, 'a-file'), '');
    expect((await diagnose(env)).found.join()).toMatch(/problem data\/(?:place_unwritable|storage_unavailable)/);
  });

  it('finds what others may read, what a crash left, what was set aside, and what waits, and says what to do', async () => {
    await store();
    await chmod(join(sandbox.dataDir, '20240115'), 0o755);
    await chmod(join(sandbox.queueDir, (await readdir(sandbox.queueDir))[0] ?? ''), 0o644);
    const leftover = join(sandbox.dataDir, '.tmp', 'left.tmp');
    await writeFile(leftover, '');
    await utimes(leftover, 0, 0);
    await mkdir(join(sandbox.dataDir, '.quarantine', 'x'));
    // As they are that nobody has stored for two minutes.
    const old = { nowMs: () => Date.now() - 120_000 };
    const queue = await openEmbeddedQueue({ directory: sandbox.queueDir, clock: old });
    await queue.push([{ bytes: Buffer.from('any'), readings: 1 }]);
    await queue.close();
    const report = await diagnose({ HRM_BATCH_MAX_AGE_MS: '10', HRM_LEASE_MS: '100' });
    expect(report.found).toEqual([
      'warning data/permissions',
      'warning data/stale_temporaries',
      'warning data/quarantine',
      'warning queue/overdue',
      'warning queue/permissions',
    ]);
    expect(report).toMatchObject({ code: 0, status: 'warning' });
    const { stdout } = await sandbox.run(['doctor']);
    expect(stdout).toContain(`do: run chmod -R go= ${sandbox.dataDir}\n`);
    expect(stdout).toContain('do: run hrm verify');
  });

  it('ends with 3 where nothing can be stored', async () => {
    await writeFile(join(sandbox.directory, 'data'), 'no directory');
    const report = await diagnose();
    expect(report).toMatchObject({ code: 3, status: 'problem' });
    expect(report.found[0]).toMatch(/^problem data\/storage_/);
  });

  it('tells of keys that keep a server from starting, that others may read, that have ended', async () => {
    await store();
    const keysFile = join(sandbox.directory, '.hrm', 'keys.json');
    expect(await diagnose({ HRM_HOST: '0.0.0.0' })).toMatchObject({ code: 3, found: ['problem keys/keys_missing'] });
    expect(await diagnose({ HRM_HOST: '0.0.0.0', HRM_ALLOW_ANONYMOUS: 'true' })).toMatchObject({
      code: 0,
      found: ['warning settings/anonymous'],
    });
    await createKey(keysFile, { name: 'a', scopes: ['query'], userIds: null, expiresMs: Date.now() - 1 });
    expect((await diagnose()).found).toEqual(['warning keys/keys_none']);
    await sandbox.run(['keys', 'create', '--name', 'b', '--scope', 'query']);
    await chmod(keysFile, 0o640);
    expect((await diagnose({ HRM_HOST: '0.0.0.0' })).found).toEqual([
      'warning keys/permissions',
      'warning keys/keys_ended',
    ]);
    await chmod(keysFile, 0o666);
    const open = await diagnose();
    expect(open.found[0]).toBe('problem keys/permissions');
    expect(open.text).toContain('others may read and write the file of keys');
    await writeFile(keysFile, '{');
    expect(await diagnose()).toMatchObject({ code: 3, found: ['problem keys/keys_damaged'] });
  });

  it('tells of keys that belong to another user', async () => {
    await store();
    const keysFile = join(sandbox.directory, '.hrm', 'keys.json');
    await createKey(keysFile, { name: 'a', scopes: ['query'], userIds: null, expiresMs: null });
    expect((await diagnose()).found).toEqual([]);
    // Root gives them away; others look at them as somebody else.
    if (process.geteuid?.() === 0) await chown(keysFile, 4_321, 0);
    else vi.spyOn(process, 'geteuid').mockReturnValue((await stat(keysFile)).uid + 1);
    onTestFinished(() => void vi.restoreAllMocks());
    const { found, text } = await diagnose();
    expect(found).toEqual(['warning keys/owner']);
    expect(text).toContain(`keys.json belongs to user ${(await stat(keysFile)).uid}, who can therefore make keys`);
  });

  it('tells of directories around data, queue and keys that everybody may write to', async () => {
    await store();
    await createKey(join(sandbox.directory, '.hrm', 'keys.json'), {
      name: 'a',
      scopes: ['query'],
      userIds: null,
      expiresMs: null,
    });
    await chmod(join(sandbox.directory, '.hrm'), 0o777);
    expect((await diagnose()).found).toEqual(['problem keys/directory_writable']);
    await chmod(join(sandbox.directory, '.hrm'), 0o700);
    await chmod(sandbox.directory, 0o777);
    const all = ['keys', 'data', 'queue'].map((check) => `problem ${check}/directory_writable`);
    expect((await diagnose()).found).toEqual(all);
    // Where nobody may move what is another's, nothing is wrong.
    await chmod(sandbox.directory, 0o1777);
    expect((await diagnose()).found).toEqual([]);
  });

  it('tells of a config file with a password that everybody may read', async () => {
    await store();
    const config = join(sandbox.directory, 'hrm.config.json');
    await writeFile(config, JSON.stringify({ redisUrl: 'redis://:hunter2@127.0.0.1:1' }));
    await chmod(config, 0o644);
    const open = await diagnose();
    expect(open.found).toContain('warning settings/config_readable');
    expect(open.text).not.toContain('hunter2');
    await chmod(config, 0o640);
    expect((await diagnose()).found).not.toContain('warning settings/config_readable');
    await writeFile(config, JSON.stringify({ redisUrl: 'redis://127.0.0.1:1' }));
    await chmod(config, 0o644);
    expect((await diagnose()).found).not.toContain('warning settings/config_readable');
  });

  it('tells of what stands in the place of a date or of a user, without the user', async () => {
    await store();
    await writeFile(join(sandbox.dataDir, '20240116'), '', { mode: 0o600 });
    await writeFile(join(sandbox.dataDir, '20240115', 'anastasia'), '', { mode: 0o600 });
    const report = await diagnose();
    expect(report).toMatchObject({ code: 3, found: ['problem data/orphans'] });
    expect(report.text).toContain('2 entries among the directories of dates or users');
    expect(report.text).not.toContain('anastasia');
  });

  it('tells which store it is, and of one that has no identity', async () => {
    await store();
    expect((await diagnose()).all).toContain('ok data/identity');
    await rm(join(sandbox.dataDir, '.store'));
    // To the queue, which remembers the store, it may be any other.
    expect((await diagnose()).found).toEqual(['problem data/storage_replaced']);
    expect((await diagnose({ HRM_QUEUE_DIR: join(sandbox.directory, 'other-queue') })).found).toContain(
      'warning data/identity_missing',
    );
    await sandbox.run(['drain', '--adopt']);
    expect((await diagnose()).found).toEqual([]);
  });

  it('tells of readings that were received ahead of the clock, and until when corrections are in vain', async () => {
    const storage = await openStorage({ dataDir: sandbox.dataDir });
    const nowMs = Date.now();
    const reading = { userId: 'ana', deviceId: 'watch', timestampMs: nowMs, heartRate: 60 };
    await writePart({ storage }, [{ ...reading, receivedMs: nowMs }]);
    // Not of all days: it has looked at these alone.
    const well = await diagnose();
    expect(well.all).toContain('ok clock/received');
    expect(well.text).toContain('no reading of yesterday, today and later days was received ahead of it');
    await writePart({ storage }, [{ ...reading, receivedMs: nowMs + 3_600_000 }]);
    await storage.close();
    const report = await diagnose();
    expect(report.found).toContain('warning clock/received_ahead');
    expect(report.text).toContain('1 reading of yesterday, today and later days was received ahead');
    expect(report.text).not.toContain('ana');
  });

  it('tells what of a Redis could lose readings, and what to set', async () => {
    const lax = await startRedis({ appendfsync: 'everysec', config: ['maxmemory-policy allkeys-lru'] });
    const report = await diagnose({ REDIS_URL: lax.url });
    expect(report.found).toEqual([
      'warning data/data_missing',
      'warning redis/redis_evicts',
      'warning redis/redis_fsync',
    ]);
    for (const name of ['version', 'round_trip', 'redis_clock']) expect(report.all).toContain(`ok redis/${name}`);
    const { stdout } = await sandbox.run(['doctor'], { env: { REDIS_URL: lax.url } });
    expect(stdout).toContain('do: set appendfsync always\n');
    const safe = await startRedis();
    expect((await diagnose({ REDIS_URL: safe.url })).all).toContain('ok redis/durability');
  });

  it.runIf(process.platform === 'linux')('finds a Redis whose clock is another', async () => {
    const clock = await createFakeClock(sandbox.directory, 'redis');
    const redis = await startRedis({ env: clock.env });
    await clock.setAhead(-90_000);
    const report = await diagnose({ REDIS_URL: redis.url });
    expect(report.found).toContain('warning redis/redis_clock_skew');
    expect(report.text).toContain("s behind this machine's");
  });

  it('advises nothing that does not help: neither to start what runs, nor to look for another queue', async () => {
    const redis = await startRedis();
    await redis.cli('SET', 'heartbeat:queue', 'a string');
    await writeFile(join(sandbox.directory, 'file'), '');
    for (const [env, code] of [
      [{ REDIS_URL: redis.url }, 'queue_layout'],
      [{ HRM_QUEUE_DIR: join(sandbox.directory, 'file/queue') }, 'queue_unavailable'],
    ] as const) {
      const { found, text } = await diagnose(env);
      expect(found).toContain(`problem queue/${code}`);
      expect(text).not.toContain('start it');
      expect(text).toContain('mend that first: no reading can be accepted or stored');
    }
  });

  it('ends with 3 where Redis is not there, and shows no password', async () => {
    const report = await diagnose({ REDIS_URL: 'redis://:hunter2@127.0.0.1:1' });
    expect(report).toMatchObject({ code: 3, status: 'problem' });
    expect(report.found).toContain('problem queue/queue_unavailable');
    expect(report.text).not.toContain('hunter2');
  });
});
