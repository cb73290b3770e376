import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'vitest';
import { createPace } from '../../src/drivers/aws/pace.js';
import { createSleepers } from '../../src/drivers/queue/sleepers.js';
import { onAbort, pause } from '../../src/waits.js';

/** As many as a busy signal has; Node warns from the eleventh listener on. */
const MANY = 30;

const times = <T>(make: () => T): T[] => Array.from({ length: MANY }, make);

describe('waits for a signal', () => {
  it('share one listener, and leave none behind', async () => {
    const stop = new AbortController();
    const { signal } = stop;
    const pace = createPace(1);
    await pace.enter();
    const sleepers = createSleepers();
    const entering = times(() => pace.enter(signal));
    const waits = [...times(() => pause(60_000, signal)), ...times(() => sleepers.sleep(60_000, signal))];
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    stop.abort();
    await Promise.all(waits);
    for (const one of await Promise.allSettled(entering)) assert.equal(one.status, 'rejected');
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  it('that are over are not called, and the last of them takes the listener away', () => {
    const stop = new AbortController();
    let calls = 0;
    const count = () => {
      calls += 1;
    };
    const [first, second] = [onAbort(stop.signal, count), onAbort(stop.signal, count)];
    first();
    first();
    assert.equal(getEventListeners(stop.signal, 'abort').length, 1);
    second();
    assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
    const third = onAbort(stop.signal, count);
    // What is over for the first two is not over for those that came after.
    second();
    stop.abort();
    third();
    assert.equal(calls, 1);
    onAbort(stop.signal, count);
    assert.equal(calls, 1);
    onAbort(undefined, count)();
  });
});
