/** Everything fails, again and again, under load; afterwards exactly what was acknowledged is in the answers. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { randomFrom, testSeed } from '../packages/hrm-core/test/support/random.js';
import { type Fault, planFaults } from './support/chaos.js';
import { answerByUser, openDuckDb, rulesSql } from './support/duckdb.js';
import { getRows, runHrm } from './support/hrm.js';
import { createLedger, type Ledger, type Load, post, pushForeign, rangeOf } from './support/load.js';
import { type Deployment, startDeployment } from './support/redis-deployment.js';
import { eventually } from './support/redis-process.js';
import { expectSame } from './support/same.js';

/** Each kind of fault comes once in so many rounds; see `planFaults`. */
const ROUNDS = Number(process.env.HRM_CHAOS_ROUNDS ?? 14);
const SEED = testSeed();
/** More users than the 32 from which on a batch has shared parts. */
const CROWD = Array.from({ length: 60 }, (_, i) => `crowd ${i}`);

const WELL = { status: 'healthy', checks: { service: 'healthy', queue: 'healthy', storage: 'healthy' } };

/** Runs the rounds: a fault begins, and the next one while it may still go on. */
async function breakThings(
  deployment: Deployment,
  plan: readonly Fault[],
  random: () => number,
  begun: () => Promise<void>,
) {
  const running = new Map<string, Promise<void>>();
  for (const fault of plan) {
    await running.get(fault.target);
    await begun();
    const done = fault.run(deployment, random);
    // Its failure is the test's, when it is waited for.
    done.catch(() => undefined);
    running.set(fault.target, done);
    await sleep(300 + random() * 900);
  }
  await Promise.all(running.values());
}

/** What is missing of what was acknowledged, by the round that it was sent in. */
function describeLost(ledger: Ledger, present: ReadonlySet<string>, plan: readonly Fault[]): string[] {
  const lost = new Map<number, number>();
  for (const timestamp of ledger.accepted) {
    if (present.has(timestamp)) continue;
    const round = ledger.sent.get(timestamp)?.round ?? -1;
    lost.set(round, (lost.get(round) ?? 0) + 1);
  }
  return [...lost].map(([round, count]) => {
    return `${count} readings of ${ledger.user}, sent in round ${round} (${plan[round]?.name}; before: ${plan[round - 1]?.name})`;
  });
}

/** Names of the shared parts that are there, of any day. */
async function sharedParts(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  return names.filter((name) => /^[0-9]{8}\/_shared\/[^/]+\.parquet$/.test(name));
}

async function isDrained({ redis }: Deployment): Promise<boolean> {
  const [queued, keys] = [await redis.cli('LLEN', 'heartbeat:queue'), await redis.cli('KEYS', 'heartbeat:processing*')];
  return queued === '0' && (keys === '' || keys === 'heartbeat:processing:store');
}

/** What /health says, once it says that all is well, or after 20 s. */
async function settledHealth(url: string | null): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(`${url}/health`);
    const report = (await response.json()) as { status: string };
    if (report.status === 'healthy' || attempt === 40) return report;
    await sleep(500);
  }
}

it(
  `loses and invents nothing in ${ROUNDS} rounds of chaos (HRM_SEED=${SEED} repeats the choices)`,
  async () => {
    const random = randomFrom(SEED);
    const deployment = await startDeployment();
    const { apis, all, redis, env, hasDisks, clocks, dataDirectory } = deployment;
    if (!hasDisks) console.warn('chaos: without full disks, which need the right to mount a tmpfs');
    if (!clocks) console.warn('chaos: without jumps of clocks, which need libfaketime on Linux');
    const plan = planFaults(ROUNDS, deployment, random);
    const [ana, ben, original] = ['ana', '../ben', 'an original client'].map(createLedger) as [Ledger, Ledger, Ledger];
    const crowd = CROWD.map(createLedger);
    const ledgers = [ana, ben, original, ...crowd];
    const shared = new Set<string>();
    let round = -1;
    let isOver = false;
    // Not the generator of the choices: how often the producers ask for a number depends on the time.
    const load: Load = { random: randomFrom(SEED + 1), round: () => round, isOver: () => isOver };
    const urls = () => apis.flatMap(({ url }) => url ?? []);
    const producers = [
      ...[[ana], [ben], crowd].map((some) => post(urls, some, load)),
      pushForeign(redis, original, load),
    ];
    const breaking = breakThings(deployment, plan, random, async () => {
      round += 1;
      for (const name of await sharedParts(dataDirectory)) shared.add(name);
    }).finally(() => {
      isOver = true;
    });
    await Promise.all([breaking, ...producers]);

    await eventually('all processes run again', async () => all.every(({ isReady }) => isReady));
    await eventually('nothing is queued, and no claim is left', () => isDrained(deployment));
    const url = String(apis[0]?.url);
    const rows = await Promise.all(ledgers.map((ledger) => getRows(url, { user_id: ledger.user, ...rangeOf(ledger) })));
    const lost = ledgers.flatMap((ledger, i) =>
      describeLost(ledger, new Set(rows[i]?.map(({ timestamp }) => timestamp)), plan),
    );
    expect(lost, `HRM_SEED=${SEED}`).toEqual([]);
    for (const [i, { sent, accepted, user }] of ledgers.entries()) {
      expect(accepted.size, user).toBeGreaterThan(user.startsWith('crowd') ? 0 : ROUNDS);
      // Every row is one reading that was sent, with its value.
      const invented = rows[i]?.filter(
        (row) => row.count !== 1 || sent.get(row.timestamp)?.heartRate !== row.heart_rate,
      );
      expect(invented, user).toEqual([]);
    }

    for (const { url } of apis) expect(await settledHealth(url)).toEqual(WELL);
    expect(all.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(JSON.parse(await runHrm(env, 'dlq', 'list', '--json'))).toEqual({ items: [], count: 0 });
    for (const one of all) expect(await one.stop(), one.name).toBe(0);
    expect(await isDrained(deployment)).toBe(true);
    await runHrm(env, 'compact');
    expect(await readdir(path.join(dataDirectory, '.tmp'))).toEqual([]);
    const duckdb = await openDuckDb();
    const stored = await answerByUser(duckdb, rulesSql(`read_parquet('${dataDirectory}/*/*/*.parquet')`));
    expectSame(stored, new Map(ledgers.map(({ user }, i) => [user, rows[i]])));
    expect(shared.size).toBeGreaterThan(0);
    const outcomes = [ana, ben, original, ...crowd.slice(0, 1)].map(({ user, accepted, outcomes }) => {
      return `${user}: ${accepted.size} readings, ${JSON.stringify(Object.fromEntries(outcomes))}`;
    });
    console.log(`chaos: ${ROUNDS} rounds, nothing lost of ${outcomes.join('; ')}`);
  },
  Math.max(180_000, ROUNDS * 5_000),
);
