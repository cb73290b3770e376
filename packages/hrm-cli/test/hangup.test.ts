/** A terminal that closes stops `hrm serve` cleanly; under nohup, or with its output in files, it goes on. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { outlivesTerminal } from '../../hrm-core/src/process/outlives-terminal.js';
import { HRM_BIN, hrmEnvironment, makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

function start([command = '', ...args]: readonly string[], stdio: StdioOptions): ChildProcess {
  const { directory } = sandbox;
  const env = hrmEnvironment(directory, { HRM_PORT: '0', NODE: process.execPath, HRM: HRM_BIN });
  const child = spawn(command, args, { cwd: directory, env, stdio });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

function textOf(name: string): string {
  try {
    return readFileSync(join(sandbox.directory, name), 'utf8');
  } catch {
    return '';
  }
}

async function expectGoesOn(child: ChildProcess, url: string): Promise<void> {
  child.kill('SIGHUP');
  child.kill('SIGHUP');
  await sleep(300);
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  child.kill('SIGTERM');
  const [, signal] = await once(child, 'exit');
  expect(signal).toBeNull();
}

async function urlFrom(child: ChildProcess): Promise<string> {
  const [line] = await once(child.stdout ?? child, 'data');
  return String(line).trim();
}

describe('SIGHUP', () => {
  it.each([[[]], [['--workers', '1']]])('stops hrm serve %j cleanly, also when it comes twice', async (args) => {
    const child = start([process.execPath, HRM_BIN, 'serve', ...args], ['ignore', 'pipe', 'pipe']);
    await urlFrom(child);
    child.kill('SIGHUP');
    child.kill('SIGHUP');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('is left alone where the output goes into files, as nohup makes it', async () => {
    const [out, err] = ['out', 'err'].map((name) => openSync(join(sandbox.directory, name), 'w'));
    const child = start(['nohup', process.execPath, HRM_BIN, 'serve'], ['ignore', out, err]);
    await expect.poll(() => textOf('out')).toContain('\n');
    await expectGoesOn(child, textOf('out').trim());
  });

  it('is left alone under nohup whose output is read, where the shell tells', async () => {
    const words =
      'nohup "$NODE" "$HRM" serve & trap "kill -TERM $!" TERM; trap "kill -HUP $!" HUP; while kill -0 $!; do wait $!; done';
    const shell = start(['bash', '-c', words], ['ignore', 'pipe', 'ignore']);
    await expectGoesOn(shell, await urlFrom(shell));
  });

  it('is heard where somebody reads, or nobody says nohup', () => {
    const file = openSync(join(sandbox.directory, 'file'), 'w');
    const nothing = openSync('/dev/null', 'w');
    expect(outlivesTerminal({}, [file, nothing])).toBe(true);
    expect(outlivesTerminal({ _: '/usr/bin/env' }, [file, 1_000])).toBe(false);
    expect(outlivesTerminal({ _: '/usr/bin/nohup' }, [1_000, 1_000])).toBe(true);
  });
});

describe.runIf(process.platform === 'linux')('a terminal that closes', () => {
  it.each([
    ['', ''],
    ['with workers ', '--workers 1'],
  ])('stops hrm serve %scleanly', async (_, args) => {
    // As an interactive shell: it hears of the terminal's end, and sends SIGHUP on to its jobs.
    const shell = `trap 'kill -HUP $!' HUP; "$NODE" "$HRM" serve ${args} > url & wait $!; wait $!; echo $? > code`;
    const terminal = start(['script', '-qec', shell, '/dev/null'], 'pipe');
    await expect.poll(() => textOf('url')).toContain('\n');
    terminal.kill('SIGKILL');
    await expect.poll(() => textOf('code')).toBe('0\n');
  });
});
