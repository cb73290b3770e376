import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

describe('hrm users', () => {
  it('lists who has readings, as a table and as JSON', async () => {
    await sandbox.run(['import', '-'], { input: ndjson(3) + ndjson(1, { user_id: 'bo b' }) });
    await sandbox.run(['drain', '--all']);
    const json = await sandbox.run(['users', '--json']);
    const { users, count, since } = JSON.parse(json.stdout);
    expect(users.map(({ user_id }: { user_id: string }) => user_id)).toEqual(['ana', 'bo b']);
    expect({ code: json.code, count, since }).toEqual({ code: 0, count: 2, since: '2024-01-15' });
    const [{ latest }] = users;
    const { stdout } = await sandbox.run(['users', '--search', 'AN']);
    expect(stdout.split('\n').slice(1)).toEqual([
      `${latest.timestamp.padEnd(24)}  ${String(latest.heart_rate).padStart(3)}  ana (${latest.device_id})`,
      '1 user; with readings since 2024-01-15',
      '',
    ]);
    const late = await sandbox.run(['users', '--since', '2024-01-16', '--json']);
    expect(JSON.parse(late.stdout)).toEqual({ users: [], count: 0, since: null });
    expect(await sandbox.run(['users', '--since', 'yesterday'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('since must be a UTC date like 2024-01-15'),
    });
  });

  it('says that nothing is stored', async () => {
    expect(await sandbox.run(['users'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0 users; no date there has'),
    });
    expect((await sandbox.run(['users', '--json'])).stdout).toBe('{"users":[],"count":0,"since":null}\n');
  });
});
