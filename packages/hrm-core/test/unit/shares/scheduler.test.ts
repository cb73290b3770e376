import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createSemaphore } from '../../../src/shares/quota.js';
import { createScheduler } from '../../../src/shares/scheduler.js';

const { signal } = new AbortController();

describe('a fair share', () => {
  it('runs so many steps at once, and lets clients take turns however much one of them asks for', async () => {
    const share = createScheduler(2);
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const begun: string[] = [];
    let running = 0;
    let most = 0;
    const step = (name: string) => async () => {
      begun.push(name);
      running += 1;
      most = Math.max(most, running);
      await opened;
      await nextTurn();
      running -= 1;
    };
    const all = ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'c1', 'b2'].map((name) =>
      share.run(name.charAt(0), step(name), signal),
    );
    await nextTurn();
    expect(begun).toEqual(['a1', 'a2']);
    open();
    await Promise.all(all);
    expect(begun).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5']);
    expect(most).toBe(2);
  });

  it('begins a step of another at once, however many of one are under way', async () => {
    const share = createScheduler(4);
    const hanging = Array.from({ length: 9 }, () => share.run('a', () => new Promise(() => undefined), signal));
    expect(await share.run('b', async () => 'done', signal)).toBe('done');
    expect(hanging).toHaveLength(9);
  });

  it('gives what a step gives, and goes on after one that failed', async () => {
    const share = createScheduler(1);
    const failing = share.run('a', () => Promise.reject(new Error('no')), signal);
    const next = share.run('a', async () => 7, signal);
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe(7);
    expect(await share.run('b', async () => 8, signal)).toBe(8);
  });

  it('lets everybody else have a turn between two steps', async () => {
    const share = createScheduler(1);
    let turns = 0;
    const isOver = { value: false };
    const count = (): void => {
      turns += 1;
      if (!isOver.value) setImmediate(count);
    };
    setImmediate(count);
    await Promise.all(Array.from({ length: 20 }, () => share.run('a', async () => undefined, signal)));
    isOver.value = true;
    expect(turns).toBeGreaterThanOrEqual(18);
  });
});

describe('a step that hangs', () => {
  it('holds up the others until its client has gone', async () => {
    const share = createScheduler(1);
    const gone = new AbortController();
    const hanging = share.run('a', () => new Promise(() => undefined), gone.signal);
    let isDone = false;
    const next = share
      .run('b', async () => 'done', signal)
      .finally(() => {
        isDone = true;
      });
    await nextTurn();
    expect(isDone).toBe(false);
    gone.abort();
    await expect(hanging).rejects.toMatchObject({ kind: 'closed', code: 'client_gone' });
    expect(await next).toBe('done');
    await expect(share.run('a', async () => 1, gone.signal)).rejects.toMatchObject({ code: 'client_gone' });
  });
});

describe('places', () => {
  it('are a quarter of all for one client, and come back once', () => {
    const semaphore = createSemaphore(8, 'no place');
    const first = semaphore.acquire('a');
    semaphore.acquire('a');
    expect(() => semaphore.acquire('a')).toThrow(expect.objectContaining({ kind: 'unavailable', code: 'too_busy' }));
    first();
    first();
    semaphore.acquire('a');
    expect(() => semaphore.acquire('a')).toThrow('no place');
    for (const client of ['b', 'b', 'c', 'c', 'd', 'd']) semaphore.acquire(client);
    expect(() => semaphore.acquire('e')).toThrow('no place');
  });

  it('of clients that are gone are free', () => {
    const semaphore = createSemaphore(4, 'no place');
    for (let i = 0; i < 1_000; i += 1) semaphore.acquire(`client ${i}`)();
    for (const client of ['a', 'b', 'c', 'd']) semaphore.acquire(client);
    expect(() => semaphore.acquire('e')).toThrow();
  });
});
