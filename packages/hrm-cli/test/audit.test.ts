import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPlainly, requestsIn } from '../../hrm-core/test/support/audit.js';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
let auditLog: string;
let env: Record<string, string>;
beforeEach(async () => {
  sandbox = await makeSandbox();
  auditLog = join(sandbox.directory, 'audit.log');
  env = { HRM_AUDIT_LOG: auditLog, HRM_KEYS_FILE: join(sandbox.directory, 'keys.json') };
});
afterEach(() => sandbox.remove());

const hrm = (...args: string[]) => sandbox.run(args, { env });
const RANGE = ['--start', '2024-01-15T00:00:00Z', '--end', '2024-01-16T00:00:00Z'];

async function listed(...args: string[]) {
  const { items } = JSON.parse((await hrm('audit', 'list', '--json', ...args)).stdout);
  return items.map(({ call, outcome, users, status, keys }: Record<string, unknown>) => [
    call,
    outcome,
    users,
    status,
    keys,
  ]);
}

describe('hrm records', () => {
  it('who looked at what is here, and who changed it', async () => {
    writeFileSync(
      join(sandbox.directory, 'a.csv'),
      'user_id,device_id,timestamp,heart_rate\nana,w,2024-01-15T10:00:00Z,70\n',
    );
    await hrm('import', join(sandbox.directory, 'a.csv'));
    await hrm('drain', '--all');
    await hrm('query', '--user', 'ana', ...RANGE);
    await hrm('export', '--user', 'ana', ...RANGE);
    await hrm('query', '--user', 'ana', '--start', 'x', '--end', 'y');
    await hrm('users');
    expect(await listed()).toEqual([
      ['hrm import', 'done', null, 0, undefined],
      ['hrm query', 'done', ['ana'], 0, undefined],
      ['hrm export', 'done', ['ana'], 0, undefined],
      ['hrm query', 'failed', ['ana'], 2, undefined],
      ['hrm users', 'done', null, 0, undefined],
    ]);
    expect(readPlainly(auditLog).filter(({ account }) => account === userInfo().username)).toHaveLength(5);
    expect(readFileSync(auditLog, 'utf8')).toContain('"readings":1');
    const { stdout } = await hrm('audit', 'list', '--user', 'ana');
    expect(stdout).toMatch(/ {2}read {2}hrm query {2}done 0 {2}\S+ {2}about ana\n/);
    expect(stdout).toMatch(/5 events\n$/);
  });

  it('keys made and revoked, and erasures, before they are done', async () => {
    const made = await hrm('keys', 'create', '--name', 'a', '--scope', 'query');
    const id = made.stdout.split('_')[1] ?? '';
    await hrm('keys', 'revoke', made.stdout.trim(), 'nokey');
    await hrm('drain', '--all');
    await hrm('erase', '--user', 'ana');
    expect(await listed()).toEqual([
      ['hrm keys create', 'begun', null, null, undefined],
      ['hrm keys create', 'done', null, 0, [id]],
      ['hrm keys revoke', 'begun', null, null, undefined],
      ['hrm keys revoke', 'failed', null, 2, [id]],
      ['hrm erase', 'begun', ['ana'], null, undefined],
      ['hrm erase', 'done', ['ana'], 0, undefined],
    ]);
    expect(await listed('--key', id)).toHaveLength(2);
    expect(readFileSync(auditLog, 'utf8')).not.toContain(made.stdout.trim().slice(-43));
  });

  it('nothing it cannot: it says so, and with a log that is required does nothing', async () => {
    env.HRM_AUDIT_LOG = sandbox.directory;
    const went = await hrm('keys', 'create', '--name', 'a', '--scope', 'query');
    expect(went).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('the audit log cannot be written: 2 events not recorded'),
    });
    env.HRM_AUDIT_REQUIRED = 'true';
    expect(await hrm('keys', 'create', '--name', 'b', '--scope', 'query')).toMatchObject({ code: 3, stdout: '' });
    expect((await hrm('keys', 'list')).stdout).not.toContain('  b\n');
    env.HRM_AUDIT_LOG = '';
    expect(await hrm('keys', 'list')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('HRM_AUDIT_REQUIRED needs'),
    });
  });
});

describe('hrm audit verify', () => {
  it('ends with 0 only where the log is whole', async () => {
    await hrm('users');
    const found = JSON.parse((await hrm('audit', 'verify', '--json')).stdout);
    expect(found).toMatchObject({ whole: true, events: 1, files: 1, fault_count: 0, head: expect.stringMatching(/:/) });
    const text = await hrm('audit', 'verify', '--head', found.head);
    expect(text).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1 event in 1 file\nhead .*\nthe log is whole\n$/),
    });
    writeFileSync(auditLog, readFileSync(auditLog, 'utf8').replace('hrm users', 'hrm query'));
    const broken = await hrm('audit', 'verify');
    expect(broken).toMatchObject({ code: 5, stdout: expect.stringContaining('the log is not whole: 1 fault') });
    expect(broken.stdout).toContain('audit.log, byte 0: changed');
  });

  it('wants a log, and a head that is one', async () => {
    expect(await hrm('audit', 'verify', '--head', 'x')).toMatchObject({ code: 2 });
    env.HRM_AUDIT_LOG = '';
    expect(await hrm('audit', 'verify')).toMatchObject({ code: 2 });
    expect(await hrm('audit', 'list')).toMatchObject({ code: 2 });
  });
});

it('workers write one log, and leave it at SIGHUP for a new one', async () => {
  const { child, firstLine, finished } = sandbox.start(['serve', '--workers', '2', '--only', 'api'], {
    ...env,
    HRM_PORT: '0',
  });
  const url = await firstLine();
  async function ask(id: string): Promise<void> {
    await fetch(`${url}/users/ana/latest`, { headers: { 'X-Request-Id': id, Connection: 'close' } });
  }
  const ids = Array.from({ length: 30 }, (_, i) => `r${String(i).padStart(2, '0')}`);
  for (const id of ids.slice(0, 15)) await ask(id);
  await expect.poll(() => requestsIn(auditLog)).toEqual(ids.slice(0, 15));
  renameSync(auditLog, `${auditLog}.1`);
  child.kill('SIGHUP');
  await expect.poll(() => existsSync(auditLog)).toBe(true);
  for (const id of ids.slice(15)) await ask(id);
  child.kill('SIGTERM');
  expect(await finished).toMatchObject({ code: 0 });
  expect(requestsIn(auditLog)).toEqual(ids);
  expect(await hrm('audit', 'verify')).toMatchObject({ code: 0 });
});
