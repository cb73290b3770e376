import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
  await sandbox.run(['import', '-'], { input: ndjson(100) + ndjson(10, { user_id: 'bo' }) });
  await sandbox.run(['drain', '--all']);
});
afterEach(() => sandbox.remove());

async function damage(user: string): Promise<string> {
  const directory = join(sandbox.dataDir, '20240115', user);
  const [part = ''] = await readdir(directory);
  await writeFile(join(directory, part), (await readFile(join(directory, part))).subarray(1));
  return part;
}

describe('hrm verify', () => {
  it('finds nothing in what is well, and ends with 0', async () => {
    const { code, stdout, stderr } = await sandbox.run(['verify', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      partitions: 2,
      files: 2,
      readings: 110,
      superseded: { files: 0, readings: 0 },
      received_ahead: { readings: 0, latest: null },
      repaired: 0,
      quarantine: { files: 0, salvageable: 0, salvaged: 0 },
      set_aside: 0,
      fault_count: 0,
      faults: [],
      failures: [],
    });
    expect((await sandbox.run(['verify', '--user', 'bo'])).stdout).toMatch(/^partitions +1\nfiles +1\nreadings +10\n/);
    expect((await sandbox.run(['verify', '--date', '20240230'])).code).toBe(2);
  });

  it('counts what compaction replaced apart, and says what to do about a clock that was ahead', async () => {
    await sandbox.run(['compact', '--all']);
    const { stdout } = await sandbox.run(['verify', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ files: 2, readings: 110, superseded: { files: 2, readings: 110 } });
    const storage = await openDirectoryStorage({ directory: sandbox.dataDir });
    const [timestampMs, receivedMs] = [Date.parse('2024-01-16T00:00:00Z'), Date.parse('5000-01-02T03:04:05Z')];
    const reading = { userId: 'ana', deviceId: 'watch', timestampMs, heartRate: 70, receivedMs };
    await writePart({ storage }, [reading]);
    await storage.close();
    const people = await sandbox.run(['verify']);
    expect(people.code).toBe(0);
    expect(people.stdout).toMatch(
      /1 reading received ahead of the clock, the latest at 5000-01-02T03:04Z: .*send corrections again/,
    );
  });

  it('says what is wrong and where, ends with 5, and changes nothing unless asked to repair', async () => {
    const name = await damage('bo');
    const { code, stdout } = await sandbox.run(['verify', '--json']);
    expect(code).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({
      fault_count: 1,
      faults: [{ date: '20240115', directory: 'bo', name, code: 'file_damaged', outcome: 'found' }],
    });
    const people = await sandbox.run(['verify']);
    expect(people.code).toBe(5);
    expect(people.stdout).toContain(`\n20240115/bo/${name}: file_damaged: `);
    expect(await readdir(join(sandbox.dataDir, '20240115', 'bo'))).toEqual([name]);

    const repaired = await sandbox.run(['verify', '--repair', '--json']);
    expect(repaired.code).toBe(5);
    expect(JSON.parse(repaired.stdout)).toMatchObject({ set_aside: 1, faults: [{ outcome: 'set_aside' }] });
    // Lost is lost, and told of until somebody deletes what is in quarantine.
    const later = await sandbox.run(['verify']);
    expect(later.code).toBe(5);
    expect(later.stdout).toContain(`\n20240115/bo/${name}: quarantined: in quarantine: `);
    await rm(join(sandbox.dataDir, '.quarantine'), { recursive: true });
    expect((await sandbox.run(['verify'])).code).toBe(0);
  });

  it('does not take a place where nothing is for one where all is well', async () => {
    const { code, stderr } = await sandbox.run(['verify', '--data-dir', join(sandbox.directory, 'typo')]);
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('There are no data in') });
  });

  it('ends with 0 where all is mended', async () => {
    const from = join(sandbox.dataDir, '20240115', 'bo');
    const [part = ''] = await readdir(from);
    await writeFile(join(sandbox.dataDir, '20240115', 'ana', part), await readFile(join(from, part)));
    expect((await sandbox.run(['verify'])).code).toBe(5);
    const { code, stdout } = await sandbox.run(['verify', '--repair']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/files repaired +1\n[\s\S]*misplaced: .+ \(repaired\)\n$/);
    expect((await sandbox.run(['verify'])).code).toBe(0);
  });
});

describe('hrm query, where a file is damaged', () => {
  it('answers from the rest, says so on standard error, and moves nothing', async () => {
    const name = await damage('bo');
    const { code, stdout, stderr } = await sandbox.run(queryArgs('bo', '--json'));
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"user_id":"bo","data":[],"count":0}' });
    expect(stderr).toMatch(new RegExp(`^hrm: warning: .*${name} of 20240115.*hrm verify.*\\n$`));
    expect(await readdir(join(sandbox.dataDir, '20240115', 'bo'))).toEqual([name]);
  });
});
