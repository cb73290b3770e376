import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

it('ends although a call of the file system hangs, which process.exit would wait for', async () => {
  // Opening a pipe that nobody writes to hangs as a file of a server that is gone does.
  const pipe = join(sandbox.directory, 'pipe.ndjson');
  execFileSync('mkfifo', [pipe]);
  const { child, finished } = sandbox.start(['import', pipe]);
  await sleep(1_500);
  child.kill('SIGINT');
  await sleep(300);
  child.kill('SIGINT');
  const outcome = await Promise.race([finished, sleep(10_000, 'it hangs', { ref: false })]);
  expect(outcome).not.toBe('it hangs');
  expect([child.exitCode, child.signalCode]).toEqual([null, 'SIGKILL']);
});
