import { describe, expect, it } from 'vitest';
import { createYielder } from '../../src/flow/files/yielder.js';
import { MAX_TURN_MS, REST_TURNS } from '../../src/limits.js';

/** Works without letting anybody else do anything. */
function workFor(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

describe('giving way', () => {
  it('is done in one line: of many who work, one does in a turn of the loop, and then the loop has turns for itself', async () => {
    const order: (number | 'loop')[] = [];
    let isOver = false;
    const loop = (): void => {
      order.push('loop');
      if (!isOver) setImmediate(loop);
    };
    setImmediate(loop);
    await Promise.all(
      Array.from({ length: 10 }, async (_, worker) => {
        const { yieldTurn } = createYielder();
        for (let i = 0; i < 3; i += 1) {
          await yieldTurn();
          order.push(worker);
          workFor(MAX_TURN_MS + 1);
        }
      }),
    );
    isOver = true;
    expect(order.filter((who) => who !== 'loop')).toHaveLength(30);
    const first = order.findIndex((who) => who !== 'loop');
    let turns = REST_TURNS;
    for (const who of order.slice(first)) {
      if (who === 'loop') turns += 1;
      else {
        // One of them may be counted on the other side of the work.
        expect(turns).toBeGreaterThanOrEqual(REST_TURNS - 1);
        turns = 0;
      }
    }
  });

  it('lets owners take turns, whatever kind of work they have and however much of it', async () => {
    const order: string[] = [];
    async function work(owner: string | undefined, pieces: number): Promise<void> {
      const { yieldTurn } = createYielder({ owner });
      for (let i = 0; i < pieces; i += 1) {
        await yieldTurn();
        order.push(owner ?? 'nobody');
        workFor(MAX_TURN_MS + 1);
      }
    }
    const batches = Array.from({ length: 30 }, () => work('ingester', 1));
    await Promise.all([...batches, work('reader', 4), work(undefined, 4)]);
    expect(order.slice(0, 12)).toEqual(Array(4).fill(['ingester', 'reader', 'nobody']).flat());
    expect(order).toHaveLength(38);
  });

  it('lets short pieces share a turn of the loop', async () => {
    let turns = 0;
    let isOver = false;
    const loop = (): void => {
      turns += 1;
      if (!isOver) setImmediate(loop);
    };
    workFor(MAX_TURN_MS + 1);
    setImmediate(loop);
    await Promise.all(Array.from({ length: 500 }, () => createYielder({ owner: 'many' }).yieldTurn()));
    isOver = true;
    // Six for each, if each had a turn for itself; some, where the machine took its time.
    expect(turns).toBeLessThan(300);
  });

  it('costs nothing while somebody has worked for less', async () => {
    const { yieldTurn } = createYielder();
    workFor(MAX_TURN_MS + 1);
    await yieldTurn();
    let turns = 0;
    let isOver = false;
    const loop = (): void => {
      turns += 1;
      if (!isOver) setImmediate(loop);
    };
    setImmediate(loop);
    for (let i = 0; i < 1_000; i += 1) await yieldTurn();
    isOver = true;
    // Six for each, if each gave way; some, where the machine took its time.
    expect(turns).toBeLessThan(600);
  });
});
