/** An audit log whose writers are killed at any moment: what one said that it recorded is there, once, and the log is whole. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { verifyAudit } from '../../src/audit/index.js';
import { logPath, requestsIn } from '../support/audit.js';
import { randomFrom, testSeed } from '../support/random.js';

const WORKER = fileURLToPath(new URL('audit-worker.mjs', import.meta.url));
const ROUNDS = Number(process.env.HRM_CRASH_ROUNDS ?? 15);
const WRITERS = 3;

/** Kills a writer once it has said so many. @returns what it said. */
async function liveAndDie(path: string, name: string, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [WORKER, path, name, '20000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
    if (said.split('\n').length > lines) child.kill('SIGKILL');
  });
  expect(await exit).toEqual([null, 'SIGKILL']);
  return said.split('\n').slice(0, -1);
}

it('a log whose writers are killed is whole, and has what they said', async () => {
  const path = logPath();
  const random = randomFrom(testSeed());
  const acknowledged: string[] = [];
  let next = 0;
  async function writeFor(rounds: number): Promise<void> {
    for (let i = 0; i < rounds; i += 1) {
      next += 1;
      acknowledged.push(...(await liveAndDie(path, `w${next}`, 1 + Math.floor(random() * 40))));
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, () => writeFor(Math.ceil(ROUNDS / WRITERS))));
  const there = requestsIn(path);
  expect(new Set(there).size).toBe(there.length);
  expect(acknowledged.filter((id) => !there.includes(id))).toEqual([]);
  const found = await verifyAudit(path);
  expect(found.faults).toEqual([]);
  expect(found).toMatchObject({ isWhole: true, lost: 0, unended: next });
  expect(found.files).toBeGreaterThan(1);
});
