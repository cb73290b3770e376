import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { expectSame } from '../../../../test/support/same.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, drainBatch, enqueue, query } from '../../src/index.js';
import { bundleCompacter, startCompacter } from '../support/compacter.js';

const ROUNDS = Number(process.env.HRM_RACE_ROUNDS ?? 300);
const START_MS = Date.UTC(2024, 0, 15);
const SECOND_MS = 1_000;
const PER_ROUND = 20;
/** Half as many as there is time for where nobody else works: else questions would be asked without end while a busy disk syncs. */
const ASKED_A_ROUND = 5;

function heartRate(second: number): number {
  return 40 + ((second * 37) % 150);
}

/** The minutes of readings 0 to `seconds` - 1, one a second. */
function minutes(seconds: number): { sum: number; count: number }[] {
  const rows: { sum: number; count: number }[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const row = rows[Math.floor(second / 60)] ?? { sum: 0, count: 0 };
    rows[Math.floor(second / 60)] = { sum: row.sum + heartRate(second), count: row.count + 1 };
  }
  return rows;
}

it(`answers rightly at every moment while two processes compact what a consumer writes, ${ROUNDS} rounds`, async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'hrm-race-'));
  const data = path.join(directory, 'data');
  const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue') });
  const storage = await openDirectoryStorage({ directory: data });
  // Replaced files go as soon as the next run comes: far sooner than the minute that readers normally have.
  const program = await bundleCompacter(directory);
  const compacters = [startCompacter(program, data, 50), startCompacter(program, data, 50)];
  let stored = 0;
  let sent = 0;
  let asked = 0;
  let isOver = false;

  async function read(): Promise<void> {
    while (!isOver) {
      if (asked > ASKED_A_ROUND * (1 + stored / PER_ROUND)) {
        await setTimeout(1);
        continue;
      }
      const before = stored;
      const rows = await query({ storage }, { userId: 'ana', start: START_MS, end: START_MS + 86_400_000 });
      const after = sent;
      const seconds = rows.reduce((sum, row) => sum + row.count, 0);
      // Never fewer than what was stored before the question, never more than was sent until the answer.
      expect(seconds).toBeGreaterThanOrEqual(before);
      expect(seconds).toBeLessThanOrEqual(after);
      // One consumer stores in order, so the answer is about a prefix of what was sent, to the reading.
      const expected = minutes(seconds).map(({ sum, count }) => [Math.round((100 * sum) / count) / 100, count]);
      expectSame(
        rows.map((row) => [row.heartRate, row.count]),
        expected,
      );
      asked += 1;
    }
  }

  async function consume(): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      const batch = Array.from({ length: PER_ROUND }, (_, i) => ({
        userId: 'ana',
        deviceId: 'watch',
        timestamp: new Date(START_MS + (round * PER_ROUND + i) * SECOND_MS).toISOString(),
        heartRate: heartRate(round * PER_ROUND + i),
      }));
      await enqueue({ queue }, batch);
      sent += PER_ROUND;
      expect(await drainBatch({ queue, storage })).toMatchObject({ claimed: PER_ROUND, outcome: 'acked' });
      stored += PER_ROUND;
    }
    isOver = true;
  }

  try {
    await Promise.all([consume(), read(), read()]);
    const [first, second] = await Promise.all(compacters.map((compacter) => compacter.stop()));
    expect(asked).toBeGreaterThan(ROUNDS / 10);
    expect(Number(first) + Number(second)).toBeGreaterThan(0);
    for (let run = 0; run < 2; run += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await readdir(path.join(data, '20240115', 'ana'))).toEqual(['compacted.parquet']);
    console.log(`race: ${asked} answers, ${first} + ${second} compactions, ${ROUNDS} batches`);
  } finally {
    isOver = true;
    for (const compacter of compacters) compacter.kill();
    await queue.close();
    await storage.close();
    await rm(directory, { recursive: true });
  }
});
