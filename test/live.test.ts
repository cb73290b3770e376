/** The live view over several processes, as `hrm serve` runs them: whoever accepts a reading, every process shows it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type LiveStream, openLive } from '../packages/hrm-server/test/live-client.js';
import { environment, postBatch, type Service, startService, temporaryDirectory } from './support/hrm.js';
import { startRedis } from './support/redis-server.js';

const START_MS = Date.UTC(2024, 0, 15);
/** SIGKILLs of the process that takes readings. */
const KILLS = 5;
const POSTERS = 4;

type Start = (...args: string[]) => Promise<Service>;

/** Starts processes on one new queue. */
async function newSystem(driver: string): Promise<Start> {
  const directory = await temporaryDirectory();
  const settings = driver === 'redis' ? { REDIS_URL: (await startRedis()).url } : {};
  const env = environment(directory, { HRM_BATCH_MAX_AGE_MS: '100', ...settings });
  return (...args) => startService(env, ...args);
}

function numbered(number: number, user_id = 'ana') {
  return { user_id, device_id: 'watch', timestamp: new Date(START_MS + number).toISOString(), heart_rate: 72 };
}

function numbersOf(stream: LiveStream): number[] {
  return stream.data().map((data) => Date.parse((data as { timestamp: string }).timestamp) - START_MS);
}

describe.each(['embedded', 'redis'])('the live view of two API processes on one %s queue', (driver) => {
  it('shows at each what the other accepts, and goes on at one where the other ended', async () => {
    const start = await newSystem(driver);
    const [one, two] = [await start('--only', 'api', '--only', 'consumer'), await start('--only', 'api')];
    const streams = [await openLive(one.url, { user_id: 'ana' }), await openLive(two.url, { user_id: 'ana' })];
    expect(await postBatch(one.url, [numbered(1), numbered(2, 'ben')])).toBe(202);
    expect(await postBatch(two.url, [numbered(3)])).toBe(202);
    for (const stream of streams) {
      await stream.waitFor(2);
      expect(numbersOf(stream)).toEqual([1, 3]);
    }
    const [first] = streams as [LiveStream];
    const startMs = performance.now();
    expect(await one.end('SIGTERM')).toBe(0);
    // A stream that had to be waited for would take ten seconds.
    expect(performance.now() - startMs).toBeLessThan(8_000);
    expect(await first.ended).toBe('whole');
    expect(await postBatch(two.url, [numbered(4), numbered(5, 'ben')])).toBe(202);
    const again = await openLive(two.url, { user_id: 'ana' }, { 'Last-Event-ID': first.lastId() });
    expect(await postBatch(two.url, [numbered(6)])).toBe(202);
    await again.waitFor(2);
    expect([...numbersOf(first), ...numbersOf(again)]).toEqual([1, 3, 4, 6]);
    expect(again.data('gap')).toEqual([]);
  });

  it(`shows everything that was accepted through ${KILLS} SIGKILLs of who accepts it`, async () => {
    const start = await newSystem(driver);
    const watched = await start('--only', 'api');
    const stream = await openLive(watched.url, { user_id: 'ana' });
    const accepted = new Set<number>();
    let sent = 0;
    async function postUntilGone({ url }: Service): Promise<void> {
      for (;;) {
        const numbers = Array.from({ length: 20 }, () => {
          sent += 1;
          return sent;
        });
        try {
          if (
            (await postBatch(
              url,
              numbers.map((number) => numbered(number)),
            )) !== 202
          )
            return;
        } catch {
          return;
        }
        for (const number of numbers) accepted.add(number);
      }
    }
    for (let round = 0; round < KILLS; round += 1) {
      const victim = await start('--only', 'api', '--only', 'consumer');
      const posting = Array.from({ length: POSTERS }, () => postUntilGone(victim));
      await sleep(300);
      expect(await victim.end('SIGKILL')).toBeNull();
      await Promise.all(posting);
    }
    await stream.waitFor(accepted.size);
    const missing = () => {
      const shown = new Set(numbersOf(stream));
      return [...accepted].filter((number) => !shown.has(number)).length;
    };
    for (const endMs = Date.now() + 10_000; missing() > 0 && Date.now() < endMs; ) await sleep(50);
    expect(missing()).toBe(0);
    expect(stream.data('gap')).toEqual([]);
    const shown = numbersOf(stream);
    expect(new Set(shown).size).toBe(shown.length);
    expect(shown.every((number) => number <= sent)).toBe(true);
    expect(accepted.size).toBeGreaterThan(KILLS * 20);
    console.log(`live: ${KILLS} kills, ${accepted.size} readings accepted, all of them shown`);
  });
});
