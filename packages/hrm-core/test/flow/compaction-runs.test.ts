/** Runs of a compacter: what they look at, in which order, and what becomes of many files. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { compact, HrmError, type Partition, query, type Reading, type Storage, writePart } from '../../src/index.js';
import { MAX_LISTED_PARTITIONS, MAX_TURN_MS } from '../../src/limits.js';
import { oracleAnswer } from '../property/oracle.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { withDirectory } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);

function reading(userId: string, timestampMs: number, heartRate = 70): Reading {
  return { userId, deviceId: 'watch', timestampMs, heartRate, receivedMs: timestampMs };
}

async function withStorage(use: (storage: Storage, data: string) => Promise<void>): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await openPromptStorage({ directory: data });
    try {
      await use(storage, data);
    } finally {
      await storage.close();
    }
  });
}

/** The storage, telling which partitions a run takes snapshots of. */
function watching(storage: Storage): { storage: Storage; looked: string[] } {
  const looked: string[] = [];
  return {
    looked,
    storage: {
      ...storage,
      snapshot(partition: Partition, options) {
        looked.push(`${partition.date}/${partition.directory}`);
        return storage.snapshot(partition, options);
      },
    },
  };
}

it('looks only at what was published to since it was settled, also as another process and after a restart', async () => {
  await withStorage(async (storage, data) => {
    for (let day = 0; day < 20; day += 1) await writePart({ storage }, [reading('ana', START_MS + day * DAY_MS)]);
    for (let run = 0; run < 3; run += 1) await compact({ storage }, { sweepAfterMs: 0 });
    const idle = watching(storage);
    expect(await compact({ storage: idle.storage })).toMatchObject({ partitions: 0 });
    expect(idle.looked).toEqual([]);
    await writePart({ storage }, [reading('ana', START_MS + 7 * DAY_MS + 1)]);
    const another = await openPromptStorage({ directory: data });
    const busy = watching(another);
    expect(await compact({ storage: busy.storage })).toMatchObject({ partitions: 1 });
    expect(new Set(busy.looked)).toEqual(new Set(['20240122/ana']));
    await another.close();
    // Told to, it looks at everything.
    expect(await compact({ storage }, { all: true })).toMatchObject({ partitions: 20 });
  });
});

it('finds everything again where its marks are gone, as in a data directory of an older version', async () => {
  await withStorage(async (storage, data) => {
    for (let day = 0; day < 3; day += 1) await writePart({ storage }, [reading('ana', START_MS + day * DAY_MS)]);
    await rm(path.join(data, '.pending'), { recursive: true });
    const later = await openPromptStorage({ directory: data });
    expect(await compact({ storage: later })).toMatchObject({ partitions: 3, compacted: 3 });
    await later.close();
  });
});

it('keeps a partition in sight that is published to during a visit', async () => {
  await withStorage(async (storage) => {
    await writePart({ storage }, [reading('ana', START_MS)]);
    await compact({ storage }, { sweepAfterMs: 0 });
    const meddling: Storage = {
      ...storage,
      async visit(partition) {
        const visit = await storage.visit(partition);
        return {
          ...visit,
          async markClean() {
            await writePart({ storage }, [reading('ana', START_MS + 1)]);
            await visit.markClean();
          },
        };
      },
    };
    expect(await compact({ storage: meddling }, { sweepAfterMs: 0 })).toMatchObject({ partitions: 1 });
    expect(await compact({ storage }, { sweepAfterMs: 0 })).toMatchObject({ partitions: 1 });
  });
});

it('gives way to others while it looks for work among many partitions', async () => {
  await withStorage(async (storage) => {
    await writePart(
      { storage },
      Array.from({ length: 20 }, (_, u) => reading(`user ${u}`, START_MS)),
    );
    let turns = 0;
    let isOver = false;
    function count(): void {
      turns += 1;
      if (!isOver) setImmediate(count);
    }
    const slow: Storage = {
      ...storage,
      async versions() {
        const startMs = performance.now();
        while (performance.now() - startMs < MAX_TURN_MS) {
          // What a listing on a slow disk takes: it holds up everything else meanwhile.
        }
        return [];
      },
      // Where the work begins.
      visit: () => Promise.reject(new HrmError('enough', { kind: 'closed', code: 'aborted' })),
    };
    setImmediate(count);
    await expect(compact({ storage: slow })).rejects.toThrow('enough');
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(20);
  });
});

it('holds a bounded number of partitions at once, of a store of any number, and looks at each once', async () => {
  await withStorage(async (storage) => {
    const all = 2 * MAX_LISTED_PARTITIONS + 1_000;
    let [given, visited, most] = [0, 0, 0];
    const many: Storage = {
      ...storage,
      async *partitions({ directories }) {
        if (directories !== undefined) return;
        for (; given < all; ) {
          given += 1;
          yield { date: '20240115', directory: `user-${given}` };
        }
      },
      snapshot: async (partition) => ({ partition, files: [], close: async () => undefined }),
      visit: async () => {
        visited += 1;
        most = Math.max(most, given - visited);
        return { changed: false, markClean: async () => undefined };
      },
    };
    let last = { done: 0, total: 0 };
    const onProgress = (progress: typeof last) => {
      last = progress;
    };
    expect(await compact({ storage: many }, { all: true }, { onProgress })).toMatchObject({ partitions: all, left: 0 });
    expect(visited).toBe(all);
    expect(most).toBeLessThanOrEqual(MAX_LISTED_PARTITIONS);
    expect(last).toEqual({ done: all, total: all });
  });
});

it('keeps a partition in sight when two visits of it overlap, and one has seen less', async () => {
  await withStorage(async (storage) => {
    const partition = { date: '20240115', directory: 'ana' };
    await writePart({ storage }, [reading('ana', START_MS)]);
    const first = await storage.visit(partition);
    await writePart({ storage }, [reading('ana', START_MS + 1)]);
    await storage.visit(partition);
    await first.markClean();
    expect(await compact({ storage })).toMatchObject({ partitions: 1 });
  });
});

it('merges parts of like size into larger ones, which name what they hold', async () => {
  await withStorage(async (storage, data) => {
    const clock = { nowMs: () => START_MS + DAY_MS / 2 };
    const stored: Reading[] = Array.from({ length: 2_000 }, (_, i) => reading('ana', START_MS + i * 1_000));
    await writePart({ storage }, stored);
    await writePart({ storage }, stored.slice(0, 1));
    await compact({ storage, clock }, { sweepAfterMs: 0 });
    for (let p = 0; p < 20; p += 1) {
      const late = [0, 1, 2].map((i) => reading('ana', START_MS + 3_000_000 + (p * 3 + i) * 900, 80 + p));
      stored.push(...late);
      await writePart({ storage }, late);
    }
    const ask = async () => {
      const range = { userId: 'ana', fromMs: START_MS, toMs: START_MS + DAY_MS };
      const rows = await query({ storage }, { userId: 'ana', start: range.fromMs, end: range.toMs });
      expect(rows).toEqual(oracleAnswer(stored, { ...range, intervalMs: 60_000, priority: {} }));
    };
    expect(await compact({ storage, clock })).toMatchObject({ compacted: 0, merged: 20, readings: 60 });
    await ask();
    expect(await compact({ storage, clock }, { sweepAfterMs: 0 })).toMatchObject({ merged: 0 });
    expect(await readdir(path.join(data, '20240115', 'ana'))).toHaveLength(2);
    await ask();
  });
});

it('brings a season that arrives in random order to one file a day, and rewrites each reading a few times', async () => {
  const random = randomFrom(testSeed());
  await withStorage(async (storage, data) => {
    const [days, batches] = [40, 12];
    const all = Array.from({ length: days * 300 }, (_, i) => reading('ana', START_MS + i * 288_000, 60 + (i % 90)));
    const order = all.map((each) => ({ each, key: random() })).sort((a, b) => a.key - b.key);
    let rewritten = 0;
    for (let b = 0; b < batches; b += 1) {
      const from = (b * all.length) / batches;
      await writePart(
        { storage },
        order.slice(from, from + all.length / batches).map(({ each }) => each),
      );
      rewritten += (await compact({ storage }, { sweepAfterMs: 0 })).readings;
    }
    // A part that has just come may not be the last.
    await delay(2_100);
    for (let run = 0; run < 3; run += 1) {
      rewritten += (await compact({ storage }, { sweepAfterMs: 0 })).readings;
    }
    expect(rewritten / all.length).toBeLessThan(6);
    const dates = (await readdir(data)).filter((name) => /^\d{8}$/.test(name));
    expect(dates).toHaveLength(days);
    for (const date of dates) expect(await readdir(path.join(data, date, 'ana'))).toEqual(['compacted.parquet']);
    const range = { userId: 'ana', fromMs: START_MS, toMs: START_MS + days * DAY_MS };
    const rows = await query({ storage }, { userId: 'ana', start: range.fromMs, end: range.toMs, interval: '1h' });
    expect(rows).toEqual(oracleAnswer(all, { ...range, intervalMs: 3_600_000, priority: {} }));
    expect(await compact({ storage })).toMatchObject({ partitions: 0 });
  });
});

it('does not rewrite a day that is over for late readings that trickle in, however many compacters look at it', async () => {
  await withStorage(async (storage, data) => {
    const another = await openPromptStorage({ directory: data });
    const day = Array.from({ length: 8_640 }, (_, i) => reading('ana', START_MS + i * 10_000));
    await writePart({ storage }, day);
    await compact({ storage }, { sweepAfterMs: 0 });
    let [late, rewritten] = [0, 0];
    for (let part = 0; part < 40; part += 1) {
      const own = Array.from({ length: 10 }, (_, i) => reading('ana', START_MS + (part * 10 + i) * 1_000 + 500, 80));
      late += own.length;
      await writePart({ storage }, own);
      const cameMs = performance.now();
      // Out of phase: whoever looks second finds nothing new. On a machine that is too busy the part is old by then.
      for (const one of [storage, another, storage]) {
        if (performance.now() - cameMs > 1_000) break;
        rewritten += (await compact({ storage: one }, { sweepAfterMs: 0 })).readings;
      }
    }
    expect(rewritten / late).toBeLessThan(6);
    const sealed = await compact({ storage: another }, { sweepAfterMs: 0, quietAfterMs: 0 });
    expect(sealed).toMatchObject({ compacted: 1, readings: day.length + late, waiting: 0 });
    await compact({ storage }, { sweepAfterMs: 0 });
    expect(await readdir(path.join(data, '20240115', 'ana'))).toEqual(['compacted.parquet']);
    await another.close();
  });
});
