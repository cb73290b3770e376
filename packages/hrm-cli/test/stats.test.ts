import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compact, type Reading, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

async function store(input: string): Promise<void> {
  await sandbox.run(['import', '-'], { input });
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
}

/** What `ls` would count. */
async function onDisk(): Promise<{ files: number; bytes: number }> {
  const names = await readdir(sandbox.dataDir, { recursive: true });
  const parts = names.filter((name) => name.endsWith('.parquet'));
  const sizes = await Promise.all(parts.map((name) => stat(join(sandbox.dataDir, name))));
  return { files: parts.length, bytes: sizes.reduce((sum, { size }) => sum + size, 0) };
}

/** A reading each of so many users, which share a part. */
const crowd = (count: number) =>
  Array.from({ length: count }, (_, i) => ndjson(1, { user_id: `user-${i}`, timestamp: '2024-01-20T10:00:00Z' })).join(
    '',
  );

describe('hrm stats', () => {
  it('counts days, users, files and bytes as they are on disk, and what is queued', async () => {
    await store(ndjson(100) + ndjson(10, { user_id: 'bo', timestamp: '2024-01-17T10:00:00Z' }));
    await store(ndjson(50, { heart_rate: 99 }));
    await sandbox.run(['import', '-', '--skip-invalid'], { input: ndjson(7) });
    const { code, stdout, stderr } = await sandbox.run(['stats', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      storage: {
        days: 2,
        users: 2,
        partitions: 2,
        ...(await onDisk()),
        compacted_files: 0,
        shared_parts: 0,
        most_files: 2,
        without_rollup: 0,
        first_date: '20240115',
        last_date: '20240117',
      },
      queue: { readings: 7, claimed_readings: 0, dead_letters: 0, ended_claims: 0, oldest_age_ms: expect.any(Number) },
    });
    const people = (await sandbox.run(['stats'])).stdout;
    expect(people).toMatch(/^days +2, 2024-01-15 to 2024-01-17\nusers with files +2\n/);
    expect(people).toMatch(/\nreadings queued +7\n/);
    expect(people).not.toContain('bo');
    await sandbox.run(['compact', '--all']);
    expect(JSON.parse((await sandbox.run(['stats', '--json'])).stdout).storage).toMatchObject({ compacted_files: 2 });
  });

  it('counts shared parts, of days that nobody has files of their own in, too', async () => {
    await store(crowd(200));
    expect(JSON.parse((await sandbox.run(['stats', '--json'])).stdout).storage).toMatchObject({
      days: 1,
      users: 0,
      shared_parts: 1,
      ...(await onDisk()),
    });
    const { days } = JSON.parse((await sandbox.run(['stats', '--user=user-7', '--json'])).stdout);
    expect(days).toEqual([
      {
        date: '2024-01-20',
        readings: 1,
        min: 60,
        max: 60,
        files: 0,
        bytes: 0,
        without_rollup: false,
        device_ids: ['watch'],
      },
    ]);
  });

  it('tells which days have too many devices for a rollup, in words and for programs', async () => {
    const storage = await openDirectoryStorage({ directory: sandbox.dataDir });
    const readings = Array.from({ length: 120_000 }, (_, i): Reading => {
      // Scattered, so that the file is not smaller than what is looked at.
      const scattered = Math.imul(Math.imul(i, 0x9e3779b1) ^ (i >>> 7), 0x85ebca6b) >>> 8;
      const timestampMs = Date.UTC(2024, 0, 15) + Math.floor(i / 1_000) * 60_000 + (scattered % 60_000);
      const heartRate = 40 + (scattered % 101);
      return { userId: 'ana', deviceId: `device-${i % 1_000}`, timestampMs, heartRate, receivedMs: timestampMs };
    });
    await writePart({ storage }, [...readings, { ...(readings[0] as Reading), userId: 'bo' }]);
    await compact({ storage }, { all: true, sweepAfterMs: 0 });
    await storage.close();
    expect(JSON.parse((await sandbox.run(['stats', '--json'])).stdout).storage).toMatchObject({ without_rollup: 1 });
    expect((await sandbox.run(['stats'])).stdout).toMatch(/\nnot rolled up +1 day of a user: of too many devices/);
    const { days } = JSON.parse((await sandbox.run(['stats', '--user', 'ana', '--json'])).stdout);
    expect(days).toMatchObject([{ date: '2024-01-15', readings: expect.any(Number), without_rollup: true }]);
    expect((await sandbox.run(['stats', '--user', 'ana'])).stdout).toContain('(not rolled up) device-0');
    expect((await sandbox.run(['stats', '--user', 'bo'])).stdout).not.toContain('not rolled up');
  });

  it('lists the days of one user, with the readings that count', async () => {
    await store(ndjson(100) + ndjson(20, { device_id: 'ring' }) + ndjson(5, { user_id: 'bo' }));
    await store(ndjson(1, { timestamp: '2024-03-01T23:59:59.999Z', heart_rate: 150 }));
    const { bytes } = await stat(join(sandbox.dataDir, '20240301', 'ana')).then(async () => onDisk());
    const { stdout } = await sandbox.run(['stats', '--user', 'ana', '--json']);
    const { days, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ user_id: 'ana', count: 2 });
    expect(days).toEqual([
      // Of two devices at one millisecond one counts.
      {
        date: '2024-01-15',
        readings: 100,
        min: 60,
        max: 119,
        files: 1,
        bytes: expect.any(Number),
        without_rollup: false,
        device_ids: ['ring', 'watch'],
      },
      {
        date: '2024-03-01',
        readings: 1,
        min: 150,
        max: 150,
        files: 1,
        bytes: expect.any(Number),
        without_rollup: false,
        device_ids: ['watch'],
      },
    ]);
    expect(days[0].bytes + days[1].bytes).toBeLessThan(bytes);
    expect((await sandbox.run(['stats', '--user', 'ana'])).stdout).toMatch(
      /^date .*\n2024-01-15 +100 +60 +119 +1 .*ring, watch\n2024-03-01 .*\n2 days\n$/,
    );
    expect((await sandbox.run(['stats', '--user', 'nobody'])).stdout).toMatch(/\n0 days\n$/);
    const long = await sandbox.run(['stats', '--user', 'x'.repeat(129)]);
    expect(long).toMatchObject({ code: 2, stderr: expect.stringMatching(/^hrm stats: --user must be/) });
  });

  it('makes nothing, and says what cannot be asked, with 3', async () => {
    const nothing = await sandbox.run(['stats', '--json']);
    expect(nothing.code).toBe(3);
    expect(JSON.parse(nothing.stdout)).toEqual({ storage: null, queue: null });
    expect(nothing.stderr).toMatch(/HRM_DATA_DIR[\s\S]*HRM_QUEUE_DIR/);
    expect(await readdir(sandbox.directory)).toEqual([]);
    await store(ndjson(1));
    await rm(sandbox.queueDir, { recursive: true });
    const half = await sandbox.run(['stats', '--json']);
    expect(half.code).toBe(3);
    expect(JSON.parse(half.stdout)).toMatchObject({ storage: { files: 1 }, queue: null });
  });
});
