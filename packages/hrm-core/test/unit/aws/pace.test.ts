import { describe, expect, it } from 'vitest';
import { createPace } from '../../../src/drivers/aws/pace.js';

async function settled(promise: Promise<unknown>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), new Promise<boolean>((end) => setImmediate(end, false))]);
}

describe('the pace', () => {
  it('lets so many in, and the next ones in their order', async () => {
    const pace = createPace(2);
    const leave = [await pace.enter(), await pace.enter()];
    const order: number[] = [];
    const third = pace.enter().then(() => order.push(3));
    const fourth = pace.enter().then(() => order.push(4));
    expect(await settled(third)).toBe(false);
    leave[0]?.();
    leave[0]?.();
    expect([await settled(third), await settled(fourth)]).toEqual([true, false]);
    leave[1]?.();
    await fourth;
    expect(order).toEqual([3, 4]);
  });

  it('is halved once for all that were refused together, and comes back', () => {
    let now = 0;
    const pace = createPace(64, () => now);
    for (let i = 0; i < 20; i += 1) pace.slow();
    expect(pace.limit).toBe(32);
    for (let i = 0; i < 20; i += 1) {
      now += 1_000;
      pace.slow();
    }
    expect(pace.limit).toBe(1);
    for (let i = 0; i < 2_200; i += 1) pace.quicken();
    expect(pace.limit).toBe(64);
  });

  it('after it was slowed lets nobody in until enough have left', async () => {
    const pace = createPace(4);
    const leave = await Promise.all([pace.enter(), pace.enter(), pace.enter(), pace.enter()]);
    pace.slow();
    const next = pace.enter();
    leave[0]?.();
    leave[1]?.();
    expect(await settled(next)).toBe(false);
    leave[2]?.();
    expect(await settled(next)).toBe(true);
  });

  it('forgets who was aborted while waiting', async () => {
    const pace = createPace(1);
    const leave = await pace.enter();
    const aborting = new AbortController();
    const waiting = pace.enter(aborting.signal);
    const last = pace.enter();
    aborting.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'closed' });
    await expect(pace.enter(aborting.signal)).rejects.toMatchObject({ kind: 'closed' });
    leave();
    expect(await settled(last)).toBe(true);
  });
});
