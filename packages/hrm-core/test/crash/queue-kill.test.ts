import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, it } from 'vitest';
import { seededRandom } from '../../src/contract/queue-support.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import type { FedQueue, Queue } from '../../src/ports/queue.js';

const WORKER = fileURLToPath(new URL('queue-worker.mjs', import.meta.url));
const ROLES = ['producer', 'consumer', 'both'] as const;
const ROUNDS = Number(process.env.HRM_CRASH_ROUNDS ?? 15);
/** Longer than a worker's lease, so that what a killed one held can be claimed. */
const LEASE_OVER_MS = 300;
const LIMITS = { maxReadings: 100_000, maxBytes: 50_000_000, maxElements: 10_000, leaseMs: 60_000 };

interface Worker {
  readonly role: string;
  readonly process: ChildProcess;
  readonly exit: Promise<unknown>;
  /** Settles when it has the queue open, or ended. */
  readonly ready: Promise<unknown>;
  isExpectedToEnd: boolean;
}

/** What the workers' logs say. */
interface Ledger {
  readonly readingsSent: Map<string, number>;
  readonly pushed: Set<string>;
  readonly delivered: Set<string>;
  readonly ackedNs: Map<string, bigint>;
}

const parent = mkdtempSync(join(tmpdir(), 'hrm-kill-'));
const directory = join(parent, 'queue');
const logs = join(parent, 'log-');
const workers: Worker[] = [];
const unexpected: string[] = [];
let spawned = 0;

function start(role: string): Worker {
  spawned += 1;
  const child = spawn(process.execPath, [WORKER, role, directory, `${logs}${spawned}`, `w${spawned}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const exit = once(child, 'exit');
  const ready = Promise.race([exit, once(child.stdout, 'data')]);
  const worker: Worker = { role, process: child, exit, ready, isExpectedToEnd: false };
  child.on('exit', (code, signal) => {
    if (!worker.isExpectedToEnd) unexpected.push(`${role} ended by itself (${code ?? signal}): ${stderr}`);
  });
  return worker;
}

async function kill(worker: Worker): Promise<void> {
  worker.isExpectedToEnd = true;
  worker.process.kill('SIGKILL');
  await worker.exit;
}

function readLedger(): Ledger {
  const ledger: Ledger = {
    readingsSent: new Map(),
    pushed: new Set(),
    delivered: new Set(),
    ackedNs: new Map(),
  };
  const deliveries: { id: string; startNs: bigint }[] = [];
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith('log-'))) {
    for (const line of readFileSync(join(parent, name), 'utf8').split('\n')) {
      const [kind, id = '', number = ''] = line.split(' ');
      if (kind === 'S') ledger.readingsSent.set(id, Number(number));
      if (kind === 'A') ledger.pushed.add(id);
      if (kind === 'K') ledger.ackedNs.set(id, BigInt(number));
      if (kind === 'D') deliveries.push({ id, startNs: BigInt(number) });
    }
  }
  for (const { id, startNs } of deliveries) {
    ledger.delivered.add(id);
    const ackedNs = ledger.ackedNs.get(id);
    assert.ok(ackedNs === undefined || startNs <= ackedNs, `${id} was claimed again after its acknowledgement`);
  }
  return ledger;
}

/** Takes everything that is left; the counters must have announced exactly that. */
async function drain(queue: Queue, ledger: Ledger): Promise<void> {
  const { readings, claimedReadings } = await queue.depth();
  assert.equal(claimedReadings, 0, 'a dead worker still holds a claim');
  let drained = 0;
  for (;;) {
    const claim = await queue.claim(LIMITS);
    if (claim === null) break;
    for (const { bytes } of claim.elements) {
      const [id = '', count] = Buffer.from(bytes).toString().split(' ', 2);
      assert.ok(!ledger.ackedNs.has(id), `${id} was acknowledged and is still there`);
      ledger.delivered.add(id);
      drained += Number(count);
    }
    assert.equal(await queue.ack(claim.token), 'acked');
  }
  assert.equal(drained, readings, 'the counters and the elements differ');
}

async function checkDeadLetters(queue: Queue, ledger: Ledger): Promise<void> {
  const deadLetters = (await queue.depth()).deadLetters ?? 0;
  const letters = await queue.deadLetters.list({ limit: deadLetters + 1 });
  assert.equal(letters.length, deadLetters);
  for (const { bytes } of letters) {
    assert.ok(ledger.readingsSent.has(Buffer.from(bytes).toString().split(' ', 1)[0] ?? ''));
  }
}

/** Follows the feed until it is stopped; what it saw. */
async function follow(
  queue: FedQueue,
  signal: AbortSignal,
): Promise<{ seen: Set<string>; twice: number; gaps: number }> {
  const seen = new Set<string>();
  let [twice, gaps] = [0, 0];
  let next = await queue.feed.watch();
  for (;;) {
    // What was pushed before the stop is still to be read.
    const isLast = signal.aborted;
    // Far more often than watchers do: renewals meet pushes that have waited for the lock since before them.
    await queue.feed.watch();
    const page = await queue.feed.read(next, { timeoutMs: 50 });
    gaps += page.isGap ? 1 : 0;
    for (const { bytes } of page.entries) {
      const [id = ''] = Buffer.from(bytes).toString().split(' ', 1);
      twice += seen.has(id) ? 1 : 0;
      seen.add(id);
    }
    next = page.next;
    if (isLast && page.entries.length === 0) return { seen, twice, gaps };
  }
}

describe('three processes on one queue, killed', () => {
  afterAll(async () => {
    for (const worker of workers) await kill(worker);
    rmSync(parent, { recursive: true });
  });

  const seed = randomInt(2 ** 31);
  it(`loses nothing and makes up nothing in ${ROUNDS} kills, seed ${seed}`, {
    timeout: 300_000 + ROUNDS * 2_000,
  }, async () => {
    const random = seededRandom(seed);
    const watching = await openEmbeddedQueue({ directory });
    const stop = new AbortController();
    const followed = follow(watching, stop.signal);
    workers.push(...ROLES.map(start));
    await Promise.all(workers.map(({ ready }) => ready));
    for (let round = 0; round < ROUNDS; round += 1) {
      await delay(20 + random() * 400);
      const index = Math.floor(random() * workers.length);
      const victim = workers[index];
      assert.ok(victim !== undefined);
      await kill(victim);
      workers[index] = start(victim.role);
      assert.deepEqual(unexpected, []);
    }
    for (const worker of workers) await kill(worker);
    assert.deepEqual(unexpected, []);
    stop.abort();
    const { seen, twice, gaps } = await followed;
    await watching.close();
    await delay(LEASE_OVER_MS);
    const ledger = readLedger();
    assert.deepEqual([gaps, twice], [0, 0], 'the feed has gaps or repeats');
    assert.deepEqual(
      [...ledger.pushed].filter((id) => !seen.has(id)),
      [],
      'acknowledged and not in the feed',
    );
    assert.ok([...seen].every((id) => ledger.readingsSent.has(id)));
    const queue = await openEmbeddedQueue({ directory });
    await drain(queue, ledger);
    await checkDeadLetters(queue, ledger);
    const { deadLetters: _, ...rest } = await queue.depth();
    assert.deepEqual(rest, { readings: 0, claimedReadings: 0, endedClaims: 0, oldestMs: null });
    await queue.close();
    assert.deepEqual(
      [...ledger.pushed].filter((id) => !ledger.delivered.has(id)),
      [],
      'acknowledged and lost',
    );
    assert.deepEqual(
      [...ledger.delivered].filter((id) => !ledger.readingsSent.has(id)),
      [],
      'never sent',
    );
    // Otherwise the workers did nothing, and the test said nothing.
    assert.ok(ledger.pushed.size > ROUNDS * 20, `only ${ledger.pushed.size} elements were pushed`);
    assert.ok(ledger.ackedNs.size > ROUNDS * 5, `only ${ledger.ackedNs.size} elements were acknowledged`);
    console.info(`${ROUNDS} kills: ${ledger.pushed.size} elements acknowledged, ${ledger.ackedNs.size} consumed`);
  });
});
