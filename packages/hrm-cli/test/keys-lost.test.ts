/** A file of keys that vanishes opens no door: not by a worker that is started again, not by a server that is. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../../test/support/until.js';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
let keysFile: string;
let key: string;
beforeEach(async () => {
  sandbox = await makeSandbox();
  keysFile = join(sandbox.directory, '.hrm', 'keys.json');
  key = (await sandbox.run(['keys', 'create', '--name', 'a', '--scope', 'query'])).stdout.trim();
});
afterEach(() => sandbox.remove());

const SETTINGS = { HRM_PORT: '0', HRM_LOG_LEVEL: 'info' };

/** On a connection of its own, so that any worker may be the one that answers. */
async function status(url: string, token?: string): Promise<number> {
  const headers = { Connection: 'close', ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) };
  return (await fetch(`${url}/session`, { headers })).status;
}

it('a worker that is started again does not start without the keys that others know', async () => {
  const { child, firstLine, finished } = sandbox.start(['serve', '--workers', '2', '--only', 'api'], SETTINGS);
  let log = '';
  child.stderr?.on('data', (text: string) => {
    log += text;
  });
  const url = await firstLine();
  const started = () => [...log.matchAll(/"pid":(\d+)[^\n]*"msg":"starting"/g)].map(([, pid]) => Number(pid));
  await until(() => started().length === 2, 'both have logged their start');
  renameSync(keysFile, `${keysFile}.away`);
  // Nor by the mark alone: the primary tells them.
  rmSync(`${keysFile}.needed`);
  const [killed = 0] = started();
  process.kill(killed, 'SIGKILL');
  await until(() => /could not be started/.test(log), 'another has tried to start');
  expect(log).toMatch(/"code":"keys_lost","msg":"a worker could not be started"/);
  for (let i = 0; i < 10; i += 1) expect([await status(url), await status(url, key)]).toEqual([401, 200]);
  renameSync(`${keysFile}.away`, keysFile);
  await until(() => log.includes('a worker was started again'), 'it is there again');
  for (let i = 0; i < 10; i += 1) expect([await status(url), await status(url, key)]).toEqual([401, 200]);
  child.kill('SIGTERM');
  expect((await finished).code).toBe(0);
});

it('a server that is started again does not start without them, and says what to do', async () => {
  rmSync(keysFile);
  for (const more of [[], ['--workers', '2']]) {
    const { code, stderr } = await sandbox.runProcess(['serve', ...more], { env: SETTINGS });
    expect(code).toBe(3);
    expect(stderr).toMatch(/hrm keys create.*delete .*keys\.json\.needed/);
  }
  expect((await sandbox.run(['keys', 'list'])).code).toBe(3);
  expect((await sandbox.run(['doctor'])).stdout).toContain('there were API keys');
  rmSync(`${keysFile}.needed`);
  const { child, firstLine, finished } = sandbox.start(['serve'], SETTINGS);
  expect(await status(await firstLine())).toBe(200);
  child.kill('SIGTERM');
  expect((await finished).stderr).toContain('"anonymous":true');
});

it('a place without a file, which somebody named, is warned of; one that cannot be looked at ends it', async () => {
  const { child, firstLine, finished } = sandbox.start(['serve', '--keys-file', 'elsewhere.json'], SETTINGS);
  await firstLine();
  child.kill('SIGTERM');
  expect((await finished).stderr).toMatch(/"level":40[^\n]*HRM_KEYS_FILE names no file/);
  writeFileSync(join(sandbox.directory, 'file'), '');
  const { code, stderr } = await sandbox.runProcess(['serve', '--keys-file', 'file/keys.json']);
  expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('cannot be read') });
  expect(stderr).not.toContain('    at ');
});
