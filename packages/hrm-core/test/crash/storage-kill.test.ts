/**
 * Processes that are killed at any moment: one that publishes, two that compact and remove, two that read. Every reader
 * sees, at every moment, each reading that was acknowledged before it began.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { bundle } from '../support/bundle.js';
import { randomFrom, testSeed } from '../support/random.js';
import { withDirectory } from '../support/temporary-directory.js';

const rounds = Number(process.env.HRM_CRASH_ROUNDS ?? 15);
/** One of each is killed in turn at random; readers too, since one that dies must hold nothing up either. */
const roles = ['publish', 'compact', 'compact', 'read', 'read'] as const;

interface Worker {
  readonly child: ChildProcess;
  /** Resolves when it has begun its work. */
  readonly opened: Promise<void>;
}

/** What all workers reported, by the line's first word. */
type Counts = Map<string, number>;

function start(worker: string, role: string, args: readonly string[], counts: Counts, faults: string[]): Worker {
  const child = spawn(process.execPath, [worker, role, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let rest = '';
  const opened = new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [word = ''] = line.split(' ');
        counts.set(word, (counts.get(word) ?? 0) + 1);
        if (word === 'opened') resolve();
        if (word === 'missing') faults.push(line);
      }
    });
    child.once('exit', (code) => {
      if (code !== null) faults.push(`${role} ended by itself, with ${code}`);
      resolve();
    });
  });
  child.stderr?.on('data', (chunk) => faults.push(`${role}: ${chunk}`));
  return { child, opened };
}

async function kill({ child }: Worker): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

test(`${rounds} SIGKILLs of processes on one partition lose nothing`, { timeout: 300_000 + rounds * 2_000 }, () =>
  withDirectory(async (root) => {
    const seed = testSeed();
    const random = randomFrom(seed);
    const worker = await bundle(join(import.meta.dirname, 'storage-worker.ts'), root);
    const [data, acknowledged] = [join(root, 'data'), join(root, 'acknowledged')];
    writeFileSync(acknowledged, '');
    const counts: Counts = new Map();
    const faults: string[] = [];
    const begin = (role: string): Worker => start(worker, role, [data, acknowledged], counts, faults);
    const workers = roles.map(begin);
    try {
      await Promise.all(workers.map(({ opened }) => opened));
      let withStaleTemporaries = 0;
      for (let round = 0; round < rounds && faults.length === 0; round++) {
        await delay(random() * 200);
        const at = Math.floor(random() * roles.length);
        const [victim, role] = [workers[at], roles[at]];
        assert.ok(victim && role);
        await kill(victim);
        if (readdirSync(join(data, '.tmp')).some((name) => name.includes(`~${victim.child.pid}~`)))
          withStaleTemporaries += 1;
        const next = begin(role);
        workers[at] = next;
        await next.opened;
      }
      counts.set('kills with a temporary left', withStaleTemporaries);
      // Also by readers of what the last kills left.
      await delay(500);
    } finally {
      for (const victim of workers) await kill(victim);
    }
    console.log(`storage crash test: ${JSON.stringify(Object.fromEntries(counts))}`);
    assert.deepEqual(faults, [], `HRM_SEED=${seed}`);

    const storage = await openDirectoryStorage({ directory: data });
    assert.deepEqual(readdirSync(join(data, '.tmp')), []);
    assert.deepEqual(readdirSync(join(data, '.quarantine')), []);
    const snapshot = await storage.snapshot({ date: '20240115', directory: 'ana' });
    const readings = new Set<number>();
    for (const file of snapshot.files) {
      const text = Buffer.from(await file.read(0, file.byteLength)).toString();
      for (const reading of JSON.parse(text).readings) readings.add(reading);
    }
    await snapshot.close();
    await storage.close();
    const expected = readFileSync(acknowledged, 'utf8').split('\n').slice(0, -1).map(Number);
    assert.deepEqual(
      expected.filter((reading) => !readings.has(reading)),
      [],
      `HRM_SEED=${seed}`,
    );
    // At most the publish that was killed after its link, before its line.
    assert.ok(readings.size <= expected.length + 1, 'a reading that nobody published');
    for (const word of ['written', 'replaced', 'removed', 'read']) {
      assert.ok((counts.get(word) ?? 0) >= rounds, `${word} too seldom to have been tested: ${counts.get(word)}`);
    }
  }),
);
