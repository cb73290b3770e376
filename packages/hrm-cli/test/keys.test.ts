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
      device_ids: null,
      limits: {},
      ends_soon: false,
      replaced_by: null,
      last_used_at: null,
      created_at: expect.stringMatching(/Z$/),
      expires_at: expect.stringMatching(/Z$/),
    });
    expect(Date.parse(made.expires_at) - Date.parse(made.created_at)).toBe(2 * 86_400_000);
    const { key: _, ...item } = made;
    expect(JSON.parse((await keys('list', '--json')).stdout)).toEqual({ items: [item], count: 1 });
    expect((await keys('list')).stdout).toContain('users ana, "böb\\u{202e}"');
  });

  it('replaces a key by one that may do the same, and lets it end after the overlap', async () => {
    const made = await keys('create', '--name', 'a', '--scope', 'ingest', '--device', 'w', '--limit', 'requests=5');
    const id = made.stdout.split('_')[1] ?? '';
    const next = await keys('rotate', made.stdout.trim(), '--overlap', '2');
    expect(next).toMatchObject({ code: 0, stdout: expect.stringMatching(/^hrm_[a-z2-7]{12}_[\w-]{43}\n$/) });
    const nextId = next.stdout.split('_')[1] ?? '';
    const { stdout } = await keys('list');
    expect(stdout).toMatch(
      new RegExp(
        `^${id}  ingest  all users, devices w, requests 5  made \\S+Z, ends \\S+Z, replaced by ${nextId}  a\n`,
      ),
    );
    expect(stdout).toMatch(new RegExp(`\n${nextId}  ingest  all users, devices w, requests 5  made \\S+Z  a\n$`));
    expect(await keys('rotate', 'nokey')).toMatchObject({ code: 2, stdout: '' });
    expect(await keys('rotate', id, '--overlap', '366')).toMatchObject({ code: 2 });
    expect(await keys('create', '--name', 'a', '--scope', 'query', '--device', 'w')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('device_ids must be device ids'),
    });
  });

  it('takes keys away, by id or whole, and ends with 2 where one is not there', async () => {
    const make = async () => JSON.parse((await keys('create', '--name', 'x', '--scope', 'admin', '--json')).stdout);
    const [first, second, third] = [await make(), await make(), await make()];
    expect(await keys('revoke', first.id, second.key)).toEqual({ code: 0, stdout: 'revoked 2 keys\n', stderr: '' });
    const partly = await keys('revoke', third.id, `${first.key}\n`);
    expect(partly).toMatchObject({ code: 2, stdout: 'revoked 1 key; 1 not there\n' });
    expect(partly.stderr).toContain('whoever has another key still gets in');
    expect(partly.stderr).not.toContain(first.key.slice(20));
    const unknown = await keys('revoke', third.id, '--json');
    expect(unknown.code).toBe(2);
    expect(JSON.parse(unknown.stdout)).toEqual({ revoked: 0, missing: 1 });
    expect(JSON.parse(unknown.stderr).error).toMatchObject({ kind: 'invalid', code: 'key_unknown' });
    expect(JSON.parse((await keys('list', '--json')).stdout)).toEqual({ items: [], count: 0 });
  });

  it('tells a file without keys, with which nobody is answered, from none', async () => {
    expect((await keys('list')).stderr).toMatch(
      /^no keys: there is no .*keys\.json, .* answers whoever can reach it\n$/,
    );
    const { id } = JSON.parse((await keys('create', '--name', 'x', '--scope', 'query', '--json')).stdout);
    const words = /^no keys in .*keys\.json: the server answers nobody; make one with hrm keys create/;
    expect((await keys('revoke', id)).stderr).toMatch(words);
    expect((await keys('list')).stderr).toMatch(words);
  });

  it.runIf(process.platform === 'linux')('makes no key that nobody sees', async () => {
    const args = ['keys', 'create', '--name', 'x', '--scope', 'query', '--keys-file', keysFile];
    for (const redirection of ['>&-', '> /dev/null']) {
      const nowhere = await sandbox.runInShell(redirection, args);
      expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('no key was made') });
    }
    expect((await keys('list')).stderr).toContain('there is no');
    const full = await sandbox.runInShell('> /dev/full', args);
    expect(full).toMatchObject({ code: 3, stderr: expect.stringContaining('was taken away again') });
    const left = sandbox.start(args);
    left.child.stdout?.destroy();
    expect(await left.finished).toMatchObject({ code: 3, stderr: expect.stringContaining('is gone') });
    expect(JSON.parse((await keys('list', '--json')).stdout)).toEqual({ items: [], count: 0 });
  });

  it.each([
    ['no scope', ['create', '--name', 'x'], '--scope SCOPE is missing'],
    ['a scope that is none', ['create', '--name', 'x', '--scope', 'all'], 'one of ingest, query, erase, admin'],
    ['no name', ['create', '--scope', 'query'], '--name NAME is missing'],
    ['an end that is none', ['create', '--name', 'x', '--scope', 'query', '--expires', 'soon'], 'number of days'],
    ['a user that none can be', ['create', '--name', 'x', '--scope', 'query', '--user', 'a\u0001'], 'user ids'],
    ['no id', ['revoke'], 'ID… is missing'],
  ])('refuses %s', async (_, args, message) => {
    const { code, stderr } = await keys(...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  });
});
