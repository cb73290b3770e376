import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, it } from 'vitest';

const program = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const PUSHER = program('../crash/queue-ack-worker.mjs');
const TWO_COPIES = program('queue-two-copies-worker.mjs');
const THREAD = program('queue-thread-worker.mjs');
const UMASK = program('queue-umask-worker.mjs');

const run = promisify(execFile);

let parent = '';
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'hrm-queue-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

describe('the embedded queue and its process', () => {
  it('is one when it is imported and required in one process, while another process pushes', async () => {
    const pushes = 2_000;
    const others = 1_500;
    const both = spawn(process.execPath, [TWO_COPIES, parent, `${pushes}`, `${others}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    const reader = createInterface({ input: both.stdout });
    reader.on('line', (line) => lines.push(line));
    const ended = once(both, 'close');
    try {
      await Promise.race([once(reader, 'line'), ended]);
      assert.equal(lines[0], 'ready');
      await run(process.execPath, [PUSHER, parent, `${others}`], { maxBuffer: 1_000_000 });
      assert.deepEqual(await ended, [0, null]);
    } finally {
      both.kill('SIGKILL');
    }
    assert.deepEqual(JSON.parse(lines[1] ?? ''), {
      delivered: 2 * pushes + others,
      own: 2 * pushes,
      readings: 0,
      claimedReadings: 0,
    });
  });

  it('refuses to be opened in a worker thread, and creates nothing there', async () => {
    const directory = join(parent, 'queue');
    const worker = new Worker(THREAD, { workerData: directory });
    const [outcome] = await once(worker, 'message');
    assert.deepEqual([outcome.kind, outcome.code], ['invalid', 'worker_thread']);
    assert.match(outcome.message, /open it in the main thread/);
    await worker.terminate();
    assert.equal(existsSync(directory), false);
  });

  for (const umask of ['000', '022', '177', '777']) {
    it(`is its owner's alone, and usable, under umask ${umask}`, () => {
      chmodSync(parent, 0o777);
      const directory = join(parent, 'a', 'b');
      execFileSync(process.execPath, [UMASK, directory, umask], { stdio: ['ignore', 'ignore', 'inherit'] });
      const files = ['queue.lmdb', 'queue.lmdb-lock'].map((name) => join(directory, name));
      const modes = [join(parent, 'a'), directory, ...files].map((path) => statSync(path).mode & 0o777);
      assert.deepEqual(modes, [0o700, 0o700, 0o600, 0o600]);
    });
  }
});
