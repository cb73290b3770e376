import { readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
  await sandbox.run(['import', '-'], { input: ndjson(100) + ndjson(10, { user_id: 'bo' }) });
  await sandbox.run(['drain', '--all']);
});
afterEach(() => sandbox.remove());

describe('hrm copy', () => {
  it('copies a store, of which the copy answers the same, and then has nothing to copy', async () => {
    const to = join(sandbox.dataDir, '..', 'copy');
    const args = ['copy', '--from', sandbox.dataDir, '--to', to];
    const { code, stdout, stderr } = await sandbox.run([...args, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      passes: 2,
      partitions: 2,
      files: 2,
      copied: 2,
      copied_bytes: expect.any(Number),
      new_in_last_pass: 0,
      quarantined: 0,
      failures: [],
    });
    const answer = (await sandbox.run(queryArgs('ana'))).stdout;
    expect((await sandbox.run([...queryArgs('ana'), '--data-dir', to])).stdout).toBe(answer);
    expect((await sandbox.run(args)).stdout).toMatch(/^passes +1\npartitions +2\nfiles +2\ncopied +0\n/);
    // The queue knows the copy as its store.
    expect((await sandbox.run(['drain', '--data-dir', to])).code).toBe(0);
  });

  it('refuses to copy a store into itself, by whatever name', async () => {
    const link = join(sandbox.dataDir, '..', 'link');
    await symlink(sandbox.dataDir, link);
    for (const to of [sandbox.dataDir, `${sandbox.dataDir}/.`, link]) {
      const refused = await sandbox.run(['copy', '--from', sandbox.dataDir, '--to', to]);
      expect(refused).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/cannot be copied into itself: name another/),
      });
    }
    // One slash more is the same bucket and prefix; nobody is asked.
    const refused = await sandbox.run(['copy', '--from', 's3://bucket/a', '--to', 's3://bucket/a/']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/cannot be copied into itself/) });
  });

  it('refuses a target that holds something else, and a source that holds nothing', async () => {
    const other = join(sandbox.dataDir, '..', 'other');
    const args = (from: string, to: string) => ['copy', '--from', from, '--to', to];
    expect((await sandbox.run(args(sandbox.dataDir, other))).code).toBe(0);
    await writeFile(join(other, '.store'), 'of somebody else\n');
    const refused = await sandbox.run(args(sandbox.dataDir, other));
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/holds another store: name an empty place/),
    });
    const empty = join(sandbox.dataDir, '..', 'empty');
    expect(await sandbox.run(args(join(sandbox.dataDir, 'nowhere'), empty))).toMatchObject({ code: 3 });
    expect(await readdir(join(sandbox.dataDir, '..'))).not.toContain('empty');
    expect(await sandbox.run(['copy', '--from', sandbox.dataDir])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--to URL is missing/),
    });
  });
});
