/** Loops of a running service that stand still, since a call of the real storage hangs. */
import { HrmError, type Queue, type Storage } from 'hrm-core';
import { openQueue, openStorage } from 'hrm-core/open';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { serve } from '../src/index.js';
import { filesBelow, post, startTest, until, wireReading, withoutHealth } from './support.js';

const WATCH = { consumerStallMs: 300, compacterStallMs: 300, graceMs: 300, restartPauseMs: 10 };
/** Three leases are the least that a stall takes. */
const FLAGS = { batchMaxAgeMs: '0', leaseMs: '100', compactEveryMs: '20' };
const FOREVER = new Promise<never>(() => undefined);

/** As a call does whose server does not answer, and which hears its signal. */
function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(new HrmError('aborted', { kind: 'closed', code: 'aborted' })));
  });
}

/** A queue whose waits are far shorter than a stall, as in earnest: there 10 s of 60. */
function wrapQueue(queue: Queue): Queue {
  return { ...queue, wait: (ripe, options) => queue.wait(ripe, { ...options, timeoutMs: 20 }) };
}

async function storedFiles(dataDir: string): Promise<number> {
  return (await filesBelow(dataDir)).filter((name) => name.endsWith('.parquet')).length;
}

function messages(log: readonly string[]): { level: number; msg: string; loop?: string; code?: string }[] {
  return log.map((line) => JSON.parse(line));
}

describe('a part that stands still', () => {
  test('is started anew, goes on with its work, and /health and the log say so', async () => {
    const hangs = { publish: 1, snapshot: 1 };
    const { url, settings, log } = await startTest({
      parts: ['api', 'consumer', 'compacter'],
      flags: FLAGS,
      watch: WATCH,
      wrapQueue,
      wrapStorage: (storage): Storage => ({
        ...storage,
        publish: (...call) => (hangs.publish-- > 0 ? untilAborted(call[3]?.signal) : storage.publish(...call)),
        snapshot: (...call) => (hangs.snapshot-- > 0 ? untilAborted(call[1]?.signal) : storage.snapshot(...call)),
      }),
    });
    expect((await post(`${url}/metrics/heart-rate`, wireReading())).status).toBe(202);
    await until(async () => (await filesBelow(settings.dataDir)).includes('compacted.parquet'), 'it is compacted');
    await until(async () => (await (await fetch(`${url}/health`)).text()).includes('restarted'), '/health tells');
    const response = await fetch(`${url}/health`);
    expect(response.status).toBe(200);
    const health = (await response.json()) as { status: string; checks: { service: string } };
    expect(health.status).toBe('degraded');
    expect(health.checks.service).toContain('the consumer stood still and was restarted');
    for (const loop of ['consumer', 'compacter']) {
      const lines = messages(withoutHealth(log)).filter((line) => line.loop === loop && line.level >= 40);
      // On a busy machine a piece of work may take too long again.
      expect(lines.slice(0, 2).map(({ level, msg }) => [level, msg])).toEqual([
        [50, 'a loop stands still; it is ended and started anew'],
        [40, 'a loop was started anew'],
      ]);
    }
  });

  test.each([['consumer', 'publish'] as const, ['compacter', 'snapshot'] as const])(
    'for good fails the service: the %s, in %s; closing it waits for nothing that hangs',
    async (part, method) => {
      const { service, settings, queue, log } = await startTest({
        parts: [part],
        flags: FLAGS,
        watch: { ...WATCH, closeDriversMs: 200 },
        wrapQueue,
        wrapStorage: (storage): Storage => ({ ...storage, [method]: () => FOREVER, close: () => FOREVER }),
      });
      const reading = { user_id: 'ana', device_id: 'watch', timestamp_ms: 1, heart_rate: 70 };
      if (part === 'compacter') {
        // Something to compact, by others.
        const other = await openStorage(settings);
        await other.publish({ date: '20240115', directory: 'ana' }, 'part-a.parquet', Buffer.from('any'));
        await other.close();
      }
      await queue.push([{ bytes: Buffer.from(JSON.stringify(reading)), readings: 1 }]);
      await expect(service.failed).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'loop_stalled',
        message: expect.stringContaining(`the ${part} stands still, and it hangs in a call that does not return`),
      });
      await service.close();
      const lines = messages(withoutHealth(log)).filter(({ level }) => level >= 50);
      expect(lines.map(({ level, code }) => [level, code])).toEqual([
        [50, undefined],
        [60, 'loop_stalled'],
        [50, undefined],
      ]);
      if (part === 'compacter') return;
      const next = await serve(settings, { parts: ['consumer'], log: pino({ level: 'silent' }) });
      await until(async () => (await storedFiles(settings.dataDir)) === 1, 'another process stores the batch');
      await next.close();
      const reopened = await openQueue(settings);
      expect(await reopened.depth()).toMatchObject({ readings: 0, claimedReadings: 0 });
      await reopened.close();
    },
  );

  test('holds up no shutdown, even before anybody noticed', async () => {
    let isHanging = false;
    const { service, queue, log } = await startTest({
      parts: ['consumer'],
      flags: { batchMaxAgeMs: '0' },
      watch: { closeLoopsMs: 200, closeDriversMs: 200 },
      wrapStorage: (storage): Storage => ({
        ...storage,
        publish() {
          isHanging = true;
          return FOREVER;
        },
      }),
    });
    const reading = { user_id: 'ana', device_id: 'watch', timestamp_ms: 1, heart_rate: 70 };
    await queue.push([{ bytes: Buffer.from(JSON.stringify(reading)), readings: 1 }]);
    await until(() => isHanging, 'it hangs');
    await service.close();
    expect(messages(withoutHealth(log)).filter(({ level }) => level >= 50)).toMatchObject([
      { msg: 'a loop has not ended in time; its batch is taken over when its lease has ended' },
    ]);
  });
});
