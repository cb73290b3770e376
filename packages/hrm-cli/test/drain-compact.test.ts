import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

describe('hrm drain', () => {
  it('stores one batch, or all; an empty queue is no error', async () => {
    const empty = {
      batches: 0,
      claimed: 0,
      stored: 0,
      parts: 0,
      dead_lettered: 0,
      stale: 0,
      postponed: 0,
      failures: [],
      left: 0,
    };
    expect(await sandbox.run(['drain', '--json'])).toEqual({
      code: 0,
      stdout: `${JSON.stringify(empty)}\n`,
      stderr: '',
    });
    await sandbox.run(['import', '-'], { input: ndjson(5_000) });
    const flags = ['--batch-max-readings', '1000', '--json'];
    const one = JSON.parse((await sandbox.run(['drain', ...flags])).stdout);
    expect(one).toEqual({ ...empty, batches: 1, claimed: 1_000, stored: 1_000, parts: 1, left: 4_000 });
    const { stdout, stderr } = await sandbox.run(['drain', '--all', ...flags]);
    expect(JSON.parse(stdout)).toEqual({ ...empty, batches: 4, claimed: 4_000, stored: 4_000, parts: 4 });
    // Progress is for terminals.
    expect(stderr).toBe('');
    const all = await sandbox.run(['drain', '--all']);
    expect(all).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^batches +0\nreadings claimed +0\n/),
      stderr: '',
    });
  });

  it('ends with 3 when the storage cannot be opened, and the readings stay queued', async () => {
    await sandbox.run(['import', '-'], { input: ndjson(5) });
    const file = join(sandbox.directory, 'file');
    await writeFile(file, '');
    expect((await sandbox.run(['drain'], { env: { HRM_DATA_DIR: join(file, 'data') } })).code).toBe(3);
    expect(JSON.parse((await sandbox.run(['drain', '--json'])).stdout).stored).toBe(5);
  });
});

describe('where the disk of the data is not mounted', () => {
  const minutes = async () => JSON.parse((await sandbox.run(queryArgs('ana', '--json'))).stdout).data.length;

  /** Stores some readings, queues others, and leaves an empty mount point. */
  async function unmount(): Promise<void> {
    await sandbox.run(['import', '-'], { input: ndjson(120) });
    await sandbox.run(['drain', '--all']);
    await sandbox.run(['import', '-'], { input: ndjson(120, { device_id: 'late' }) });
    await rename(sandbox.dataDir, `${sandbox.dataDir}.disk`);
    await mkdir(sandbox.dataDir, { mode: 0o700 });
  }

  it('every command that would store, or tells how the system is, ends with 3 and makes nothing', async () => {
    await unmount();
    for (const args of [
      ['drain'],
      ['drain', '--all'],
      ['health'],
      ['doctor'],
      ['compact'],
      ['verify'],
      queryArgs('ana'),
    ]) {
      const { code, stdout, stderr } = await sandbox.run(args);
      expect({ args, code }).toEqual({ args, code: 3 });
      expect(stdout + stderr, args.join(' ')).toMatch(/mount its disk|mount the disk/);
      expect(await readdir(sandbox.dataDir), args.join(' ')).toEqual([]);
    }
    for (const parts of [[], ['--only', 'api'], ['--only', 'consumer'], ['--only', 'compacter']]) {
      const { code, stderr } = await sandbox.runProcess(['serve', ...parts], { env: { HRM_PORT: '0' } });
      expect({ parts, code }).toEqual({ parts, code: 3 });
      expect(stderr).toContain('mount the disk');
      expect(await readdir(sandbox.dataDir), parts.join(' ')).toEqual([]);
    }
    await rmdir(sandbox.dataDir);
    await rename(`${sandbox.dataDir}.disk`, sandbox.dataDir);
    const { stdout } = await sandbox.run(['drain', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ stored: 120, left: 0 });
    expect((await sandbox.run(['doctor'])).code).toBe(0);
  });

  it('hrm drain --adopt goes on with what is there, and from then on every command does', async () => {
    await unmount();
    const { code, stdout } = await sandbox.run(['drain', '--adopt', '--json']);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, stored: 120 });
    await sandbox.run(['import', '-'], { input: ndjson(1) });
    expect((await sandbox.run(['drain'])).code).toBe(0);
    expect((await sandbox.run(['health'])).code).toBe(0);
    expect(await minutes()).toBeGreaterThan(0);
    await rm(sandbox.dataDir, { recursive: true });
    await rename(`${sandbox.dataDir}.disk`, sandbox.dataDir);
    expect((await sandbox.run(['drain'])).code).toBe(3);
    expect((await sandbox.run(['doctor'])).code).toBe(3);
  });
});

describe('hrm drain, where one partition cannot be written', () => {
  // A file where the user's directory belongs: nobody can write there, root neither.
  async function block(): Promise<string> {
    await sandbox.run(['import', '-'], { input: ndjson(10) + ndjson(5, { user_id: 'bo' }) });
    const path = join(sandbox.dataDir, '20240115', 'bo');
    await mkdir(join(sandbox.dataDir, '20240115'), { recursive: true });
    await writeFile(path, '');
    return path;
  }
  const failures = [{ date: '20240115', directory: 'bo', code: expect.any(String), message: expect.any(String) }];

  it.each([[[]], [['--all']]])('stores the rest, says what it could not, and ends with 3 (drain %j)', async (flags) => {
    const path = await block();
    const { code, stdout } = await sandbox.run(['drain', '--json', ...flags]);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ batches: 1, claimed: 15, stored: 10, postponed: 5, failures, left: 5 });
    const people = await sandbox.run(['drain', ...flags]);
    expect(people.code).toBe(3);
    expect(people.stdout).toMatch(/readings put back: cannot be stored now +5\n20240115\/bo: .+\n$/);
    await rm(path);
    const healed = await sandbox.run(['drain', '--json', ...flags]);
    expect(healed.code).toBe(0);
    expect(JSON.parse(healed.stdout)).toMatchObject({ stored: 5, postponed: 0, failures: [], left: 0 });
  });
});

describe('hrm compact', () => {
  async function fill(): Promise<void> {
    await sandbox.run(['import', '-'], { input: ndjson(3_000) + ndjson(10, { user_id: 'bo' }) });
    await sandbox.run(['drain', '--all', '--batch-max-readings', '1000']);
  }

  it('ends with 3 where there is no data directory, and begins no store there', async () => {
    const { code, stderr } = await sandbox.run(['compact']);
    expect(code).toBe(3);
    expect(stderr).toContain('HRM_DATA_DIR');
    await expect(readdir(sandbox.dataDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('merges, changes no answer, and has nothing left to do then', async () => {
    await fill();
    const before = (await sandbox.run(queryArgs('ana', '--json'))).stdout;
    const { code, stdout, stderr } = await sandbox.run(['compact', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      partitions: 2,
      compacted: 2,
      skipped: 0,
      readings: 3_010,
      failures: [],
    });
    expect((await sandbox.run(queryArgs('ana', '--json'))).stdout).toBe(before);
    expect(JSON.parse((await sandbox.run(['compact', '--json', '--sweep-after-ms', '0'])).stdout)).toMatchObject({
      compacted: 0,
      swept: 4,
    });
    expect(await readdir(join(sandbox.dataDir, '20240115', 'ana'))).toEqual(['compacted.parquet']);
    expect((await sandbox.run(queryArgs('ana', '--json'))).stdout).toBe(before);
  });

  it('keeps to a user and a date', async () => {
    await fill();
    expect(JSON.parse((await sandbox.run(['compact', '--date', '20240116', '--json'])).stdout).partitions).toBe(0);
    const { stdout } = await sandbox.run(['compact', '--user', 'bo', '--date', '20240115', '--all']);
    expect(stdout).toMatch(/^partitions +1\ncompacted +1\nskipped +0\nparts merged +1\nreadings +10\n/);
  });

  it('refuses a date that is none', async () => {
    await fill();
    const { code, stderr } = await sandbox.run(['compact', '--date', '20240230', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'invalid_settings', errors: [{ path: '/date' }] });
  });

  it('sets files aside that cannot be read, says which, compacts the rest, and ends with 5, once', async () => {
    await fill();
    const directory = join(sandbox.dataDir, '20240115', 'bo');
    const [part = ''] = await readdir(directory);
    await writeFile(join(directory, part), 'no Parquet');
    const { code, stdout, stderr } = await sandbox.run(['compact', '--json']);
    expect(code).toBe(5);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ partitions: 2, compacted: 1, failures: [] });
    expect(summary.damaged).toEqual([
      { date: '20240115', name: part, code: 'file_damaged', message: expect.any(String), outcome: 'quarantined' },
    ]);
    expect(stderr).toMatch(/^hrm compact: warning: .*cannot be read.*run hrm verify\n$/);
    expect((await sandbox.run(['compact', '--all'])).code).toBe(0);
  });

  it('runs at once with another, both end with 0 and nothing is lost', async () => {
    await fill();
    const before = (await sandbox.run(queryArgs('ana', '--json'))).stdout;
    const runs = await Promise.all(Array.from({ length: 4 }, () => sandbox.runProcess(['compact', '--all', '--json'])));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const compacted = runs.reduce((sum, { stdout }) => sum + JSON.parse(stdout).compacted, 0);
    expect(compacted).toBeGreaterThanOrEqual(2);
    expect((await sandbox.run(queryArgs('ana', '--json'))).stdout).toBe(before);
  });
});
