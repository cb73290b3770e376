/** Two containers on one queue directory: each has a process 1, and the second says so instead of waiting for ever. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HRM_BIN } from '../packages/hrm-cli/test/hrm.js';
import { environment, temporaryDirectory } from './support/hrm.js';

const NAMESPACE = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, HRM_BIN, 'serve'];
const cannotUnshare = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status !== 0;
if (cannotUnshare) console.warn('TWO PID NAMESPACES ARE NOT TESTED: it takes Linux, root and unshare');

/** `hrm serve` as process 1 of a namespace of its own. */
async function serveInNamespace(env: NodeJS.ProcessEnv, ...args: string[]) {
  const child = spawn('unshare', [...NAMESPACE, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = once(child, 'close').then(([code]) => ({ code, log }));
  const ready = once(createInterface({ input: child.stdout }), 'line').then(() => 'ready' as const);
  return { child, ended, state: await Promise.race([ready, ended]) };
}

describe.skipIf(cannotUnshare && !process.env.CI)('an embedded queue in two PID namespaces', () => {
  it('is refused in words while the other lives, and opened once that was killed', async () => {
    const env = environment(await temporaryDirectory());
    const first = await serveInNamespace(env, '--only', 'api');
    expect(first.state).toBe('ready');
    const { state } = await serveInNamespace(env, '--only', 'consumer');
    expect(state).toMatchObject({ code: 3 });
    expect(state).toMatchObject({ log: expect.stringMatching(/in use by another process 1, .*use Redis/) });
    // A process of another number is told apart.
    const beside = spawn(process.execPath, [HRM_BIN, 'serve', '--only', 'consumer'], { env });
    await once(createInterface({ input: beside.stdout }), 'line');
    beside.kill('SIGTERM');
    expect((await once(beside, 'exit'))[0]).toBe(0);
    first.child.kill('SIGKILL');
    await first.ended;
    const second = await serveInNamespace(env, '--only', 'consumer');
    expect(second.state).toBe('ready');
  });
});
