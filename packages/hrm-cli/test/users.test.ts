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

  it('shows and sets what answers about a user go by', async () => {
    const two = (device: string, bpm: number) => ndjson(1, { device_id: device, heart_rate: bpm });
    await sandbox.run(['import', '-'], { input: two('strap', 120) + two('watch', 60) });
    await sandbox.run(['drain', '--all']);
    const settings = (...more: string[]) => sandbox.run(['user-settings', '--user', 'ana', ...more]);
    expect(await settings()).toMatchObject({ code: 0, stdout: '{}\n' });
    const said = '{"birth_year":1984,"time_zone":"America/Bogota","device_priority":{"watch":1}}';
    expect(await settings('--set', said)).toMatchObject({ code: 0, stdout: `${said}\n` });
    expect((await settings('--json')).stdout).toBe(`{"user_id":"ana","settings":${said}}\n`);
    const asked = ['query', '--user=ana', '--json', '--device-priority={"strap":1}'];
    const rows = await sandbox.run([...asked, '--date=2024-01-15']);
    expect(JSON.parse(rows.stdout).data).toMatchObject([{ heart_rate: 60, device_ids: ['watch'] }]);
    const days = await sandbox.run([...asked, '--date=2024-01-14', '--daily']);
    expect(JSON.parse(days.stdout)).toMatchObject({
      time_zone: 'America/Bogota',
      days: [{ date: '2024-01-14', max: 60, zones: [{}, { from_bpm: 90 }, {}, {}, {}, {}] }],
    });
    for (const [text, message] of [
      ['{', 'must be JSON'],
      ['{"birth_year":7}', 'birth_year must be a whole number'],
      ['{"device_priority":{"watch":0}}', 'must be a whole number from 1'],
    ] as const)
      expect(await settings('--set', text)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
    expect((await settings()).stdout).toBe(`${said}\n`);
    expect(await settings('--set', '{}')).toMatchObject({ code: 0, stdout: '{}\n' });
  });

  it('says that nothing is stored', async () => {
    expect(await sandbox.run(['users'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0 users; no date there has'),
    });
    expect((await sandbox.run(['users', '--json'])).stdout).toBe('{"users":[],"count":0,"since":null}\n');
  });
});
