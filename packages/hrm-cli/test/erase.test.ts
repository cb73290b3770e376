import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const BO = 'bo-of-this-test-alone';

describe('hrm erase', () => {
  it('erases, says when nothing is left, and proves it', { timeout: 120_000 }, async () => {
    await sandbox.run(['import', '-'], { input: ndjson(3) + ndjson(40, { user_id: BO }) });
    await sandbox.run(['drain', '--all']);
    await sandbox.run(['compact', '--all']);
    const before = await sandbox.run(['erase', '--verify', '--user', BO]);
    expect(before).toMatchObject({ code: 5, stdout: expect.stringContaining('directory 20240115') });
    const erased = await sandbox.run(['erase', '--user', BO, '--no-wait', '--json']);
    const [{ id, state }] = JSON.parse(erased.stdout).erasures;
    expect([erased.code, state]).toEqual([0, 'in_force']);
    const { users } = JSON.parse((await sandbox.run(['users', '--json'])).stdout);
    expect(users.map(({ user_id }: { user_id: string }) => user_id)).toEqual(['ana']);
    expect((await sandbox.run(['erase', '--status'])).stdout).toContain(id);
    expect((await sandbox.run(['verify'])).code).toBe(0);
    // Goes on with what is not finished.
    expect((await sandbox.run(['erase'])).stdout).toBe('every erasure is finished\n');
    expect(await sandbox.run(['erase', '--verify', '--user', BO])).toMatchObject({
      code: 0,
      stdout: 'the id stands nowhere\n',
    });
    const status = JSON.parse((await sandbox.run(['erase', '--status', '--id', id, '--json'])).stdout);
    expect(status.erasures[0]).toMatchObject({ id, state: 'finished', report: { found: { files: 2 } } });
  });

  it('leaves what was not meant, and says what is wrong', async () => {
    await sandbox.run(['import', '-'], { input: ndjson(3) });
    await sandbox.run(['drain', '--all']);
    for (const [args, text] of [
      [['--device', 'watch'], '--user is missing'],
      [['--verify'], '--user is missing'],
      [['--user', 'ana', '--from', 'yesterday'], 'start must have the form'],
      [['--status', '--id', 'x'], 'there is no erasure "x" here'],
    ] as const) {
      expect(await sandbox.run(['erase', ...args])).toMatchObject({ code: 2, stderr: expect.stringContaining(text) });
    }
    const missing = await sandbox.run(['erase', '--user', 'ana'], {
      env: { HRM_DATA_DIR: `${sandbox.directory}/none` },
    });
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('none') });
    const { users } = JSON.parse((await sandbox.run(['users', '--json'])).stdout);
    expect(users).toHaveLength(1);
  });
});
