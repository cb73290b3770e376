import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import type { Queue } from '../../src/ports/queue.js';
import { withDirectory } from '../support/temporary-directory.js';

const WORKER = fileURLToPath(new URL('queue-opening-worker.mjs', import.meta.url));
const PROCESSES = 4;
const OPENINGS = Number(process.env.HRM_CRASH_ROUNDS ?? 15) * 3;
const LIMITS = { maxReadings: 100_000, maxBytes: 50_000_000, maxElements: 10_000, leaseMs: 60_000 };

/** Runs a process to its end. @returns what it said that was no success, or ''. */
async function openAgainAndAgain(directory: string, log: string, name: string): Promise<string> {
  const child = spawn(process.execPath, [WORKER, directory, log, name, String(OPENINGS)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code, signal] = await once(child, 'close');
  return code === 0 ? '' : `${name} ended with ${code ?? signal}: ${stderr}`;
}

async function takeAll(queue: Queue): Promise<string[]> {
  const ids = [];
  for (let claim = await queue.claim(LIMITS); claim !== null; claim = await queue.claim(LIMITS)) {
    ids.push(...claim.elements.map(({ bytes }) => Buffer.from(bytes).toString().trim()));
    await queue.ack(claim.token);
  }
  return ids;
}

describe('processes that open and close one queue while others write to it', () => {
  it('lose nothing that was acknowledged, and deliver nothing twice', async () => {
    await withDirectory(async (parent) => {
      const directory = join(parent, 'queue');
      const names = Array.from({ length: PROCESSES }, (_, index) => `p${index}`);
      const failures = await Promise.all(
        names.map((name) => openAgainAndAgain(directory, join(parent, `log-${name}`), name)),
      );
      expect(failures.filter((failure) => failure !== '')).toEqual([]);
      const lines = names.flatMap((name) =>
        readFileSync(join(parent, `log-${name}`), 'utf8')
          .trim()
          .split('\n'),
      );
      const pushed = lines.filter((line) => line.startsWith('A ')).map((line) => line.slice(2));
      const claimed = lines.filter((line) => line.startsWith('K ')).map((line) => line.slice(2));
      const queue = await openEmbeddedQueue({ directory });
      const rest = await takeAll(queue);
      await queue.close();
      expect(pushed).toHaveLength(PROCESSES * OPENINGS * 3);
      expect([...claimed, ...rest].sort()).toEqual(pushed.sort());
    });
  });
});

describe('the gate of a queue', () => {
  it('is made anew where its locks were destroyed, by who opens it and by who has it open', async () => {
    await withDirectory(async (directory) => {
      const first = await openEmbeddedQueue({ directory });
      await first.push([{ bytes: Buffer.from('before'), readings: 1 }]);
      const lock = join(directory, 'queue.lmdb-gate-lock');
      const before = statSync(lock).ino;
      // What the last process does that closes it, under the hands of one that waits to open it. By a process that does not have it open.
      const destroy = `const { openSync, writeSync, fstatSync } = require('node:fs');
        const lock = openSync(process.argv[1], 'r+');
        // Behind the number that says what file it is, and the last transaction's.
        writeSync(lock, Buffer.alloc(fstatSync(lock).size - 24, 0xff), 0, undefined, 24);`;
      const [code] = await once(spawn(process.execPath, ['-e', destroy, lock]), 'exit');
      assert.equal(code, 0);
      const log = join(directory, 'log');
      writeFileSync(log, '');
      const other = spawn(process.execPath, [WORKER, directory, log, 'other', '1'], { stdio: 'ignore' });
      assert.deepEqual((await once(other, 'exit'))[0], 0);
      assert.notEqual(statSync(lock).ino, before);
      // Who has it open is told once, and then has the new one.
      await expect(first.push([{ bytes: Buffer.from('told'), readings: 1 }])).rejects.toMatchObject({
        code: 'queue_unavailable',
      });
      await first.push([{ bytes: Buffer.from('after'), readings: 1 }]);
      const ids = await takeAll(first);
      await first.close();
      expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(7);
      expect(ids).toEqual(['after']);
    });
  });

  it('is told of when it is no database, and holds nothing', async () => {
    await withDirectory(async (directory) => {
      await (await openEmbeddedQueue({ directory })).close();
      const gate = join(directory, 'queue.lmdb-gate');
      assert.ok(existsSync(gate));
      writeFileSync(gate, 'x'.repeat(10_000));
      await expect(openEmbeddedQueue({ directory })).rejects.toMatchObject({
        code: 'queue_layout',
        message: expect.stringContaining('delete it'),
      });
      expect(readdirSync(directory)).toContain('queue.lmdb');
    });
  });
});
