import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const PROCESS = new URL('../../hrm-core/dist/process.js', import.meta.url).href;

it('ends although a call of the file system hangs, which process.exit would wait for', async () => {
  // Opening a pipe that nobody writes to hangs as a file of a server that is gone does. No command opens one so, and a file server is not at hand.
  const pipe = join(sandbox.directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const program = `
    import { open } from 'node:fs';
    import { endProcess } from '${PROCESS}';
    open(process.argv[1], 'r', () => undefined);
    await endProcess(6);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, pipe], { stdio: 'inherit' });
  const late = AbortSignal.timeout(60_000);
  const outcome = await once(child, 'exit', { signal: late }).finally(() => child.kill('SIGKILL'));
  expect(outcome).toEqual([null, 'SIGKILL']);
});

it('ends with its own code where none hangs', async () => {
  const program = `import { endProcess } from '${PROCESS}'; await endProcess(6);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([6, null]);
});
