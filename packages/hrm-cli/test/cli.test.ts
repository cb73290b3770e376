import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

/** Every path is relative, so that only the place of the call says where. */
const RELATIVE = { HRM_DATA_DIR: undefined, HRM_QUEUE_DIR: './waiting', HRM_KEYS_FILE: 'secrets/keys.json' };

describe('a call of hrm', () => {
  it('takes every relative path from where it is called, and none from this process', async () => {
    const here = process.cwd();
    await writeFile(join(sandbox.directory, 'a.ndjson'), ndjson(3));
    await writeFile(join(sandbox.directory, 'own.json'), '{"dataDir": "stored"}');
    const call = (...args: string[]) => sandbox.run([...args, '--config', 'own.json'], { env: RELATIVE });
    expect(await call('import', 'a.ndjson', '--checkpoint', 'far.json')).toMatchObject({ code: 0, stderr: '' });
    expect((await call('import', 'a.ndjson', '--resume')).code).toBe(0);
    expect((await call('drain')).code).toBe(0);
    expect((await call('keys', 'create', '--name', 'a', '--scope', 'query')).code).toBe(0);
    expect((await call(...queryArgs('ana', '--output', 'ana.csv'))).code).toBe(0);
    const made = ['a.ndjson', 'ana.csv', 'far.json', 'imports', 'own.json', 'secrets', 'stored', 'waiting'];
    expect((await readdir(sandbox.directory)).sort()).toEqual(made);
    expect(process.cwd()).toBe(here);
  });

  it('finds the config file where it is called', async () => {
    await mkdir(join(sandbox.directory, 'sub'));
    await writeFile(join(sandbox.directory, 'hrm.config.json'), '{"leaseMs": 3}');
    expect((await sandbox.run(['drain'])).stderr).toContain('leaseMs in ./hrm.config.json is 3');
    await writeFile(join(sandbox.directory, 'sub', 'a.json'), '{"leaseMs": 4}');
    expect((await sandbox.run(['drain', '--config', 'sub/a.json'])).stderr).toContain('leaseMs in sub/a.json is 4');
  });

  it('leaves the queue and the storage to the next in the same process', async () => {
    for (let count = 1; count <= 3; count += 1) {
      expect((await sandbox.run(['import', '-'], { input: ndjson(count) })).code).toBe(0);
      expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
    }
    expect((await stat(sandbox.dataDir)).isDirectory()).toBe(true);
  });
});

describe('every command works as a process', () => {
  it('one after the other', async () => {
    async function say(...args: string[]): Promise<string> {
      const { code, stdout } = await sandbox.runProcess(args);
      expect({ args, code }).toEqual({ args, code: 0 });
      return stdout;
    }
    await writeFile(join(sandbox.directory, 'a.ndjson'), ndjson(5));
    expect(await say('import', 'a.ndjson')).toMatch(/^readings enqueued +5$/m);
    expect(await say('drain', '--all')).toMatch(/^readings stored +5$/m);
    expect(await say('stats')).toMatch(/^readings queued +0$/m);
    expect(await say('compact', '--all')).toMatch(/^compacted +1$/m);
    expect(await say('verify')).toMatch(/^faults +0$/m);
    expect(await say(...queryArgs('ana', '--json'))).toContain('"count":1}');
    expect(await say('health')).toMatch(/^status +healthy$/m);
    expect(await say('doctor')).toContain('0 problems');
    // Of many, since a device is off now and then, and one reading comes late now and then.
    expect(await say('simulate', '--duration=1s', '--users=50', '--rate=200', '--dry-run')).toMatch(/sim-\d{4}/);
    expect(await say('completion', 'fish')).toContain('complete -c hrm');
    expect(await say('dlq', 'list')).toContain('0 dead letters\n');
    expect(await say('dlq', 'redrive', '--all')).toBe('0 dead letters redriven\n');
    expect(await say('dlq', 'purge', '--all')).toBe('0 dead letters purged\n');
    const id = (await say('keys', 'create', '--name', 'a', '--scope', 'query')).split('_')[1] ?? '';
    expect(await say('keys', 'list')).toContain(id);
    expect(await say('keys', 'revoke', id)).toBe('revoked 1 key\n');
    expect(await sandbox.runProcess(['dlq', 'show', 'nothing'])).toMatchObject({ code: 2, stdout: '' });
    expect(await sandbox.runProcess(['--version'])).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });
});
