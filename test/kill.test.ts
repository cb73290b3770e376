import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { randomFrom, testSeed } from '../packages/hrm-core/test/support/random.js';
import { environment, getRows, postBatch, type Service, startService, temporaryDirectory } from './support/hrm.js';
import { until } from './support/until.js';

const ROUNDS = Number(process.env.HRM_CRASH_ROUNDS ?? 15);
const SEED = testSeed();
/** With the crowd there are more than 32 users in a batch, and so shared parts. */
const CROWD = Array.from({ length: 45 }, (_, i) => `crowd ${i}`);
const USERS = ['ana', 'Ana', '../ben', ...CROWD];
const POSTERS = 4;
const START_MS = Date.UTC(2023, 0, 1);
const MINUTE_MS = 60_000;

/** What was sent of one user, a reading a minute: minute -> heart rate, and the minutes that got a 202. */
interface Ledger {
  sent: Map<string, number>;
  accepted: Set<string>;
}

/** Posts a reading of every user. */
async function postOfAll(service: Service, ledgers: readonly Ledger[]): Promise<void> {
  const timestamp = new Date(START_MS).toISOString();
  const batch = USERS.map((user_id, u) => ({ user_id, device_id: 'watch', timestamp, heart_rate: 30 + u }));
  expect(await postBatch(service.url, batch)).toBe(202);
  for (const [u, { sent, accepted }] of ledgers.entries()) {
    sent.set(timestamp.replace('.000Z', 'Z'), 30 + u);
    accepted.add(timestamp.replace('.000Z', 'Z'));
  }
}

/** Posts batches of one to forty readings until the service is gone. */
async function post(
  service: Service,
  ledgers: readonly Ledger[],
  random: () => number,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const isCrowd = random() < 0.3;
    const length = isCrowd ? CROWD.length : random() < 0.3 ? 1 : 1 + Math.floor(random() * 40);
    const one = Math.floor(random() * USERS.length);
    const batch = Array.from({ length }, (_, i) => {
      const user = isCrowd ? USERS.length - CROWD.length + i : one;
      const ledger = ledgers[user] as Ledger;
      const timestamp = new Date(START_MS + ledger.sent.size * MINUTE_MS).toISOString();
      const heart_rate = 30 + Math.floor(random() * 191);
      ledger.sent.set(timestamp.replace('.000Z', 'Z'), heart_rate);
      return { user_id: USERS[user], device_id: 'watch', timestamp, heart_rate };
    });
    try {
      if ((await postBatch(service.url, batch)) !== 202) throw new Error('refused');
    } catch {
      // Killed under it: these readings may be in the answers, or not.
      await sleep(5);
      continue;
    }
    for (const { user_id, timestamp } of batch) {
      ledgers[USERS.indexOf(String(user_id))]?.accepted.add(timestamp.replace('.000Z', 'Z'));
    }
  }
}

function countAccepted(ledgers: readonly Ledger[]): number {
  return ledgers.reduce((sum, { accepted }) => sum + accepted.size, 0);
}

async function temporaries(directory: string): Promise<string[]> {
  return readdir(path.join(directory, 'data', '.tmp'));
}

/** Waits until everything accepted is in the answers, boundedly; returns the answers. */
async function settledAnswers(service: Service, ledgers: readonly Ledger[]): Promise<Map<string, number>[]> {
  for (let attempt = 0; ; attempt += 1) {
    const answers = await Promise.all(
      USERS.map(async (user_id, u) => {
        const end = new Date(START_MS + ((ledgers[u]?.sent.size ?? 0) + 1) * MINUTE_MS).toISOString();
        const rows = await getRows(service.url, { user_id, start: new Date(START_MS).toISOString(), end });
        expect(rows.every((row) => row.count === 1)).toBe(true);
        return new Map(rows.map((row) => [row.timestamp, row.heart_rate]));
      }),
    );
    const missing = ledgers.map(
      (ledger, u) => [...ledger.accepted].filter((minute) => !answers[u]?.has(minute)).length,
    );
    if (missing.every((count) => count === 0)) return answers;
    if (attempt === 600)
      throw new Error(`lost, or not stored within a minute: ${missing.join(', ')} readings of the users`);
    await sleep(100);
  }
}

it(
  `loses nothing that got 202 through ${ROUNDS} SIGKILLs (HRM_SEED=${SEED} repeats the choices)`,
  async () => {
    const random = randomFrom(SEED);
    const directory = await temporaryDirectory(tmpdir());
    const env = environment(directory, {
      HRM_BATCH_MAX_AGE_MS: '30',
      HRM_LEASE_MS: '500',
      HRM_COMPACT_EVERY_MS: '50',
      HRM_SWEEP_AFTER_MS: '100',
    });
    const ledgers: Ledger[] = USERS.map(() => ({ sent: new Map(), accepted: new Set() }));
    let service = await startService(env);
    await postOfAll(service, ledgers);
    for (let round = 0; round < ROUNDS; round += 1) {
      let over = false;
      const posting = Array.from({ length: POSTERS }, () => post(service, ledgers, random, () => over));
      const had = countAccepted(ledgers);
      await sleep(20 + random() * 400);
      // On a busy machine nothing may have been taken by then, and a kill would prove nothing.
      await until(() => countAccepted(ledgers) > had, 'a reading was accepted');
      expect(await service.end('SIGKILL')).toBeNull();
      over = true;
      await Promise.all(posting);
      const before = new Set(await temporaries(directory));
      service = await startService(env);
      // The new process writes temporaries of its own; none that the killed one left is still there.
      expect((await temporaries(directory)).filter((name) => before.has(name))).toEqual([]);
    }
    const answers = await settledAnswers(service, ledgers);
    for (const [u, ledger] of ledgers.entries()) {
      for (const [minute, heartRate] of answers[u] ?? []) expect(ledger.sent.get(minute), minute).toBe(heartRate);
    }
    expect(await service.end('SIGTERM')).toBe(0);
    expect(await temporaries(directory)).toEqual([]);
    console.log(`kill: ${ROUNDS} kills, ${countAccepted(ledgers)} readings accepted, none lost`);
  },
  Math.max(300_000, ROUNDS * 4_000),
);
