import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
let keysFile: string;
beforeEach(async () => {
  sandbox = await makeSandbox();
  keysFile = join(sandbox.directory, 'keys.json');
});
afterEach(() => sandbox.remove());

function keys(...args: string[]) {
  return sandbox.run(['keys', ...args, '--keys-file', keysFile]);
}

describe('hrm keys', () => {
  it('makes a key and prints it once, alone on standard output', async () => {
    const made = await keys('create', '--name', 'a gateway', '--scope', 'ingest', '--scope', 'query');
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/^hrm_[a-z2-7]{12}_[\w-]{43}\n$/);
    const id = made.stdout.split('_')[1] ?? '';
    expect(made.stderr).toContain(id);
    const listed = await keys('list');
    expect(listed.stdout).toMatch(new RegExp(`^${id}  ingest,query  all users  made 20.*Z  a gateway\n$`));
    expect(readFileSync(keysFile, 'utf8')).not.toContain(made.stdout.split('_').slice(2).join('_').trim());
  });

  it('binds a key to users and lets it end', async () => {
    const args = [
      '--name',
      'ana',
      '--scope',
      'query',
      '--user',
      'ana',
      '--user',
      'böb\u202e',
      '--expires',
      '2',
      '--json',
    ];
    const made = JSON.parse((await keys('create', ...args)).stdout);
    expect(made).toEqual({
      key: expect.stringMatching(/^hrm_/),
      id: expect.any(String),
      name: 'ana',
      scopes: ['query'],
      user_ids: ['ana', 'böb\u202e'],
      created_at: expect.stringMatching(/Z$/),
      expires_at: expect.stringMatching(/Z$/),
    });
    expect(Date.parse(made.expires_at) - Date.parse(made.created_at)).toBe(2 * 86_400_000);
    const { key: _, ...item } = made;
    expect(JSON.parse((await keys('list', '--json')).stdout)).toEqual({ items: [item], count: 1 });
    expect((await keys('list')).stdout).toContain('users ana, "böb\\u{202e}"');
  });

  it('takes keys away, and counts those that are not there', async () => {
    const { id } = JSON.parse((await keys('create', '--name', 'x', '--scope', 'admin', '--json')).stdout);
    expect((await keys('revoke', id, 'unknown')).stdout).toBe('revoked 1 key; 1 not there\n');
    expect(JSON.parse((await keys('revoke', id, '--json')).stdout)).toEqual({ revoked: 0, missing: 1 });
    expect(JSON.parse((await keys('list', '--json')).stdout)).toEqual({ items: [], count: 0 });
  });

  it.each([
    ['no scope', ['create', '--name', 'x'], '--scope SCOPE is missing'],
    ['a scope that is none', ['create', '--name', 'x', '--scope', 'all'], 'one of ingest, query, admin'],
    ['no name', ['create', '--scope', 'query'], '--name NAME is missing'],
    ['an end that is none', ['create', '--name', 'x', '--scope', 'query', '--expires', 'soon'], 'number of days'],
    ['a user that none can be', ['create', '--name', 'x', '--scope', 'query', '--user', 'a\u0001'], 'user ids'],
    ['no id', ['revoke'], 'ID… is missing'],
  ])('refuses %s', async (_, args, message) => {
    const { code, stderr } = await keys(...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  });
});
